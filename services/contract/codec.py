"""Events as Kafka records: CloudEvents 1.0.2, Kafka protocol binding, binary mode.

Attributes travel as `ce_*` headers, the data as JSON, so that a consumer can choose by type
without touching the body.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pydantic import ValidationError

from services.contract.event import Event, EventData
from services.contract.registry import BY_TYPE, upcast

Headers = tuple[tuple[str, bytes], ...]

SCHEMA_ROOT: Final = "https://careloop.example/events/schemas/"
REQUIRED: Final = ("id", "source", "type", "time", "partitionkey", "sequence", "recordedtime")


@dataclass(frozen=True, slots=True)
class Record:
    """What stands on a topic: key, value and headers, as bytes."""

    key: bytes
    value: bytes
    headers: Headers


class UndecodableError(ValueError):
    """A record that is not an event of this contract; the text says what is wrong with it."""


def header_map(headers: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    """Return the headers by name."""
    return dict(headers)


def schema_of(event_type: str) -> str:
    """Return the URI of the JSON Schema of an event type's data."""
    return f"{SCHEMA_ROOT}{event_type}.json"


def instant_text(moment: datetime) -> str:
    """Write an instant as RFC 3339 in UTC, to the microsecond, always the same length."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def encode(event: Event[EventData]) -> Record:
    """Return the record that carries `event`; equal events give equal bytes."""
    attributes: list[tuple[str, str | None]] = [
        ("ce_specversion", "1.0"),
        ("ce_id", event.id),
        ("ce_source", event.source),
        ("ce_type", event.type),
        ("ce_subject", event.subject or None),
        ("ce_time", instant_text(event.time)),
        ("ce_partitionkey", event.household),
        ("ce_sequence", str(event.sequence)),
        ("ce_recordedtime", instant_text(event.recorded_time)),
        ("ce_causationid", event.causation_id),
        ("ce_correlationid", event.correlation_id),
        ("ce_dataschema", schema_of(event.type)),
        ("ce_traceparent", event.traceparent),
        ("content-type", "application/json"),
    ]
    headers = tuple((name, value.encode()) for name, value in attributes if value is not None)
    return Record(
        key=event.household.encode(),
        value=event.data.model_dump_json().encode(),
        headers=headers,
    )


def decode(record: Record) -> Event[EventData]:
    """Return the event that a record carries, upcast to the newest version of its type.

    Raises:
        UndecodableError: attributes missing or malformed, type unknown, or data refused by its
            model; every problem is listed.
    """
    headers = header_map(record.headers)
    missing = [name for name in REQUIRED if f"ce_{name}" not in headers]
    if missing:
        raise UndecodableError(f"CloudEvents attributes are missing: {', '.join(missing)}")
    try:
        text = {name: value.decode() for name, value in headers.items()}
    except UnicodeDecodeError as error:
        raise UndecodableError(f"a header is not UTF-8: {error}") from error
    model = BY_TYPE.get(text["ce_type"])
    if model is None:
        raise UndecodableError(f"the event type {text['ce_type']!r} is not in the catalog")
    try:
        data = upcast(model.model_validate_json(record.value))
    except ValidationError as error:
        raise UndecodableError(_problems(error)) from error
    try:
        return Event(
            id=text["ce_id"],
            source=text["ce_source"],
            subject=text.get("ce_subject", ""),
            household=text["ce_partitionkey"],
            time=datetime.fromisoformat(text["ce_time"]),
            recorded_time=datetime.fromisoformat(text["ce_recordedtime"]),
            sequence=int(text["ce_sequence"]),
            data=data,
            causation_id=text.get("ce_causationid"),
            correlation_id=text.get("ce_correlationid"),
            traceparent=text.get("ce_traceparent"),
        )
    except ValueError as error:
        raise UndecodableError(f"an attribute is malformed: {error}") from error


def _problems(error: ValidationError) -> str:
    lines = [
        f"{'.'.join(map(str, problem['loc'])) or 'data'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    return "; ".join(lines)
