"""The published examples, read through the CloudEvents project's own SDK."""

import json
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary
from cloudevents.core.formats.json import JSONFormat

from services.contract.codec import Record

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "events" / "examples"
PATHS = sorted(FOLDER.glob("*/*.json"))


def each_example(but_for: frozenset[str] = frozenset()):
    """Parametrize a test with every example, but for those of some event types."""
    chosen = [path for path in PATHS if path.parent.name not in but_for]
    return pytest.mark.parametrize(
        "path", [pytest.param(path, id=f"{path.parent.name}/{path.stem}") for path in chosen]
    )


def body(path: Path) -> dict[str, Any]:
    """Return the structured CloudEvent of an example as plain JSON."""
    return json.loads(path.read_text(encoding="utf-8"))


def record_by_sdk(path: Path) -> Record:
    """Return the Kafka record that the SDK makes of an example: what a stranger would send."""
    message = to_binary(JSONFormat().read(None, path.read_bytes()), JSONFormat())
    assert isinstance(message.key, str)
    return Record(message.key.encode(), message.value, tuple(message.headers.items()))


def attributes_by_sdk(record: Record) -> dict[str, Any]:
    """Return the CloudEvents attributes that the SDK reads from a record of ours."""
    message = KafkaMessage(dict(record.headers), record.key, record.value)
    return from_binary(message, JSONFormat()).get_attributes()
