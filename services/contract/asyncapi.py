"""The contract as an AsyncAPI 3.0 document, made from the catalog.

Channels are topics, messages are event types, and each service has one operation per topic it
sends to or receives from.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from services.contract.catalog import CatalogEntry
from services.contract.codec import REQUIRED, SEQUENCE_DIGITS_MAX, schema_of
from services.contract.topics import EVENT_TOPICS

Node = dict[str, Any]

BINDING_VERSION: Final = "0.5.0"

_ATTRIBUTES: Final[Mapping[str, Mapping[str, str]]] = {
    "specversion": {"const": "1.0"},
    "id": {"description": "Unique for ever; the same id with another body is a conflict."},
    "source": {"format": "uri-reference", "description": "Where it happened."},
    "type": {"description": "The versioned name of the event type."},
    "subject": {"description": "Id of the member; absent for clock ticks."},
    "time": {"format": "date-time", "description": "When it happened."},
    "partitionkey": {"description": "Id of the household: the record's key, the unit of order."},
    "sequence": {
        "pattern": f"^[0-9]{{1,{SEQUENCE_DIGITS_MAX}}}$",
        "description": (
            "Number among its producer's events for the household on the topic, from 1, gapless;"
            " 0 for clock ticks."
        ),
    },
    "recordedtime": {
        "format": "date-time",
        "description": "When the fact, or the fact that caused the event, was accepted.",
    },
    "causationid": {"description": "Id of the event that led to this one."},
    "correlationid": {"description": "The care episode."},
    "dataschema": {"format": "uri", "description": "The JSON Schema of the data."},
    "traceparent": {"description": "W3C Trace Context."},
}


def document(entries: Iterable[CatalogEntry], version: str) -> Node:
    """Return the AsyncAPI document of the catalog's entries, for a release of the project."""
    rows = tuple(entries)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Careloop health log",
            "version": version,
            "description": (
                "CloudEvents 1.0.2 in Kafka's binary mode. The key of every record is the "
                "household, the unit of order. Generated from catalog.toml and schemas/; do not "
                "edit."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{broker}",
                "protocol": "kafka",
                "description": "Apache Kafka 4",
                "variables": {"broker": {"default": "localhost:9092"}},
            }
        },
        "channels": {topic: _channel(topic, rows) for topic in EVENT_TOPICS},
        "operations": _operations(rows),
        "components": {
            "messages": {entry.type: _message(entry) for entry in rows},
            "schemas": {"attributes": _headers()},
        },
    }


def _channel(topic: str, entries: tuple[CatalogEntry, ...]) -> Node:
    return {
        "address": topic,
        "messages": {
            entry.type: {"$ref": f"#/components/messages/{entry.type}"}
            for entry in entries
            if topic in entry.topics
        },
        "bindings": {"kafka": {"topic": topic, "bindingVersion": BINDING_VERSION}},
    }


def _message(entry: CatalogEntry) -> Node:
    return {
        "name": entry.type,
        "summary": entry.sentence,
        "contentType": "application/json",
        "tags": [{"name": f"personal-data:{entry.personal_data}"}],
        "headers": {
            "allOf": [
                {"$ref": "#/components/schemas/attributes"},
                {
                    "type": "object",
                    "properties": {
                        "ce_type": {"const": entry.type},
                        "ce_dataschema": {"const": schema_of(entry.type)},
                    },
                },
            ]
        },
        "payload": {"$ref": f"./schemas/{entry.type}.json"},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": "Id of the household."},
                "bindingVersion": BINDING_VERSION,
            }
        },
    }


def _headers() -> Node:
    return {
        "type": "object",
        "description": "CloudEvents attributes as Kafka headers, in UTF-8.",
        "required": [f"ce_{name}" for name in REQUIRED],
        "properties": {
            f"ce_{name}": {"type": "string", **rules} for name, rules in _ATTRIBUTES.items()
        },
    }


def _operations(entries: tuple[CatalogEntry, ...]) -> Node:
    operations: Node = {}
    for entry in entries:
        for topic in entry.topics:
            roles = [("send", name) for name in entry.producers]
            roles += [("receive", name) for name in entry.consumers]
            for action, service in roles:
                operation = operations.setdefault(
                    f"{service}-{action}s-{topic}",
                    {"action": action, "channel": {"$ref": f"#/channels/{topic}"}, "messages": []},
                )
                operation["messages"].append({"$ref": f"#/channels/{topic}/messages/{entry.type}"})
    return dict(sorted(operations.items()))
