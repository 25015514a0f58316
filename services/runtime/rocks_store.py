"""States on disk: one RocksDB for a worker, keyed by partition, with bounded memory."""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from rocksdict import (
    BlockBasedOptions,
    Cache,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
)

from services.runtime.household import NEVER, wake_us_of

STATE: Final = b"s"
WAKE: Final = b"w"
CHANGELOG: Final = b"c"

PARTITION: Final = struct.Struct(">cH")
INSTANT: Final = struct.Struct(">Q")

BLOCK_CACHE_BYTES: Final = 64 << 20
WRITE_BUFFER_BYTES: Final = 16 << 20


def open_states(folder: Path) -> Rdict:
    """Open the database of one worker; its memory is bounded whatever it holds.

    Raises:
        Exception: the folder is in use by another process; one worker, one folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    blocks = BlockBasedOptions()
    blocks.set_block_cache(Cache(BLOCK_CACHE_BYTES))
    blocks.set_bloom_filter(10, False)  # noqa: FBT003  # the binding takes no keyword
    options = Options(raw_mode=True)
    options.create_if_missing(True)  # noqa: FBT003
    options.set_block_based_table_factory(blocks)
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    options.set_max_write_buffer_number(2)
    options.set_keep_log_file_num(2)
    return Rdict(str(folder), options)


class RocksStore:
    """The states of one partition in the worker's database.

    Beside each state that wants to be woken stands an entry ordered by instant, so that what is
    due is found without reading the rest, and without holding it in memory.
    """

    def __init__(self, states: Rdict, partition: int) -> None:
        """Look at one partition of `states`."""
        self._states = states
        self._state_prefix = PARTITION.pack(STATE, partition)
        self._wake_prefix = PARTITION.pack(WAKE, partition)
        self._changelog_key = PARTITION.pack(CHANGELOG, partition)

    def get(self, household: bytes) -> bytes | None:
        """Return what was stored under a household."""
        found: bytes | None = self._states.get(self._state_prefix + household)
        return found

    def due(self, until_us: int) -> list[bytes]:
        """Return the households that want to be woken no later than `until_us`."""
        start = len(self._wake_prefix) + INSTANT.size
        upper = self._wake_prefix + INSTANT.pack(until_us + 1)
        return [key[start:] for key, _ in self._range(self._wake_prefix, upper)]

    def put(self, changes: Mapping[bytes, bytes]) -> None:
        """Store all changes, or none."""
        self._write(changes, changelog_next=None)

    def commit(self, changes: Mapping[bytes, bytes], changelog_next: int) -> None:
        """Store all changes, and up to where the changelog is reflected in them, or nothing."""
        self._write(changes, changelog_next)

    def changelog_next(self) -> int:
        """Return the first changelog offset that is not yet reflected here."""
        stored = self._states.get(self._changelog_key)
        return 0 if stored is None else int(INSTANT.unpack(stored)[0])

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Iterate over everything stored, by household in order."""
        upper = self._state_prefix + b"\xff"
        for key, value in self._range(self._state_prefix, upper):
            yield key[len(self._state_prefix) :], value

    def _range(self, lower: bytes, upper: bytes) -> Iterator[tuple[bytes, bytes]]:
        bounds = ReadOptions()
        bounds.set_iterate_upper_bound(upper)
        yield from self._states.items(from_key=lower, read_opt=bounds)

    def _write(self, changes: Mapping[bytes, bytes], changelog_next: int | None) -> None:
        batch = WriteBatch(raw_mode=True)
        for household, stored in changes.items():
            key = self._state_prefix + household
            old = self._states.get(key)
            old_us = NEVER if old is None else wake_us_of(old)
            new_us = wake_us_of(stored)
            if old_us != new_us:
                if old_us != NEVER:
                    batch.delete(self._wake_prefix + INSTANT.pack(old_us) + household)
                if new_us != NEVER:
                    batch.put(self._wake_prefix + INSTANT.pack(new_us) + household, b"")
            batch.put(key, stored)
        if changelog_next is not None:
            batch.put(self._changelog_key, INSTANT.pack(changelog_next))
        self._states.write(batch)
