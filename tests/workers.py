"""Worker processes of the counting stage for tests: started, paused, killed, and waited for."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient

from services.contract.clinical import ObservationRecorded
from services.contract.codec import Record, decode, encode
from services.contract.event import Event, EventData
from services.contract.ids import stable_id
from services.contract.topics import HEALTH_EVENTS, changelog
from services.contract.visit import Code
from services.local.orphans import Watcher
from services.runtime.drain import Progress
from services.runtime.fold import PartitionFold, Row
from services.runtime.household import version_of
from services.runtime.log_writer import LogWriter, Write, partition_of
from services.runtime.settings import Settings
from services.runtime.state_store import MemoryStore
from services.runtime.worker import EXIT_FAILED
from tests.counting_stage import STAGE

T0 = datetime(2026, 1, 1, tzinfo=UTC)
WAIT_S = 60.0

NORMAL_ENDS = ("GapInLogError", "StaleGenerationError", "FencedError")
"""After a rebalance a worker may find that it cannot go on as it is (docs/operations.md)."""


def assert_normal_end(exit_code: int, said: str) -> None:
    """Fail unless a worker has ended as a rebalance may make it end."""
    normal = exit_code == EXIT_FAILED and any(end in said for end in NORMAL_ENDS)
    assert normal, f"ended with {exit_code}: {said[-2000:]}"


class WorkerProcess:
    """`python -m tests.counting_stage` with a data directory of its own."""

    module = "tests.counting_stage"

    def __init__(self, settings: Settings, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.log = folder.parent / f"{folder.name}.log"
        folder.mkdir(parents=True, exist_ok=True)
        self._environment = {
            **os.environ,
            "CARELOOP_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
            "CARELOOP_DATA_DIR": str(folder),
            "CARELOOP_PARTITIONS": str(settings.partitions),
            "CARELOOP_SESSION_TIMEOUT_S": "6",
            **environment,
        }
        self._start()

    def _start(self) -> None:
        self._said_before = len(self.said()) if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module],
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._watcher = Watcher(self.process)

    def start_again_if_ended(self) -> None:
        """Start it again, as its supervisor would, if a rebalance made it end; fail if else did."""
        if self.process.poll() is None:
            return
        self._watcher.close()
        assert_normal_end(self.process.returncode, self.said()[self._said_before :])
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.send(signal.SIGCONT)
        self.kill()

    def send(self, number: int) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._watcher.close()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(WAIT_S)

    def said(self) -> str:
        return self.log.read_text(errors="replace")


def facts(households: int, begin: int, end: int) -> list[Record]:
    """The facts `begin` to `end` - 1 of each household, in turns."""
    return [
        fact(f"home-{number}", sequence)
        for sequence in range(begin, end)
        for number in range(households)
    ]


def fact(household: str, sequence: int, value: float | None = None) -> Record:
    """The `sequence`-th observation of a household of one member; its value too, if none is given."""
    data = ObservationRecorded(
        observation_id=f"{household}-{sequence}",
        codes=(Code(system="http://loinc.org", code="8480-6"),),
        value=float(sequence) if value is None else value,
        unit="mm[Hg]",
        text=None,
        components=(),
        visit_id=None,
    )
    event = Event(
        id=stable_id("test", household, str(sequence)),
        source="/test",
        subject=f"member-of-{household}",
        household=household,
        time=T0 + timedelta(minutes=sequence),
        recorded_time=T0,
        sequence=sequence,
        data=data,
    )
    return encode(event)


def publish(settings: Settings, records: Iterable[Record]) -> None:
    """Store records on the health log, each on its household's partition."""

    async def write() -> None:
        writer = await LogWriter(settings.bootstrap_servers, "test").start()
        await writer.write(
            Write(HEALTH_EVENTS, partition_of(record.key, settings.partitions), record)
            for record in records
        )
        await writer.stop()

    asyncio.run(write())


def read(settings: Settings, topic: str) -> dict[int, list[Row]]:
    """Return every record of a topic, by partition."""

    async def fetch() -> dict[int, list[Row]]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.bootstrap_servers, enable_auto_commit=False
        )
        await consumer.start()
        places = [TopicPartition(topic, number) for number in range(settings.partitions)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        rows: dict[int, list[Row]] = {number: [] for number in range(settings.partitions)}
        for at in places:
            while await consumer.position(at) < ends[at]:
                for row in (await consumer.getmany(at, timeout_ms=500)).get(at, []):
                    record = Record(row.key, row.value, tuple(row.headers))
                    rows[at.partition].append(Row(row.offset, record))
        await consumer.stop()
        return rows

    return asyncio.run(fetch())


def derived(settings: Settings) -> list[Event[EventData]]:
    """Return what the counting stage has said, repeats included, in log order."""
    rows = [row for rows in read(settings, HEALTH_EVENTS).values() for row in rows]
    events = [decode(row.record) for row in rows]
    return [event for event in events if event.source == "/careloop/screening"]


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until something holds; fails with `what` after a minute."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {WAIT_S:.0f} s for {what}")
        time.sleep(0.2)


def delete_topics(admin: KafkaAdminClient, *names: str) -> None:
    """Delete topics, and wait until the broker no longer names them, which is a little later."""
    admin.delete_topics(list(names))
    wait_for(lambda: not set(names) & set(admin.list_topics()), f"{names} to be deleted")


def wait_stored(settings: Settings, *working: WorkerProcess) -> None:
    """Wait until the stage has stored the states of all that stands on the log.

    Outputs run half a second ahead of states: that they are there does not say it. Offsets are
    committed after the states that they stand for.
    """
    group = f"careloop-{STAGE.name}"

    def stored() -> bool:
        for worker in working:
            worker.start_again_if_ended()
        return progress.lag(progress.ends())[group] == 0

    with Progress(settings) as progress:
        wait_for(stored, "the states to be stored")


def distinct(events: Iterable[Event[EventData]]) -> dict[str, Event[EventData]]:
    """Return events by id; fails if one id stands for two bodies."""
    found: dict[str, Event[EventData]] = {}
    for event in events:
        assert found.setdefault(event.id, event) == event, f"{event.id} has two bodies"
    return found


def assert_states_equal_replay(settings: Settings) -> None:
    """Check that each household's last changelog record is what folding the log again gives."""
    on_changelog = read(settings, changelog(STAGE.name))
    for number, rows in read(settings, HEALTH_EVENTS).items():
        store = MemoryStore()
        fold = PartitionFold(STAGE, number, store)
        fold.apply(rows)
        store.put(fold.take_changes())
        last = {row.record.key: row.record.value for row in on_changelog[number]}
        for household, replayed in store.items():
            if household.startswith(b"\x00"):
                continue  # the position says how far it was read, which may be short of the end
            assert version_of(last[household]) == version_of(replayed)
            assert last[household] == replayed
