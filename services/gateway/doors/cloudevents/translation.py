"""A CloudEvent as a fact of the contract, with all its problems."""

import re
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Literal

import orjson
from pydantic import ValidationError

from services.contract.catalog import catalog
from services.contract.clinical import ObservationRecorded
from services.contract.event import EventData
from services.contract.ids import stable_id
from services.contract.member import MemberRegistered
from services.contract.money import AmountRefusedError, minor_digits
from services.contract.registry import BY_TYPE, upcast
from services.contract.step import RuleRefusedError
from services.gateway.acceptance.facts import Fact, Group, is_id
from services.gateway.acceptance.names import CARELOOP
from services.gateway.acceptance.problems import IssueCode, Problem, RequestRefusedError
from services.gateway.doors.cloudevents.reader import Received
from services.gateway.doors.json_body import float_number, load_json
from services.gateway.doors.network import NetworkDirectory
from services.member.reading import check_units

# RFC 3339, section 5.6; seconds of 60 are refused further on, as no clock here can say them.
_TIME: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_YEARS: Final = range(1850, 2200)
_URI: Final = re.compile(r"[!-~]{1,200}")
_TRACE: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


IDS_OF: Final = "idsof"
"""Extension attribute: whose the ids in an event are, if not its sender's. Only `careloop` is read."""


def event_group(received: Received, network: NetworkDirectory) -> Group:
    """Return one event as a group of its own, with all its problems."""
    reading = _Reading(received)
    data_type = _data_type(reading)
    event_id = reading.text("id", "Give each event an id that is unique within its source.")
    source = reading.text("source", "Name the sender with a URI reference.")
    if source is not None and not _URI.fullmatch(source):
        mend = "Use 1 to 200 printable ASCII characters, no spaces."
        reading.problem("value", "source", "The source is not a URI reference", mend)
    if event_id is not None and len(event_id) > 300:
        reading.problem("too-long", "id", "The id is too long", "Use at most 300 characters.")
    member = reading.text("subject", "Put the member's id into the subject.")
    if member is not None and not is_id(member):
        mend = "Use 1 to 128 letters, digits or ._:/#-, beginning with a letter or digit."
        reading.problem("value", "subject", f"{member[:40]!r} is not a member's id", mend)
    time = _time(reading)
    data = _data(reading, data_type, time, network) if data_type else None
    if reading.problems or not (event_id and source and member and time and data):
        mentioned = member if data_type is MemberRegistered and member else None
        named = frozenset([mentioned] if mentioned else [])
        return Group((), tuple(reading.problems), named)
    trace = received.attributes.get("traceparent")
    fact = Fact(
        id=stable_id(source, event_id),
        source=source,
        member=member,
        time=time,
        data=data,
        place=received.place,
        correlation_id=_correlation(data, received.attributes),
        traceparent=trace if isinstance(trace, str) and _TRACE.fullmatch(trace) else None,
        household=_household(data, reading),
    )
    if received.attributes.get(IDS_OF) == CARELOOP:
        fact = replace(fact, as_sent=fact)
    return Group((fact,), tuple(reading.problems))


class _Reading:
    """Reads the attributes of one event and collects what is wrong with them."""

    def __init__(self, received: Received) -> None:
        self.received = received
        self.problems: list[Problem] = []

    def problem(self, code: IssueCode, at: str, says: str, mend: str) -> None:
        place = ".".join(part for part in (self.received.place, at) if part)
        self.problems.append(Problem(code, place, says, mend))

    def text(self, name: str, mend: str) -> str | None:
        value = self.received.attributes.get(name)
        if isinstance(value, str) and value:
            return value
        code: Literal["required", "value"] = "required" if value is None else "value"
        self.problem(code, name, f"The attribute {name} is missing or not a text", mend)
        return None


def _data_type(reading: _Reading) -> type[EventData] | None:
    version = reading.text("specversion", "Set it to 1.0.")
    if version not in {None, "1.0"}:
        says = f"CloudEvents version {str(version)[:20]!r} is not supported"
        reading.problem("not-supported", "specversion", says, "Use 1.0.")
    name = reading.text("type", "Name a type of events/catalog.toml.")
    if name is None:
        return None
    entry = catalog().get(name)
    if entry is None:
        mend = "Use a type that events/catalog.toml lists with producer gateway."
        reading.problem("value", "type", f"The type {name[:80]!r} is not in the catalog", mend)
        return None
    if entry.producers != ("gateway",):
        says = f"{name} is produced by {' and '.join(entry.producers)}, not by clients"
        mend = "Send the facts that it follows from."
        reading.problem("business-rule", "type", says, mend)
        return None
    return BY_TYPE[name]


