"""Files on disk as requests to the gateway: what goes where, what is skipped, what is unreadable."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

FHIR: Final = "application/fhir+json"
STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
BATCH_EVENTS_MAX: Final = 200
"""CloudEvents sent in one request."""

_LINES: Final = {".jsonl", ".ndjson"}


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    name: the file, with the lines if it is a part of one. lines: that of each event in a batch.
    """

    name: str
    path: str
    content_type: str
    body: bytes
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that holds nothing to publish, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file, or a line of one, that should hold something and cannot be read."""

    name: str
    reason: str


Found = Request | Skipped | Unreadable


def files_in(paths: list[Path]) -> Iterator[Path]:
    """Yield the files named, and those below the folders named, sorted within each."""
    for path in paths:
        if path.is_dir():
            yield from sorted(each for each in path.rglob("*") if each.is_file())
        else:
            yield path


def read(path: Path) -> Iterator[Found]:
    """Yield what a file holds: one request for JSON, batches for JSON Lines."""
    name = str(path)
    if path.suffix not in {".json", *_LINES}:
        yield Skipped(name, "neither .json nor .jsonl or .ndjson")
        return
    try:
        body = path.read_bytes()
    except OSError as error:
        yield Unreadable(name, error.strerror or str(error))
        return
    if path.suffix in _LINES:
        yield from _read_lines(name, body)
    else:
        yield _read_document(name, body)


def _read_document(name: str, body: bytes) -> Found:
    try:
        value = orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        return Unreadable(name, f"not JSON: {error}")
    kind = value.get("resourceType") if isinstance(value, dict) else None
    if kind == "Bundle":
        return Request(name, "/fhir", FHIR, body)
    if isinstance(kind, str) and kind.isalpha():
        return Request(name, f"/fhir/{kind}", FHIR, body)
    if _is_event(value):
        return Request(name, "/events", STRUCTURED, body)
    if isinstance(value, list) and value and all(map(_is_event, value)):
        return Request(name, "/events", BATCH, body)
    return Skipped(name, "JSON, but neither a FHIR resource nor CloudEvents")


def _read_lines(name: str, body: bytes) -> Iterator[Found]:
    waiting: list[tuple[int, bytes]] = []
    for number, line in enumerate(body.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            yield Unreadable(f"{name}:{number}", f"not JSON: {error}")
            continue
        if not _is_event(value):
            yield Unreadable(f"{name}:{number}", "not a CloudEvent: it has no specversion")
            continue
        waiting.append((number, line))
        if len(waiting) == BATCH_EVENTS_MAX:
            yield _batch(name, waiting)
            waiting = []
    if waiting:
        yield _batch(name, waiting)


def _batch(name: str, lines: list[tuple[int, bytes]]) -> Request:
    numbers = tuple(number for number, _ in lines)
    # Joined as they are: nothing of what the sender wrote is written anew.
    body = b"[" + b",".join(line for _, line in lines) + b"]"
    return Request(f"{name}:{numbers[0]}-{numbers[-1]}", "/events", BATCH, body, numbers)


def _is_event(value: Any) -> bool:
    return isinstance(value, dict) and "specversion" in value
