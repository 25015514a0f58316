"""The real worker, one process of it, with everything around it in memory.

`Worker._work`, `_batch`, `_checkpoint`, `_store`, `_restore`, the changelog's fence and the fold run as they are.
Only Faust, the client and the disk are replaced.
"""

from collections import deque
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from services.runtime.fold import POSITION_KEY, Row
from services.runtime.household import version_of
from services.runtime.stage import Stage
from services.runtime.state_store import MemoryStore
from services.runtime.worker import Worker
from tests.simulation.coroutines import Ended, Task, kill, run_now
from tests.simulation.invariants import require
from tests.simulation.kafka import Broker, Writer, pause


class Disk(MemoryStore):
    """The states of one partition on one machine; they outlive the process."""

    def __init__(self, broker: Broker, topic: str, partition: int) -> None:
        super().__init__()
        self._broker = broker
        self._place = (topic, partition)
        self._next = 0

    def commit(self, changes: Mapping[bytes, bytes], changelog_next: int) -> None:
        self.nobody_goes_on_after_a_newer_writer(changes, changelog_next)
        self.put(changes)
        self._next = changelog_next

    def nobody_goes_on_after_a_newer_writer(
        self, changes: Mapping[bytes, bytes], changelog_next: int
    ) -> None:
        """Who stores states has seen no newer position on the changelog up to its own records."""
        if POSITION_KEY not in changes or not changelog_next:
            return
        highest = self._broker.highest_positions[self._place][changelog_next - 1]
        mine = version_of(changes[POSITION_KEY])
        what = f"{self._place}: at {mine}, where {highest} was reached"
        require("nobody_goes_on_after_a_newer_writer", mine >= highest, what)

    def changelog_next(self) -> int:
        return self._next

    def copy(self) -> "Disk":
        """Return what a power cut would leave if nothing were synced from now on."""
        other = Disk(self._broker, *self._place)
        other.put(dict(self.items()))
        other._next = self._next
        return other


class _Fetch:
    """Consecutive rows, as `PartitionFetch` hands them out."""

    def __init__(self, records: list[Row]) -> None:
        self.records = records
        self.count = len(records)
        self.last_offset = records[-1].offset

    def take_rows(self) -> list[Row]:
        records, self.records = self.records, []
        return records


class _Stream:
    """A Faust stream and its channel: events come from the inbox, acks go to the process."""

    def __init__(self, process: "StageProcess") -> None:
        self._process = process
        self.channel = SimpleNamespace(queue=self)

    def noack(self) -> "_Stream":
        return self

    def events(self) -> "_Stream":
        return self

    def __aiter__(self) -> "_Stream":
        return self

    async def __anext__(self) -> Any:
        while not self._process.inbox:
            await pause("idle")
        return self._process.inbox.popleft()

    def empty(self) -> bool:
        return not self._process.inbox

    def get_nowait(self) -> Any:
        return self._process.inbox.popleft()

    async def ack(self, event: Any) -> None:
        await pause("before ack")
        partition = event.message.partition
        last = event.value.last_offset
        acked = self._process.acked
        acked[partition] = max(acked.get(partition, 0), last + 1)


class _FaustConsumer:
    """Faust's book-keeping of offsets, which the simulation keeps itself."""

    def track_message(self, message: Any) -> None:
        del message


class StageProcess:
    """A worker of one stage on one machine.

    generation: of the group, as the process believes it to be. at: the point it stands at. beside:
        the point that what goes on in the background stands at; empty if nothing does.
    """

    def __init__(self, stage: Stage[Any], broker: Broker, disks: dict[int, Disk]) -> None:
        self.stage = stage
        self.broker = broker
        self.disks = disks
        self.generation = 0
        self.inbox: deque[Any] = deque()
        self.acked: dict[int, int] = {}
        self.fetched: dict[int, int] = {}
        self.at = "idle"
        self.beside = ""
        self.consumer = _FaustConsumer()
        self.worker: Any = Worker.__new__(Worker)
        self.worker._stage = stage
        self.worker._settings = SimpleNamespace(bootstrap_servers="")
        self.worker._states = disks
        self.worker._writer = Writer(broker)
        self.worker._folds = {}
        self.worker._changelogs = {}
        self.worker._restoring = None
        self.worker._sending = None
        self.worker._storing = None
        self.worker._unstored = []
        self.worker._unstored_rows = 0
        self.worker.watchdog = SimpleNamespace(moved=lambda: None)
        self.worker.app = self
        self._main = self.worker._work(_Stream(self))

    @property
    def consumer_generation_id(self) -> int:
        """What the worker compares the generation of its events with."""
        return self.generation

    @property
    def is_idle(self) -> bool:
        """Whether all is acknowledged, which Faust waits for before a rebalance."""
        return (
            self.at == "idle"
            and not self.inbox
            and not self.worker._unstored
            and not self._background()
        )

    def _background(self) -> list[Task]:
        """What goes on beside the batches: restoring states, or storing those of a checkpoint."""
        tasks = (self.worker._restoring, self.worker._storing)
        return [task for task in tasks if task is not None and not task.done()]

    def assign(self, generation: int, partitions: list[int]) -> None:
        """Take part in a rebalance: forget what was, and restore what is given now."""
        places = self._places(self.fetched)
        run_now(self.worker._on_revoked(None, places))
        self.generation = generation
        topic = self.stage.input_topic
        group = f"careloop-{self.stage.name}"
        self.acked = {}
        self.fetched = {
            number: self.broker.committed.get((group, topic, number), 0) for number in partitions
        }
        run_now(self.worker._on_assigned(None, self._places(self.fetched)))

    def _places(self, numbers: Any) -> list[Any]:
        topic = self.stage.input_topic
        return [SimpleNamespace(topic=topic, partition=number) for number in numbers]

    def fetch(self, most: int) -> int:
        """Let the client deliver from the partition with most to read; returns how much it was."""
        topic = self.stage.input_topic
        waiting = {n: self.broker.end(topic, n) - at for n, at in self.fetched.items()}
        number = max(waiting, key=waiting.__getitem__, default=-1)
        if number < 0 or waiting[number] <= 0:
            return 0
        begin = self.fetched[number]
        rows = self.broker.logs[topic, number][begin : begin + most]
        self.fetched[number] = begin + len(rows)
        message = SimpleNamespace(
            partition=number,
            generation_id=self.generation,
            tracked=True,
            topic=topic,
            tp=(topic, number),
            offset=self.fetched[number] - 1,
        )
        self.inbox.append(SimpleNamespace(message=message, value=_Fetch(rows)))
        return len(rows)

    def step(self) -> None:
        """Go on to the next pause.

        Raises:
            Ended: the process stopped itself.
        """
        for task in self._background():
            if self.at in {"idle", "waiting"} or self.broker.rng.random() < 0.5:
                self.beside = task.step()
                return
        try:
            self.at = self._main.send(None)
        except StopIteration:
            raise Ended("the stream ended") from None

    @property
    def where(self) -> str:
        """Where it stands, for who counts the places at which it was stopped."""
        return self.beside or self.at

    def commit(self) -> None:
        """Let the client commit what was acked."""
        group = f"careloop-{self.stage.name}"
        for number, offset in self.acked.items():
            self.broker.committed[group, self.stage.input_topic, number] = offset

    def kill(self) -> None:
        """End the process where it stands; what its machine holds stays."""
        kill(self._main)
        for task in (self.worker._storing, self.worker._sending, self.worker._restoring):
            if task is not None:
                task.cancel()
