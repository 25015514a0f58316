"""What a log holds of one producer on one partition, in 24 bytes a record."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from hashlib import blake2b
from typing import Final

from services.contract.codec import Record

_ENTRY: Final = struct.Struct(">16sQ")


def digest(record: Record) -> bytes:
    """Return 16 bytes that differ when key, headers, their order or value differ."""
    # The notation of bytes and text is one to one, and Python writes it fast.
    text = repr((record.key, record.value, record.headers))
    return blake2b(text.encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Entry:
    """A recorded record: its digest and where it stands."""

    digest: bytes
    offset: int


class Noted(Enum):
    """What a record is to the ones before it."""

    NEW = "new"
    REPEATED = "repeated"
    CONFLICTING = "conflicting"


@dataclass(slots=True)
class _Series:
    """The records of one household, or one dead letter: number n stands at place n - 1."""

    packed: bytearray = field(default_factory=bytearray)
    ahead: dict[int, Entry] = field(default_factory=dict)

    @property
    def last(self) -> int:
        return len(self.packed) // _ENTRY.size

    def get(self, number: int) -> Entry | None:
        if number <= self.last:
            return Entry(*_ENTRY.unpack_from(self.packed, (number - 1) * _ENTRY.size))
        return self.ahead.get(number)

    def put(self, number: int, entry: Entry) -> None:
        self.ahead[number] = entry
        while (following := self.ahead.pop(self.last + 1, None)) is not None:
            self.packed += _ENTRY.pack(following.digest, following.offset)

    def beyond(self, number: int) -> Iterator[tuple[int, Entry]]:
        for each in range(number + 1, self.last + 1):
            entry = self.get(each)
            assert entry is not None
            yield each, entry
        yield from ((each, entry) for each, entry in sorted(self.ahead.items()) if each > number)


class Recorded:
    """The records of one producer on one partition of a topic, by series and number.

    A series is a household, whose records count from 1. Each dead letter is a series of one.
    """

    def __init__(self) -> None:
        """Begin with nothing recorded."""
        self._series: dict[bytes, _Series] = {}
        self.first_times = 0
        self.repeats = 0

    def note(self, series: bytes, number: int, record: Record, offset: int) -> Noted:
        """Remember a record; one that was there before counts as repeated or conflicting."""
        found = self._series.setdefault(series, _Series())
        before = found.get(number)
        made = digest(record)
        if before is None:
            found.put(number, Entry(made, offset))
            self.first_times += 1
            return Noted.NEW
        if before.digest != made:
            return Noted.CONFLICTING
        self.repeats += 1
        return Noted.REPEATED

    def get(self, series: bytes, number: int) -> Entry | None:
        """Return the record of a number, or None."""
        found = self._series.get(series)
        return None if found is None else found.get(number)

    def beyond(self, counts: dict[bytes, int]) -> Iterator[tuple[bytes, int, Entry]]:
        """Iterate over the records whose number is above the count of their series."""
        for series, found in self._series.items():
            for number, entry in found.beyond(counts.get(series, 0)):
                yield series, number, entry

    def gaps(self) -> Iterator[tuple[bytes, int, Entry]]:
        """Iterate over the series that lack a number: the number, and what stands beyond it."""
        for series, found in self._series.items():
            if found.ahead:
                yield series, found.last + 1, found.ahead[min(found.ahead)]
