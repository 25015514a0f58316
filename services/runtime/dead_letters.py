"""What was refused, kept with its reason and its original bytes."""

from dataclasses import dataclass

from services.contract.codec import Record, header_map
from services.contract.ids import stable_id

REASON_BYTES_MAX = 4_000
RECORD_BYTES_MAX = 256 << 10
"""Of the original; with what is added a letter stays well below what any topic takes."""

_ID = "deadletter-id"
_KEY_BYTES = 1_000
_HEADERS = 32
_NAME_CHARACTERS = 200
_HEADER_BYTES = 2_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands in the log."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter as it is read again. record: the original; cut: only its beginning."""

    id: str
    refused_by: str
    reason: str
    place: Place
    record: Record
    cut: bool


def read_letter(record: Record) -> Letter | None:
    """Return the dead letter that a record is; None if it is not one of ours."""
    names = [name for name, _ in record.headers]
    if _ID not in names:
        return None
    # What the runtime added stands last; the original may have had headers of such names.
    end = len(names) - 1 - names[::-1].index(_ID)
    about = header_map(record.headers[end:])
    try:
        place = Place(
            about["deadletter-topic"].decode(),
            int(about["deadletter-partition"]),
            int(about["deadletter-offset"]),
        )
        refused_by, reason = about["deadletter-refused-by"], about["deadletter-reason"]
    except (KeyError, ValueError):
        return None
    return Letter(
        id=about[_ID].decode(errors="replace"),
        refused_by=refused_by.decode(errors="replace"),
        reason=reason.decode(errors="replace"),
        place=place,
        record=Record(record.key, record.value, record.headers[:end]),
        cut="deadletter-cut-from-bytes" in about,
    )


def sent_again_as(place: Place) -> str:
    """Return the sender's id under which what was refused at a place is sent to the gateway again."""
    return f"dead-letter:{place.topic}:{place.partition}:{place.offset}"


def dead_letter(record: Record, place: Place, refused_by: str, reason: str) -> Record:
    """Return the record for `dead-letters`: the original, with headers that say why.

    The original headers are kept, so that a mended record can be driven again. The id is made of
    the place and of who refused it: a repeat after a crash is recognisable. Of a record too large
    to be written again the beginning is kept; the whole stands at its place.
    """
    about = {
        _ID: stable_id(refused_by, place.topic, str(place.partition), str(place.offset)),
        "deadletter-refused-by": refused_by,
        "deadletter-reason": reason[:REASON_BYTES_MAX],
        "deadletter-topic": place.topic,
        "deadletter-partition": str(place.partition),
        "deadletter-offset": str(place.offset),
    }
    size = _bytes_of(record)
    if size > RECORD_BYTES_MAX:
        about["deadletter-cut-from-bytes"] = str(size)
        record = _cut(record)
    added = tuple((name, value.encode(errors="replace")) for name, value in about.items())
    return Record(record.key, record.value, (*record.headers, *added))


def _bytes_of(record: Record) -> int:
    headers = sum(len(name.encode()) + len(value) for name, value in record.headers)
    return len(record.key) + len(record.value) + headers


def _cut(record: Record) -> Record:
    headers = tuple(
        (name[:_NAME_CHARACTERS], value[:_HEADER_BYTES])
        for name, value in record.headers[:_HEADERS]
    )
    return Record(record.key[:_KEY_BYTES], record.value[:RECORD_BYTES_MAX], headers)
