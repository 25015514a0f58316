"""CloudEvents 1.0.2 over HTTP in whichever content mode: binary, structured or batch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from services.gateway.acceptance.problems import Problem, refused
from services.gateway.doors.json_body import float_number, load_json

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"


@dataclass(frozen=True, slots=True)
class Received:
    """An event as it came: attributes, data, and where it stands in the request."""

    attributes: Mapping[str, Any]
    data: Any
    place: str


def read_events(content_type: str, headers: Mapping[str, str], body: bytes) -> list[Received]:
    """Return the events of a request, in whichever content mode it is.

    Raises RequestRefusedError: 415 for another content type, 400 for a body that is not JSON,
    422 for JSON of another shape.
    """
    media = content_type.partition(";")[0].strip().lower()
    if media == STRUCTURED:
        return [_structured(load_json(body, float_number), "")]
    if media == BATCH:
        value = load_json(body, float_number)
        if not isinstance(value, list):
            mend = f"Send an array of events, or one event as {STRUCTURED}."
            raise refused(422, Problem("structure", "", "The batch is not an array", mend))
        return [_structured(each, f"[{number}]") for number, each in enumerate(value)]
    binary = any(name.startswith("ce-") for name in headers)
    # Without a content type it is JSON, as in the JSON format: an SDK that was told none sends none.
    if binary and (media in {"", "application/json"} or media.endswith("+json")):
        attributes = {
            name.removeprefix("ce-"): _unquoted(value)
            for name, value in headers.items()
            if name.startswith("ce-")
        }
        return [Received(attributes, load_json(body, float_number), "")]
    mend = f"Use {STRUCTURED}, {BATCH}, or the binary mode with ce- headers and application/json."
    says = f"The content type {content_type[:80]!r} is not that of a CloudEvent in JSON"
    raise refused(415, Problem("not-supported", "", says, mend))


def _structured(value: Any, place: str) -> Received:
    if not isinstance(value, dict):
        return Received({}, None, place)
    attributes = {name: each for name, each in value.items() if name != "data"}
    return Received(attributes, value.get("data"), place)


def _unquoted(value: str) -> str:
    """Undo the percent-encoding of header values (HTTP binding, section 3.1.3.2)."""
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        return value
