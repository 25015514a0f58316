"""What was refused, kept with its reason and its original bytes."""

from dataclasses import dataclass

from services.contract.codec import Record
from services.contract.ids import stable_id

REASON_BYTES_MAX = 4_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands in the log."""

    topic: str
    partition: int
    offset: int


def dead_letter(record: Record, place: Place, refused_by: str, reason: str) -> Record:
    """Return the record for `dead-letters`: the original, with headers that say why.

    The original headers are kept, so that a mended record can be driven again. The id is made of
    the place and of who refused it: a repeat after a crash is recognisable.
    """
    about = {
        "deadletter-id": stable_id(
            refused_by, place.topic, str(place.partition), str(place.offset)
        ),
        "deadletter-refused-by": refused_by,
        "deadletter-reason": reason[:REASON_BYTES_MAX],
        "deadletter-topic": place.topic,
        "deadletter-partition": str(place.partition),
        "deadletter-offset": str(place.offset),
    }
    added = tuple((name, value.encode(errors="replace")) for name, value in about.items())
    return Record(record.key, record.value, (*record.headers, *added))
