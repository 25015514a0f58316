"""Where the states of a partition are kept between checkpoints."""

import heapq
from collections.abc import Iterator, Mapping
from typing import Protocol

from services.runtime.household import NEVER, wake_us_of


class StateStore(Protocol):
    """The stored states of one partition, by household, and what is due among them."""

    def get(self, household: bytes) -> bytes | None:
        """Return what was stored under a household."""
        ...

    def due(self, until_us: int) -> list[bytes]:
        """Return the households that want to be woken no later than `until_us`."""
        ...

    def put(self, changes: Mapping[bytes, bytes]) -> None:
        """Store all changes, or none."""
        ...

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Iterate over everything stored, by household in order."""
        ...


class MemoryStore:
    """States in memory: for replay, tests and runs without a broker."""

    def __init__(self) -> None:
        """Begin empty."""
        self._values: dict[bytes, bytes] = {}
        self._wakes: list[tuple[int, bytes]] = []

    def get(self, household: bytes) -> bytes | None:
        """Return what was stored under a household."""
        return self._values.get(household)

    def due(self, until_us: int) -> list[bytes]:
        """Return the households that want to be woken no later than `until_us`."""
        found: dict[bytes, int] = {}
        while self._wakes and self._wakes[0][0] <= until_us:
            wake_us, household = heapq.heappop(self._wakes)
            if wake_us_of(self._values[household]) == wake_us:
                found[household] = wake_us
        for household, wake_us in found.items():
            heapq.heappush(self._wakes, (wake_us, household))
        return list(found)

    def put(self, changes: Mapping[bytes, bytes]) -> None:
        """Store all changes."""
        for household, stored in changes.items():
            wake_us = wake_us_of(stored)
            old = self._values.get(household)
            if wake_us != NEVER and (old is None or wake_us_of(old) != wake_us):
                heapq.heappush(self._wakes, (wake_us, household))
            self._values[household] = stored

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Iterate over everything stored, by household in order."""
        yield from sorted(self._values.items())
