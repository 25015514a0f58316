"""Projections: services that fold the log into a SQL database.

The database position is the truth: it moves in the transaction that holds the effects, by
compare-and-swap, so that a batch has its effect once whoever else is running. The offset
committed to Kafka is a hint, and what lag is measured by.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol, Self

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError
from aiokafka.structs import ConsumerRecord

from services.contract.clock import ClockTicked
from services.contract.codec import UndecodableError, decode, header_map
from services.contract.event import Event, EventData
from services.contract.registry import BY_TYPE
from services.contract.topics import DEAD_LETTERS
from services.runtime import fault_points, telemetry
from services.runtime.client_records import record_of
from services.runtime.dead_letters import Letter, Place, dead_letter, read_letter
from services.runtime.log_writer import LogWriter, Write
from services.runtime.process import begin, collect_garbage_seldom, run_until_stopped
from services.runtime.settings import Settings

log = structlog.get_logger(__name__)

RECORDS_MAX: Final = 2_000
IDLE_RECORDS_MAX: Final = 500
"""Records without effect that may lie between the database's position and what was read."""

FETCH_BYTES_MIN: Final = 256 << 10
FETCH_WAIT_MS: Final = 100
"""The broker lets records gather for so long, or to so many bytes: a transaction for each of the
few that arrive at a time would cost more than all that is done with them."""

TICK: Final = ClockTicked.TYPE.encode()


@dataclass(frozen=True, slots=True)
class Logged:
    """An event where it stands in its partition; timestamp: when it was stored, epoch ms.

    body: the data as it stands there, of the version that was written.
    """

    offset: int
    timestamp_ms: int
    event: Event[EventData]
    body: bytes


@dataclass(frozen=True, slots=True)
class LoggedLetter:
    """A dead letter; timestamp: when it was stored, epoch ms."""

    timestamp_ms: int
    letter: Letter


@dataclass(frozen=True, slots=True)
class Batch:
    """A stretch of one partition, of which `events` are the records that the projection wants.

    refused: how many more of them could not be read, and are dead letters by now. letters: of the
    topic of the dead letters, which holds no events.
    """

    topic: str
    partition: int
    start_offset: int
    next_offset: int
    events: tuple[Logged, ...]
    refused: int = 0
    letters: tuple[LoggedLetter, ...] = ()


class StaleWriterError(RuntimeError):
    """Another process has moved the position: this one must stop and read it anew."""


class Projection(Protocol):
    """A fold of some topics into a database.

    consumes: the data types it wants, the contract's or its own of the same names that read less;
        None is all but clock ticks.
    """

    name: str
    topics: tuple[str, ...]
    consumes: tuple[type[EventData], ...] | None

    def position(self, topic: str, partition: int) -> int | None:
        """Return the next offset to read; None before the first batch."""
        ...

    def apply(self, *batches: Batch) -> None:
        """Store the effects of batches, of one partition each, and their positions: all or none.

        Raises:
            StaleWriterError: a position is not where its batch begins.
        """
        ...


class LogTruncatedError(RuntimeError):
    """Records that were not yet applied are no longer on the log: an operator must decide."""


async def run_projection(projection: Projection, settings: Settings) -> None:
    """Feed a projection from its topics until cancelled. Any error ends the run."""
    async with _Feed(projection, settings) as feed:
        while True:
            await feed.step()


