"""Events as Kafka records: CloudEvents 1.0.2, Kafka protocol binding, binary mode.

Attributes travel as `ce_*` headers, the data as JSON, so that a consumer can choose by type
without touching the body.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Final, NamedTuple

import orjson
from pydantic import ValidationError

from services.contract.catalog import producer_of
from services.contract.event import Event, EventData
from services.contract.registry import BY_TYPE, upcast

Headers = tuple[tuple[str, bytes], ...]

SCHEMA_ROOT: Final = "https://careloop.example/events/schemas/"
REQUIRED: Final = (
    "specversion", "id", "source", "type", "time", "partitionkey", "sequence", "recordedtime",
)  # fmt: skip
_REQUIRED_HEADERS: Final = frozenset(f"ce_{name}" for name in REQUIRED)
_SPECVERSION: Final = ("ce_specversion", b"1.0")
_CONTENT_TYPE: Final = ("content-type", b"application/json")
_FIELDS: Final = attrgetter("__dict__")
SEQUENCE_DIGITS_MAX: Final = 18
_MINUTE: Final = timedelta(minutes=1)
_NO_OFFSET: Final = timedelta(0)
PROBLEMS_MAX: Final = 50
PROBLEM_CHARS_MAX: Final = 300


class Record(NamedTuple):
    """What stands on a topic: key, value and headers, as bytes."""

    key: bytes
    value: bytes
    headers: Headers


class UndecodableError(ValueError):
    """A record that is not an event of this contract; the text says what is wrong with it."""


def header_map(headers: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    """Return the headers by name."""
    return dict(headers)


def sequence_of(headers: Mapping[str, bytes]) -> int | None:
    """Return the sequence that headers name, from 1 on; None if they name none."""
    text = headers.get("ce_sequence", b"")
    if len(text) > SEQUENCE_DIGITS_MAX or not text.isdigit():
        return None
    return int(text) or None


def producer_in(headers: Mapping[str, bytes]) -> str | None:
    """Return the service that headers say a record comes from; None for a stranger or no type."""
    kind, source = headers.get("ce_type", b""), headers.get("ce_source", b"")
    return producer_of(kind.decode(errors="replace"), source.decode(errors="replace"))


def schema_of(event_type: str) -> str:
    """Return the URI of the JSON Schema of an event type's data."""
    return f"{SCHEMA_ROOT}{event_type}.json"


def instant_text(moment: datetime) -> str:
    """Write an instant as RFC 3339 in UTC, to the microsecond, always the same length.

    Raises:
        ValueError: the moment has no offset, so it would depend on this machine's time zone.
    """
    return _instant_bytes(moment).decode()


def _instant_bytes(moment: datetime) -> bytes:
    # A third of the time of `isoformat`; every record has two.
    if moment.tzinfo is not UTC:
        if moment.tzinfo is None:
            raise ValueError(f"{moment.isoformat()} has no offset")
        moment = moment.astimezone(UTC)
    quoted = orjson.dumps(moment, option=orjson.OPT_UTC_Z)
    return quoted[1:-1] if moment.microsecond else quoted[1:-2] + b".000000Z"


def _time_bytes(moment: datetime) -> bytes:
    """Write when something happened with the offset it was told with: it says which day it was.

    RFC 9557, section 2: `Z` says nothing of where, as an offset that was not told. One of seconds,
    as zones had before 1972, cannot be written (RFC 3339, section 5.6): then UTC is.
    """
    offset = None if moment.tzinfo is UTC else moment.utcoffset()
    if not offset or offset % _MINUTE:
        return _instant_bytes(moment)
    return orjson.dumps(moment)[1:-1]


def written(data: EventData) -> bytes:
    """Return the JSON of an event's data: what pydantic writes, to the byte, in half the time."""
    try:
        return orjson.dumps(data.__dict__, default=_FIELDS, option=orjson.OPT_UTC_Z)
    except TypeError:  # such as an integer beyond 64 bits
        return data.model_dump_json().encode()


def encode(event: Event[EventData]) -> Record:
    """Return the record that carries `event`; equal events give equal bytes."""
    household = event.household.encode()
    headers = [
        _SPECVERSION,
        ("ce_id", event.id.encode()),
        ("ce_source", event.source.encode()),
        ("ce_type", event.data.TYPE.encode()),
    ]
    if event.subject:
        headers.append(("ce_subject", event.subject.encode()))
    headers += (
        ("ce_time", _time_bytes(event.time)),
        ("ce_partitionkey", household),
        ("ce_sequence", b"%d" % event.sequence),
        ("ce_recordedtime", _instant_bytes(event.recorded_time)),
    )
    if event.causation_id is not None:
        headers.append(("ce_causationid", event.causation_id.encode()))
    if event.correlation_id is not None:
        headers.append(("ce_correlationid", event.correlation_id.encode()))
    headers.append(("ce_dataschema", schema_of(event.data.TYPE).encode()))
    if event.traceparent is not None:
        headers.append(("ce_traceparent", event.traceparent.encode()))
    headers.append(_CONTENT_TYPE)
    return Record(household, written(event.data), tuple(headers))