def _time(reading: _Reading) -> datetime | None:
    text = reading.text("time", "Say when it happened, in RFC 3339 with an offset from UTC.")
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.upper()) if _TIME.fullmatch(text) else None
    except ValueError:
        moment = None
    if moment is None or moment.year not in _YEARS:
        mend = "Write it in RFC 3339, such as 2026-03-01T08:30:00+08:00, from 1850 to 2199."
        reading.problem("value", "time", f"{text[:40]!r} is not a usable time", mend)
        return None
    return moment


def _data(
    reading: _Reading,
    data_type: type[EventData],
    time: datetime | None,
    network: NetworkDirectory,
) -> EventData | None:
    data = reading.received.data
    encoded = reading.received.attributes.get("data_base64")
    if encoded is not None:
        data = _decoded(reading, encoded)
        if data is None:
            return None
    if not isinstance(data, dict):
        mend = f"Send an object as {data_type.TYPE} describes it."
        reading.problem("required", "data", "The event has no data, or it is no object", mend)
        return None
    provider = data.get("provider")
    if isinstance(provider, dict) and isinstance(provider.get("id"), str):
        # Ours to say: a sender cannot choose its own network.
        tier = network.tier(provider["id"], time) if time else "out"
        data = data | {"provider": provider | {"network": tier}}
    try:
        read = data_type.model_validate_json(orjson.dumps(data))
    except ValidationError as error:
        for problem in _shape_problems(error):
            reading.problem(*problem)
        return None
    return read if _is_payable(read, reading) and _has_units(read, reading) else None


def _has_units(data: EventData, reading: _Reading) -> bool:
    """Whether the values of a measurement, if it is one, have units that rules can read."""
    newest = upcast(data)
    try:
        if isinstance(newest, ObservationRecorded):
            check_units(newest)
    except RuleRefusedError as error:
        reading.problem("value", "data.unit", str(error), "Give the unit in UCUM.")
        return False
    return True


def _is_payable(data: EventData, reading: _Reading) -> bool:
    """Whether the currency of the data, if it has one, exists."""
    currency = getattr(data, "currency", None)
    try:
        if currency is not None:
            minor_digits(currency)
    except AmountRefusedError as error:
        mend = "State an ISO 4217 code, and amounts in its minor unit."
        reading.problem("value", "data.currency", str(error), mend)
        return False
    return True


def _decoded(reading: _Reading, encoded: Any) -> Any:
    """Return the JSON that was sent as bytes in base64; None with a problem where it is none."""
    place = "data_base64"
    if reading.received.data is not None:
        reading.problem("invalid", place, "There is data as well", "Send one of the two.")
        return None
    media = str(reading.received.attributes.get("datacontenttype") or "application/json")
    if not re.fullmatch(r"application/([\w.-]+\+)?json", media.partition(";")[0].strip().lower()):
        says = f"The data is {media[:60]!r}, which is not JSON"
        reading.problem("not-supported", place, says, "Send the data as JSON.")
        return None
    try:
        return load_json(b64decode(encoded, validate=True), float_number)
    except RequestRefusedError as error:
        for each in error.problems:
            reading.problem(each.code, place, each.says, each.mend)
    except (ValueError, TypeError):
        mend = "Encode the bytes by RFC 4648, section 4, or send the JSON in data."
        reading.problem("value", place, "This is not base64", mend)
    return None


def _shape_problems(error: ValidationError) -> Iterable[tuple[IssueCode, str, str, str]]:
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in each["loc"])
        code: IssueCode = "required" if each["type"] == "missing" else "value"
        yield code, f"data{path}", each["msg"], "See the JSON Schema of the type."


def _correlation(data: EventData, attributes: Mapping[str, Any]) -> str | None:
    """Name the care episode: the visit or the session; else what the sender says."""
    own = getattr(data, "visit_id", None) or getattr(data, "session_id", None)
    given = attributes.get("correlationid")
    return own or (given if isinstance(given, str) and is_id(given) else None)


def _household(data: EventData, reading: _Reading) -> str | None:
    if not isinstance(data, MemberRegistered):
        return None
    for name in ("household", "partitionkey"):
        value = reading.received.attributes.get(name)
        if value is not None:
            if isinstance(value, str) and is_id(value):
                return value
            mend = "Use 1 to 128 letters, digits or ._:/#-, or leave it out."
            reading.problem("value", name, "This is not a household's id", mend)
    return None
