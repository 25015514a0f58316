"""The same stages without a broker: topics are lists, everything in one thread."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.contract.clock import ClockTicked
from services.contract.codec import Record, decode, encode
from services.contract.event import Event, EventData
from services.contract.ids import stable_id
from services.contract.topics import HEALTH_EVENTS, STAGE_INPUTS
from services.runtime.fold import Folded, PartitionFold, Row
from services.runtime.log_writer import partition_of
from services.runtime.stage import Stage
from services.runtime.state_store import MemoryStore
from services.runtime.ticks import tick


@dataclass(slots=True)
class _Running:
    stage: Stage[Any]
    partition: int
    fold: PartitionFold[Any]
    store: MemoryStore

    def step(self, log: "MemoryLog") -> Folded | None:
        rows = log.rows(self.stage.input_topic, self.partition, self.fold.position.next_offset)
        if not rows:
            return None
        outcome = self.fold.apply(rows)
        for topic, record in outcome.outputs:
            log.append(topic, self.partition, record)
        self.store.put(self.fold.take_changes())
        return outcome


class MemoryLog:
    """Topics and partitions in memory, with offsets."""

    def __init__(self) -> None:
        """Begin with no records."""
        self._partitions: dict[tuple[str, int], list[Row]] = defaultdict(list)

    def append(self, topic: str, partition: int, record: Record) -> None:
        """Store one record at the next offset."""
        rows = self._partitions[topic, partition]
        rows.append(Row(len(rows), record))

    def rows(self, topic: str, partition: int, begin: int = 0) -> Sequence[Row]:
        """Return the records of a partition from an offset on."""
        return self._partitions[topic, partition][begin:]

    def all_rows(self, topic: str) -> Iterator[tuple[int, Row]]:
        """Iterate over the records of a topic with their partitions, partition by partition."""
        for name, partition in sorted(self._partitions):
            if name == topic:
                yield from ((partition, row) for row in self._partitions[name, partition])


class InProcess:
    """Runs stages over a log in memory: publish facts, tick, run, read what was said."""

    def __init__(self, stages: Sequence[Stage[Any]], partitions: int = 1) -> None:
        """Set up every stage on every partition, with empty states."""
        self.log = MemoryLog()
        self.partitions = partitions
        self._sequences: dict[str, int] = defaultdict(int)
        self._running = []
        for stage in stages:
            for partition in range(partitions):
                store = MemoryStore()
                fold = PartitionFold(stage, partition, store)
                self._running.append(_Running(stage, partition, fold, store))

    def publish(
        self,
        data: EventData,
        *,
        at: datetime,
        member: str = "member-1",
        household: str | None = None,
        episode: str | None = None,
    ) -> Event[EventData]:
        """Publish a fact as the gateway would, with the household's next sequence number."""
        home = household or member
        self._sequences[home] += 1
        sequence = self._sequences[home]
        event = Event(
            id=stable_id("gateway", home, str(sequence)),
            source="/in-process",
            subject=member,
            household=home,
            time=at,
            recorded_time=at,
            sequence=sequence,
            data=data,
            correlation_id=episode,
        )
        partition = partition_of(home.encode(), self.partitions)
        self.log.append(HEALTH_EVENTS, partition, encode(event))
        return event

    def tick(self, at: datetime) -> None:
        """Move the clock of every partition of every input topic."""
        for topic in dict.fromkeys(STAGE_INPUTS.values()):
            for partition in range(self.partitions):
                self.log.append(topic, partition, encode(tick(topic, partition, at, at)))

    def run(self) -> None:
        """Let every stage read until nobody has anything left to say."""
        moved = True
        while moved:
            steps = [running.step(self.log) for running in self._running]
            moved = any(step is not None for step in steps)

    def events(self, topic: str = HEALTH_EVENTS) -> list[Event[EventData]]:
        """Return the events of a topic in log order, clock ticks left out."""
        decoded = (decode(row.record) for _, row in self.log.all_rows(topic))
        return [event for event in decoded if not isinstance(event.data, ClockTicked)]