class _Feed:
    """Reads a projection's partitions from where its database says.

    The client delivers while it is still being told of its assignment, and from the offset that
    was committed, so each batch is measured against the database's position, not trusted.
    """

    def __init__(self, projection: Projection, settings: Settings) -> None:
        self._projection = projection
        self._models = BY_TYPE
        self._wanted: set[bytes] | None = None
        if projection.consumes is not None:
            self._models = {data.TYPE: data for data in projection.consumes}
            self._wanted = {name.encode() for name in self._models}
        self._stored: dict[TopicPartition, int] = {}  # once what is ready has been applied
        self._read: dict[TopicPartition, int] = {}
        self._ready: list[Batch] = []
        self._uncommitted: dict[TopicPartition, int] = {}
        self._sought: set[TopicPartition] = set()
        self._writer = LogWriter(settings.bootstrap_servers, projection.name)
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.bootstrap_servers,
            group_id=f"careloop-{projection.name}",
            client_id=projection.name,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=int(settings.session_timeout_s * 1000),
            max_poll_records=RECORDS_MAX,
            fetch_min_bytes=FETCH_BYTES_MIN,
            fetch_max_wait_ms=FETCH_WAIT_MS,
        )
        self._consumer.subscribe(
            topics=projection.topics,
            listener=_Forget(projection.name, self._stored, self._sought),
        )

    async def __aenter__(self) -> Self:
        try:
            await self._writer.start()
            await self._consumer.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()
        await self._writer.stop()

    async def step(self) -> None:
        """Store what has arrived, in one transaction, while what follows is read or waited for."""
        reading = asyncio.create_task(self._arrived())
        try:
            applied = await self._apply(self._ready)
        except BaseException:
            reading.cancel()
            await asyncio.wait([reading])  # it holds the consumer, which is stopped next
            raise
        arrived = await reading
        if not applied:  # what follows it does not continue the database either
            await self._read_anew([*self._ready, *arrived])
            arrived = []
        self._ready = arrived

    async def _arrived(self) -> list[Batch]:
        fetched = await self._consumer.getmany(timeout_ms=500, max_records=RECORDS_MAX)
        batches = [await self._batch(at, records) for at, records in fetched.items()]
        return [batch for batch in batches if batch is not None]

    async def _apply(self, batches: list[Batch]) -> bool:
        """Store effects and positions; False if another process has moved a position."""
        worth_storing = [batch for batch in batches if is_worth_storing(batch)]
        if worth_storing:
            try:
                await asyncio.to_thread(self._projection.apply, *worth_storing)
            except StaleWriterError as error:
                log.warning("reads on from the database's positions", reason=str(error))
                return False
            fault_points.reach("projection.committed")
        await self._commit(batches)
        self._measure(batches)
        return True

    async def _batch(self, at: TopicPartition, records: list[ConsumerRecord]) -> Batch | None:
        """Return what continues the partition, from where the database is; None if nothing does."""
        if at not in self._stored:
            self._stored[at] = self._read[at] = await self._position(at)
            if records[0].offset < self._read[at]:
                # Whoever stored these was gone before it had told Kafka.
                self._uncommitted[at] = self._read[at]
        expected = self._read[at]
        records = [row for row in records if row.offset >= expected]
        if not records:
            return None
        if records[0].offset > expected:
            self._go_back(at, expected, records[0].offset)
            return None
        self._sought.discard(at)
        start = self._stored[at]
        events, refused = self._decode(at, records) if at.topic != DEAD_LETTERS else ([], [])
        if refused:
            await self._writer.write(refused)
        self._read[at] = records[-1].offset + 1
        end = self._read[at]
        letters = tuple(_letters(records)) if at.topic == DEAD_LETTERS else ()
        batch = Batch(at.topic, at.partition, start, end, tuple(events), len(refused), letters)
        if is_worth_storing(batch):
            self._stored[at] = batch.next_offset
        return batch

    async def _position(self, at: TopicPartition) -> int:
        """Return the next offset to apply; a database that knows none begins with the log."""
        known = await asyncio.to_thread(self._projection.position, at.topic, at.partition)
        if known is not None:
            return known
        begins: dict[TopicPartition, int] = await self._consumer.beginning_offsets([at])
        return begins[at]

    async def _read_anew(self, batches: list[Batch]) -> None:
        for batch in batches:
            at = TopicPartition(batch.topic, batch.partition)
            self._stored[at] = self._read[at] = await self._position(at)
            with contextlib.suppress(IllegalStateError):  # it is another process's by now
                self._consumer.seek(at, self._read[at])

    def _go_back(self, at: TopicPartition, expected: int, found: int) -> None:
        if at in self._sought:
            where = f"{at.topic}/{at.partition}"
            raise LogTruncatedError(
                f"{where} begins at offset {found}, {self._projection.name} has applied it only"
                f" up to {expected}; restore the records, or accept the loss by moving the position"
            )
        self._sought.add(at)
        with contextlib.suppress(IllegalStateError):  # it is another process's by now
            self._consumer.seek(at, expected)

    async def _commit(self, batches: list[Batch]) -> None:
        """Tell Kafka how far the effects reach: a hint, since the next owner asks the database."""
        reached = {TopicPartition(one.topic, one.partition): one.next_offset for one in batches}
        mine = self._consumer.assignment()
        due = {at: to for at, to in (self._uncommitted | reached).items() if at in mine}
        self._uncommitted = {}
        if due:
            try:
                await self._consumer.commit(due)
            except (CommitFailedError, IllegalStateError):
                # As it does while a broker starts: it is said again with the next step.
                self._uncommitted = due | self._uncommitted

    def _decode(
        self, at: TopicPartition, records: list[ConsumerRecord]
    ) -> tuple[list[Logged], list[Write]]:
        events, refused = [], []
        for row in records:
            record = record_of(row)
            headers = header_map(record.headers)
            kind = headers.get("ce_type")
            if kind == TICK or (self._wanted is not None and kind not in self._wanted):
                continue
            try:
                event = decode(record, headers, self._models)
                events.append(Logged(row.offset, row.timestamp, event, record.value))
            except UndecodableError as error:
                place = Place(at.topic, at.partition, row.offset)
                letter = dead_letter(record, place, self._projection.name, str(error))
                refused.append(Write(DEAD_LETTERS, at.partition, letter))
                telemetry.dead_letters.labels(self._projection.name, "undecodable").inc()
        return events, refused

    def _measure(self, batches: list[Batch]) -> None:
        name = self._projection.name
        for batch in batches:
            telemetry.events_processed.labels(name).inc(len(batch.events))
            at = TopicPartition(batch.topic, batch.partition)
            if at not in self._stored:
                continue  # it was given away meanwhile
            with contextlib.suppress(IllegalStateError):  # it is another process's by now
                end = self._consumer.highwater(at)
                lag = max(0, (end or 0) - batch.next_offset)
                telemetry.consumer_lag.labels(name, f"{at.topic}/{at.partition}").set(lag)


