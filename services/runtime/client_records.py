"""Records as the Kafka client delivers them, made ours."""

from aiokafka.structs import ConsumerRecord

from services.contract.codec import Record


def record_of(delivered: ConsumerRecord) -> Record:
    """Return key, value and headers. What Kafka allows to be null is empty here."""
    headers = tuple([(name, value or b"") for name, value in delivered.headers])
    return Record(delivered.key or b"", delivered.value or b"", headers)
