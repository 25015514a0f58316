"""A log in memory behind the doors of the real client: topics, offsets, groups, and pauses.

Every call that would wait for the broker stops once at a named point. Whoever drives the caller
decides there whether it goes on, dies, or sleeps while others go on.
"""

import types
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Mapping
from random import Random
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from services.contract.codec import Record
from services.runtime.fold import POSITION_KEY, Row
from services.runtime.household import version_of
from services.runtime.log_writer import Stored, Write

Watch = Callable[[str, int, Row], None]


@types.coroutine
def pause(point: str) -> Generator[str, None, None]:
    """Stop here until resumed; `point` names the place."""
    yield point


class Fetched(NamedTuple):
    """A record as the client delivers it."""

    offset: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    timestamp: int


class Broker:
    """Topics and partitions with offsets, and the offsets that groups have committed.

    watch: is told of every record as it is stored.
    """

    def __init__(self, rng: Random, watch: Watch) -> None:
        self.rng = rng
        self.logs: dict[tuple[str, int], list[Row]] = defaultdict(list)
        self.committed: dict[tuple[str, str, int], int] = {}
        self.highest_positions: dict[tuple[str, int], list[int]] = defaultdict(list)
        self._watch = watch

    def append(self, topic: str, partition: int, record: Record) -> int:
        rows = self.logs[topic, partition]
        row = Row(len(rows), record)
        rows.append(row)
        if topic.endswith("-changelog"):
            self._note_position(topic, partition, record)
        self._watch(topic, partition, row)
        return row.offset

    def _note_position(self, topic: str, partition: int, record: Record) -> None:
        """Keep, for each offset of a changelog, the furthest position written up to it."""
        highest = self.highest_positions[topic, partition]
        here = version_of(record.value) if record.key == POSITION_KEY else 0
        highest.append(max(here, highest[-1] if highest else 0))

    def end(self, topic: str, partition: int) -> int:
        return len(self.logs[topic, partition])


class Writer:
    """Stands in for `LogWriter`: stores in order, and may be stopped between any two records."""

    started = True

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def start(self) -> "Writer":
        return self

    async def stop(self) -> None:
        return

    async def write(self, writes: Iterable[Write]) -> Mapping[tuple[str, int], tuple[Stored, ...]]:
        runs: dict[tuple[str, int], list[Stored]] = {}
        by_partition: dict[tuple[str, int], list[Record]] = {}
        for write in writes:
            by_partition.setdefault((write.topic, write.partition), []).append(write.record)
        for (topic, partition), records in by_partition.items():
            point = "changelog" if topic.endswith("-changelog") else "outputs"
            await pause(f"before {point}")
            cut = self._cut(len(records))
            found = runs.setdefault((topic, partition), [])
            for number, record in enumerate(records):
                if number == cut:
                    await pause(f"amid {point}")
                _count(found, self._broker.append(topic, partition, record))
            await pause(f"after {point}")
        return {at: tuple(found) for at, found in runs.items()}

    def _cut(self, count: int) -> int:
        rng = self._broker.rng
        return int(rng.random() * count) if count > 1 and rng.random() < 0.1 else 0


def _count(runs: list[Stored], offset: int) -> None:
    if runs and runs[-1].offset + runs[-1].count == offset:
        runs[-1] = Stored(runs[-1].offset, runs[-1].count + 1)
    else:
        runs.append(Stored(offset, 1))


class Consumer:
    """Stands in for `AIOKafkaConsumer`: by assignment, or in a group whose only live member it is.

    In a group it may be handed records that were applied before: the committed offset is a hint.
    skips: the next delivery of several records leaves out the first ones.
    """

    def __init__(self, broker: Broker, partitions: int, group_id: str | None = None) -> None:
        self._broker = broker
        self._partitions = partitions
        self._group = group_id
        self._positions: dict[TopicPartition, int] = {}
        self.skips = False

    def assign(self, places: Iterable[TopicPartition]) -> None:
        self._positions = dict.fromkeys(places, 0)

    def subscribe(self, topics: Iterable[str], listener: Any) -> None:
        del listener  # a member that lost its partitions is dead or a zombie that was not told
        committed = self._broker.committed
        for topic in topics:
            for number in range(self._partitions):
                at = TopicPartition(topic, number)
                self._positions[at] = committed.get((self._group or "", topic, number), 0)

    def assignment(self) -> set[TopicPartition]:
        return set(self._positions)

    def seek(self, at: TopicPartition, offset: int) -> None:
        self._positions[at] = offset

    async def start(self) -> None:
        return

    async def stop(self) -> None:
        return

    async def end_offsets(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return {at: self._broker.end(*at) for at in places}

    async def beginning_offsets(
        self, places: Iterable[TopicPartition]
    ) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, 0)

    async def position(self, at: TopicPartition) -> int:
        return self._positions[at]

    async def getmany(
        self, *places: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[Fetched]]:
        del timeout_ms
        await pause("idle" if self._group else "restore")
        found: dict[TopicPartition, list[Fetched]] = {}
        for at in sorted(places or self._positions):  # a set of places has no order
            begin = self._positions[at]
            rows = self._broker.logs[at.topic, at.partition]
            if begin >= len(rows):
                continue
            if self.skips and len(rows) - begin > 1:
                self.skips = False
                begin += (len(rows) - begin) // 2
            most = 1 + int(self._broker.rng.random() * 120)
            some = rows[begin : begin + min(most, max_records or most)]
            self._positions[at] = begin + len(some)
            found[at] = [
                Fetched(row.offset, row.record.key, row.record.value, row.record.headers, 0)
                for row in some
            ]
        return found

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        await pause("before commit")
        for at, offset in offsets.items():
            self._broker.committed[self._group or "", at.topic, at.partition] = offset

    def backlog(self) -> int:
        """How many records wait to be fetched."""
        return sum(max(0, self._broker.end(*at) - done) for at, done in self._positions.items())

    def rewind(self) -> None:
        """Go back in one partition, as after a rebalance that lost the latest commits."""
        at = self._broker.rng.choice(list(self._positions))
        self._positions[at] = int(self._positions[at] * self._broker.rng.random())
