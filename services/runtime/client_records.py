"""Records as the Kafka client delivers them, made ours."""

from operator import itemgetter
from typing import Final

from aiokafka.structs import ConsumerRecord

from services.contract.codec import Record

_VALUE: Final = itemgetter(1)


def record_of(delivered: ConsumerRecord) -> Record:
    """Return key, value and headers. What Kafka allows to be null is empty here."""
    headers = tuple(delivered.headers)
    if None in map(_VALUE, headers):
        headers = tuple((name, value or b"") for name, value in headers)
    return Record(delivered.key or b"", delivered.value or b"", headers)