def _letters(records: list[ConsumerRecord]) -> Iterator[LoggedLetter]:
    for row in records:
        letter = read_letter(record_of(row))
        if letter is not None:
            yield LoggedLetter(row.timestamp, letter)


def is_worth_storing(batch: Batch) -> bool:
    """Tell whether a batch is worth a transaction: ticks alone are read again after a restart.

    What was refused is, since it would be a dead letter once more.
    """
    return (
        bool(batch.events or batch.refused or batch.letters)
        or batch.next_offset - batch.start_offset >= IDLE_RECORDS_MAX
    )


class _Forget(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """Makes every new assignment ask the database where to read on."""

    def __init__(
        self, name: str, positions: dict[TopicPartition, int], sought: set[TopicPartition]
    ) -> None:
        self._name = name
        self._positions = positions
        self._sought = sought

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Another process may move the position from now on."""
        for at in revoked:
            self._positions.pop(at, None)
            telemetry.consumer_lag.remove(self._name, f"{at.topic}/{at.partition}")

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Let the first batch read the position anew; a seek before it has no effect any more."""
        for at in assigned:
            self._positions.pop(at, None)
            self._sought.discard(at)


def main_projection(name: str, make: Callable[[Settings], Projection]) -> None:
    """Run a projection as a process of its own, until SIGTERM or SIGINT."""
    settings = begin(name)
    collect_garbage_seldom()
    run_until_stopped(run_projection(make(settings), settings))