def decode(
    record: Record,
    headers: dict[str, bytes] | None = None,
    models: Mapping[str, type[EventData]] = BY_TYPE,
) -> Event[EventData]:
    """Return the event that a record carries, upcast to the newest version of its type.

    headers: the record's by name, where the caller has them already. models: what data is read as,
    by event type; a reader of few fields may have models of its own.

    Of two equal keys in a JSON object the last one counts, as in Python's own parsers.

    Raises:
        UndecodableError: attributes missing or malformed, type unknown, or data refused by its
            model. Every problem is listed (the first 50, and how many more there are).
    """
    text, problems = _attributes(record, header_map(record.headers) if headers is None else headers)
    model = models.get(text.get("ce_type", ""))
    if model is None and "ce_type" in text:
        problems.append(f"the event type {_short(text['ce_type'])!r} is not in the catalog")
    time = _instant(text.get("ce_time"), "time", problems)
    recorded_time = _instant(text.get("ce_recordedtime"), "recordedtime", problems)
    sequence = text.get("ce_sequence", "0")
    if not (sequence.isascii() and sequence.isdigit() and len(sequence) <= SEQUENCE_DIGITS_MAX):
        problems.append(f"sequence: {_short(sequence)!r} is not a whole number from 0")
    data = None
    if model is not None:
        try:
            data = upcast(model.model_validate_json(record.value))
        except ValidationError as error:
            problems += _problems(error)
    if problems or data is None or time is None or recorded_time is None:
        raise UndecodableError(_listed(problems))
    return Event(
        id=text["ce_id"],
        source=text["ce_source"],
        subject=text.get("ce_subject", ""),
        household=text["ce_partitionkey"],
        time=time,
        recorded_time=recorded_time,
        sequence=int(sequence),
        data=data,
        causation_id=text.get("ce_causationid"),
        correlation_id=text.get("ce_correlationid"),
        traceparent=text.get("ce_traceparent"),
    )


def _attributes(record: Record, headers: dict[str, bytes]) -> tuple[dict[str, str], list[str]]:
    """Return the headers as text, and what is wrong with them."""
    if (
        len(headers) == len(record.headers)
        and headers.keys() >= _REQUIRED_HEADERS
        and headers["ce_specversion"] == b"1.0"
        and headers["ce_partitionkey"] == record.key
    ):
        try:
            texts = b"\0".join(headers.values()).decode().split("\0")
        except UnicodeDecodeError:
            texts = []
        if len(texts) == len(headers):
            return dict(zip(headers, texts, strict=True)), []
        # Not UTF-8, or a NUL character in one of them: say where.
    return _attributes_with_problems(record, headers)


def _attributes_with_problems(
    record: Record, headers: dict[str, bytes]
) -> tuple[dict[str, str], list[str]]:
    problems = [f"{name}: is missing" for name in REQUIRED if f"ce_{name}" not in headers]
    if len(headers) != len(record.headers):
        names = [name for name, _ in record.headers]
        twice = {name for name in names if name.startswith("ce_") and names.count(name) > 1}
        problems += [f"{name.removeprefix('ce_')}: stands twice" for name in sorted(twice)]
    text: dict[str, str] = {}
    for name, value in headers.items():
        if not name.startswith("ce_"):
            continue
        try:
            text[name] = value.decode()
        except UnicodeDecodeError:
            problems.append(f"{name.removeprefix('ce_')}: is not UTF-8")
            continue
        if "\0" in text[name]:
            # It would pass through here and stop at PostgreSQL, which cannot store it.
            problems.append(f"{name.removeprefix('ce_')}: contains a NUL character")
    if text.get("ce_specversion", "1.0") != "1.0":
        problems.append(f"specversion: {_short(text['ce_specversion'])!r} is not 1.0")
    if headers.get("ce_partitionkey", record.key) != record.key:
        problems.append("partitionkey: is not the record's key")
    return text, problems


def _instant(text: str | None, name: str, problems: list[str]) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            problems.append(f"{name}: {text!r} has no offset")
            return None
        if moment.tzinfo is not UTC:
            moment.astimezone(UTC)  # at the calendar's ends it has no place in UTC
    except (ValueError, OverflowError):
        problems.append(f"{name}: {_short(text)!r} is not an RFC 3339 instant")
        return None
    if moment.tzinfo is not UTC and (moment.utcoffset() or _NO_OFFSET) % _MINUTE:
        problems.append(f"{name}: {_short(text)!r} has an offset of seconds")
        return None
    return moment


def _problems(error: ValidationError) -> list[str]:
    return [
        f"{'.'.join(map(str, problem['loc'])) or 'data'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def _listed(problems: list[str]) -> str:
    """Join the problems; a hostile record must not make a reason longer than itself."""
    more = len(problems) - PROBLEMS_MAX
    lines = [_short(problem) for problem in problems[:PROBLEMS_MAX]]
    return "; ".join(lines) + (f"; and {more} more" if more > 0 else "")


def _short(text: str) -> str:
    return text if len(text) <= PROBLEM_CHARS_MAX else text[:PROBLEM_CHARS_MAX] + "…"
