"""A log as JSON Lines: the manifest, then one line per record.

A line is `{"topic", "partition", "offset", "timestamp_ms", "key", "headers", "value"}`. Nothing is
lost: bytes that are not text stand under `key_base64` and `value_base64`, and in a header's place
as `{"base64": …}`. `value` is the JSON itself where writing it again gives the same bytes, else
its text stands under `value_text`.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import orjson

from services.contract.codec import Record
from services.replay.log import LogError, Manifest
from services.runtime.fold import Row

_BUFFER_BYTES: Final = 1 << 20


def encode_row(topic: str, partition: int, row: Row) -> bytes:
    """Return the line of one record, without its end."""
    record = row.record
    line: dict[str, Any] = {
        "topic": topic,
        "partition": partition,
        "offset": row.offset,
        "timestamp_ms": row.timestamp_ms,
    }
    key = _text(record.key)
    if key is None:
        line["key_base64"] = b64encode(record.key).decode()
    else:
        line["key"] = key
    line["headers"] = [[name, _header(value)] for name, value in record.headers]
    name, value = _value(record.value)
    line[name] = value
    return orjson.dumps(line)


def decode_row(line: bytes) -> tuple[str, int, Row]:
    """Return the topic, the partition and the record of a line.

    Raises:
        LogError: the line is not one that `encode_row` could have written.
    """
    try:
        row = orjson.loads(line)
        key = row["key"].encode() if "key" in row else b64decode(row["key_base64"], validate=True)
        headers = tuple((name, _header_bytes(value)) for name, value in row["headers"])
        record = Record(key, _value_bytes(row), headers)
        return row["topic"], row["partition"], Row(row["offset"], record, row["timestamp_ms"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LogError(f"a line is not a record: {error!r}") from error


def _text(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def _header(value: bytes) -> str | dict[str, str]:
    text = _text(value)
    return {"base64": b64encode(value).decode()} if text is None else text


def _header_bytes(value: str | dict[str, str]) -> bytes:
    return value.encode() if isinstance(value, str) else b64decode(value["base64"], validate=True)


def _value(raw: bytes) -> tuple[str, Any]:
    try:
        parsed = orjson.loads(raw)
        if orjson.dumps(parsed) == raw:
            return "value", orjson.Fragment(raw)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        pass
    text = _text(raw)
    if text is None:
        return "value_base64", b64encode(raw).decode()
    return "value_text", text


def _value_bytes(row: dict[str, Any]) -> bytes:
    if "value" in row:
        return orjson.dumps(row["value"])
    if "value_text" in row:
        text: str = row["value_text"]
        return text.encode()
    return b64decode(row["value_base64"], validate=True)


class JsonLinesWriter:
    """Writes a log to a file, record by record."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        """Create the file and write the manifest."""
        self._file = path.open("wb", buffering=_BUFFER_BYTES)
        self._file.write(manifest.encode() + b"\n")

    def write(self, topic: str, partition: int, row: Row) -> None:
        """Append one record."""
        self._file.write(encode_row(topic, partition, row) + b"\n")

    def close(self) -> None:
        """Write what is left, and close the file."""
        self._file.close()


class JsonLinesLog:
    """A log read from a JSON Lines file; only the places where partitions begin are held."""

    def __init__(self, path: Path) -> None:
        """Read the manifest and find the partitions.

        Raises:
            LogError: the file is not an exported log.
        """
        self._file = path.open("rb", buffering=_BUFFER_BYTES)
        self.manifest = Manifest.decode(self._file.readline())
        self._spans = self._find_spans()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def rows(self, topic: str, partition: int, begin: int = 0) -> Iterator[Row]:
        """Iterate over the records of one partition from an offset on."""
        for start, end in self._spans.get((topic, partition), ()):
            position = start
            while position < end:
                # Two iterations may be under way at once, so each keeps its own place.
                self._file.seek(position)
                block = self._file.read(min(_BUFFER_BYTES, end - position))
                if not block.endswith(b"\n"):
                    block += self._file.readline()
                position += len(block)
                lines = block.removesuffix(b"\n").split(b"\n")
                for _, _, row in map(decode_row, lines):
                    if row.offset >= begin:
                        yield row

    def _find_spans(self) -> dict[tuple[str, int], list[tuple[int, int]]]:
        """Return the byte ranges of each partition; a line that begins alike goes on with it."""
        spans: dict[tuple[str, int], list[tuple[int, int]]] = {}
        beginning = b""
        at, start, position = ("", -1), self._file.tell(), self._file.tell()
        for line in self._file:
            if not beginning or not line.startswith(beginning):
                topic, partition, _ = decode_row(line)
                if position > start:
                    spans.setdefault(at, []).append((start, position))
                at, start = (topic, partition), position
                beginning = _beginning(line)
            position += len(line)
        if position > start:
            spans.setdefault(at, []).append((start, position))
        return spans


def _beginning(line: bytes) -> bytes:
    """Return the line up to its offset if that names topic and partition, else nothing."""
    head, found, _ = line.partition(b'"offset"')
    named = b'"topic"' in head and b'"partition"' in head
    return head + found if found and named else b""
