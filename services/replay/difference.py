"""One difference between a log and its regeneration, and how it reads."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import orjson

from services.contract.codec import Record

_LINES_MAX: Final = 60


class Kind(StrEnum):
    """What is wrong. The values are read by people."""

    MISSING = "not in the log"
    NOT_YET = "not in the log yet"
    EXTRA = "not regenerated"
    DIFFERENT = "different"
    OUT_OF_ORDER = "out of order"
    CONFLICT = "same number, other bytes"
    GAP = "gap in the sequence"
    HOLE = "broken offsets"
    UNKNOWN_TYPE = "unknown type"


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference: what, whose, where.

    about: one sentence with the household and the number, or what there is instead.
    offset: where the recorded side stands. recorded, regenerated: the two sides, where there are
    any; of a conflict, the first record and the one that came again.
    """

    kind: Kind
    producer: str
    topic: str
    partition: int
    series: bytes
    about: str
    offset: int | None = None
    recorded: Record | None = None
    regenerated: Record | None = None

    @property
    def place(self) -> tuple[str, str, int, bytes]:
        """Where it is, to the series: what follows there is mostly its consequence."""
        return self.producer, self.topic, self.partition, self.series

    def lines(self) -> Iterator[str]:
        """Iterate over the lines for a reader: what and where, then the two sides."""
        at = "" if self.offset is None else f" offset {self.offset}"
        yield f"{self.kind}: {self.producer} on {self.topic}/{self.partition}{at}: {self.about}"
        if self.recorded is not None and self.regenerated is not None:
            names = (
                ("first", "again") if self.kind is Kind.CONFLICT else ("recorded", "regenerated")
            )
            before, after = readable(self.recorded), readable(self.regenerated)
            sides = difflib.unified_diff(before, after, *names, lineterm="", n=1)
            yield from _bounded([line for line in sides if not line.startswith("@@")])
        elif self.recorded is not None:
            yield from _bounded([f"-{line}" for line in readable(self.recorded)])
        elif self.regenerated is not None:
            yield from _bounded([f"+{line}" for line in readable(self.regenerated)])


def readable(record: Record) -> list[str]:
    """Return a record as lines: key, headers, and the value as indented JSON where it is JSON.

    Two records that differ give different lines, whatever their bytes are.
    """
    lines = [f"key: {_plain(record.key)}"]
    lines += [f"{name}: {_plain(value)}" for name, value in record.headers]
    try:
        parsed = orjson.loads(record.value)
        if orjson.dumps(parsed) != record.value:
            return [*lines, _plain(record.value)]
        return [*lines, *orjson.dumps(parsed, option=orjson.OPT_INDENT_2).decode().splitlines()]
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return [*lines, _plain(record.value)]


def _plain(raw: bytes) -> str:
    """Return text if the bytes are printable text, else Python's notation of bytes."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return repr(raw)
    return text if text.isprintable() else repr(raw)


def _bounded(lines: list[str]) -> list[str]:
    if len(lines) <= _LINES_MAX:
        return lines
    return [*lines[:_LINES_MAX], f"… and {len(lines) - _LINES_MAX} lines more"]
