"""`POST /events` in the gateway's OpenAPI description: each fact with its data."""

from typing import Any, Final

from pydantic.json_schema import models_json_schema

from services.contract.catalog import catalog
from services.contract.registry import BY_TYPE
from services.gateway.doors.cloudevents.reader import BATCH, STRUCTURED
from services.gateway.doors.described import PREFER

_REF: Final = "#/components/schemas/"
_FACTS: Final = {
    name: BY_TYPE[name] for name, entry in catalog().items() if entry.producers == ("gateway",)
}
_ATTRIBUTES: Final = {
    "specversion": {"const": "1.0"},
    "id": {"type": "string", "maxLength": 300},
    "source": {"type": "string", "format": "uri-reference", "maxLength": 200},
    "subject": {"type": "string", "description": "the member's id"},
    "time": {"type": "string", "format": "date-time"},
    "datacontenttype": {"type": "string"},
    "correlationid": {"type": "string"},
    "traceparent": {"type": "string"},
    "household": {"type": "string", "description": "with careloop.member.registered.v1 only"},
}
_REQUIRED: Final = ["specversion", "id", "source", "type", "subject", "time"]


def schemas() -> dict[str, Any]:
    """Return the components: `CloudEvent`, one for each type of fact, and what their data has."""
    of_data, described = models_json_schema(
        [(data, "validation") for data in _FACTS.values()], ref_template=f"{_REF}{{model}}"
    )
    defined = described["$defs"]
    # A sender may leave the network out: the directory says it.
    defined["Provider"]["required"].remove("network")
    for name, data in _FACTS.items():
        defined[name] = {
            "type": "object",
            "description": catalog()[name].sentence,
            "required": [*_REQUIRED],
            "properties": {
                **_ATTRIBUTES,
                "type": {"const": name},
                "data": of_data[data, "validation"],
                "data_base64": {"type": "string", "contentEncoding": "base64"},
            },
            "oneOf": [{"required": ["data"]}, {"required": ["data_base64"]}],
        }
    defined["CloudEvent"] = {
        "oneOf": [{"$ref": _REF + name} for name in _FACTS],
        "discriminator": {
            "propertyName": "type",
            "mapping": {name: _REF + name for name in _FACTS},
        },
    }
    defined["EventsAnswer"] = _ANSWER
    return dict(defined)


_ROW: Final = {
    "type": "object",
    "properties": {
        "id": {"type": ["string", "null"]},
        "source": {"type": ["string", "null"]},
        "status": {"enum": ["accepted", "duplicate", "passed_over", "refused"]},
        "event_id": {"type": "string", "description": "its id on the log"},
        "problems": {"type": "array", "items": {"type": "object"}},
    },
}
_ANSWER: Final = {
    "type": "object",
    "required": ["accepted", "duplicates", "refused", "events"],
    "properties": {
        "accepted": {"type": "integer"},
        "duplicates": {"type": "integer"},
        "refused": {"type": "integer"},
        "events": {"type": "array", "items": _ROW},
        "decisions": {"type": "array", "items": {"type": "object"}},
        "pending": {"type": "array", "items": {"type": "object"}},
    },
}
_EVENT: Final = {"$ref": f"{_REF}CloudEvent"}
_ANSWERED: Final = {"application/json": {"schema": {"$ref": f"{_REF}EventsAnswer"}}}
_HEADERS: Final = [
    {
        "name": f"ce-{name}",
        "in": "header",
        "schema": {"type": "string"},
        "description": "in binary mode, the body then being the data alone",
    }
    for name in _REQUIRED
]

EVENTS: Final[dict[str, Any]] = {
    "parameters": [PREFER, *_HEADERS],
    "requestBody": {
        "required": True,
        "content": {
            STRUCTURED: {"schema": _EVENT},
            BATCH: {"schema": {"type": "array", "items": _EVENT}},
            "application/json": {
                "schema": {"type": "object", "description": "binary mode: the data of one event"}
            },
        },
    },
    "responses": {
        "200": {"description": "what became of each event", "content": _ANSWERED},
        "202": {"description": "the same; a decision is still to come", "content": _ANSWERED},
    },
}
