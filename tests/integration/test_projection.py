"""Projections read on from where their database says, whatever the client delivers."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CommitFailedError
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import CoordinatorNotAvailableError

from services.contract.codec import Record, encode
from services.contract.topics import EVENT_TOPICS, HEALTH_EVENTS
from services.runtime.log_writer import LogWriter, Write
from services.runtime.projection import (
    IDLE_RECORDS_MAX,
    Batch,
    LogTruncatedError,
    StaleWriterError,
    run_projection,
)
from services.runtime.settings import Settings
from services.runtime.ticks import tick
from tests.workers import fact

T0 = datetime(2026, 1, 1, tzinfo=UTC)


class Counting:
    """A projection into memory that, like a database, refuses a batch that does not continue."""

    name = "timeline"
    topics = EVENT_TOPICS
    consumes = None

    def __init__(self, positions: dict[tuple[str, int], int] | None = None) -> None:
        self.positions = positions or {}
        self.stale_once = False
        self.applied: list[int] = []

    def position(self, topic: str, partition: int) -> int | None:
        time.sleep(0.02)  # long enough for the client to deliver before all have been asked for
        return self.positions.get((topic, partition))

    def apply(self, *batches: Batch) -> None:
        if self.stale_once:
            self.stale_once = False
            time.sleep(0.5)  # long enough for what follows to be read meanwhile
            raise StaleWriterError("another process was faster")
        for batch in batches:
            here = batch.topic, batch.partition
            assert self.positions.get(here, 0) == batch.start_offset
            self.positions[here] = batch.next_offset
            self.applied += [logged.offset for logged in batch.events]


async def write_facts(settings: Settings, begin: int, end: int) -> None:
    """Store the facts `begin` to `end` - 1 of one household on every partition of every topic."""
    writer = await LogWriter(settings.bootstrap_servers, "test").start()
    for sequence in range(begin, end):
        await writer.write(
            Write(topic, number, fact(f"{topic}-{number}", sequence + 1))
            for topic in EVENT_TOPICS
            for number in range(settings.partitions)
        )
    await writer.stop()


async def write_ticks(settings: Settings, count: int) -> None:
    """Store ticks on every partition of the health log."""
    writer = await LogWriter(settings.bootstrap_servers, "test").start()
    await writer.write(
        Write(HEALTH_EVENTS, number, encode(tick(HEALTH_EVENTS, number, T0 + timedelta(n), T0)))
        for n in range(count)
        for number in range(settings.partitions)
    )
    await writer.stop()


async def read_until(projection: Counting, settings: Settings, facts_each: int) -> None:
    """Run a projection until so many facts of every partition have been applied."""
    reading = asyncio.create_task(run_projection(projection, settings))
    wanted = facts_each * len(EVENT_TOPICS) * settings.partitions
    try:
        async with asyncio.timeout(60):
            while len(projection.applied) < wanted:
                if reading.done():
                    reading.result()
                await asyncio.sleep(0.05)
    finally:
        reading.cancel()
        await asyncio.wait([reading])


def test_every_record_is_applied_once_while_the_log_grows(kafka_settings: Settings) -> None:
    projection = Counting()

    async def grow_and_read() -> None:
        await write_facts(kafka_settings, 0, 5)
        growing = asyncio.create_task(write_facts(kafka_settings, 5, 40))
        await read_until(projection, kafka_settings, 40)
        await growing

    asyncio.run(grow_and_read())

    assert set(projection.positions.values()) == {40}


def test_positions_move_over_ticks_with_the_next_event(
    kafka_settings: Settings,
) -> None:
    asyncio.run(write_facts(kafka_settings, 0, 1))
    asyncio.run(write_ticks(kafka_settings, IDLE_RECORDS_MAX - 1))
    asyncio.run(write_facts(kafka_settings, 1, 2))
    projection = Counting()

    asyncio.run(read_until(projection, kafka_settings, 2))

    healthy = [projection.positions[HEALTH_EVENTS, n] for n in range(kafka_settings.partitions)]
    assert healthy == [IDLE_RECORDS_MAX + 1] * kafka_settings.partitions


def test_a_restart_reads_on_from_the_database_and_not_from_the_commit(
    kafka_settings: Settings,
) -> None:
    asyncio.run(write_facts(kafka_settings, 0, 10))
    asyncio.run(read_until(Counting(), kafka_settings, 10))
    restored_from_a_backup = Counting(
        {(topic, n): 3 for topic in EVENT_TOPICS for n in range(kafka_settings.partitions)}
    )

    asyncio.run(write_facts(kafka_settings, 10, 11))
    asyncio.run(read_until(restored_from_a_backup, kafka_settings, 8))  # of 11, 3 were applied

    assert set(restored_from_a_backup.positions.values()) == {11}


def test_a_commit_that_failed_is_said_again_though_nothing_follows(
    kafka_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that has just started refuses commits for a while."""
    commit, refuses = AIOKafkaConsumer.commit, True
    refused: dict[TopicPartition, int] = {}

    async def commit_in_time(self: AIOKafkaConsumer, offsets: dict[TopicPartition, int]) -> None:
        if refuses:
            refused.update(offsets)
            raise CommitFailedError
        await commit(self, offsets)

    monkeypatch.setattr(AIOKafkaConsumer, "commit", commit_in_time)
    wanted = 3 * len(EVENT_TOPICS) * kafka_settings.partitions

    async def read_while_the_broker_starts() -> int:
        nonlocal refuses
        reading = asyncio.create_task(run_projection(Counting(), kafka_settings))
        async with asyncio.timeout(60):
            while sum(refused.values()) < wanted:  # noqa: ASYNC110  # nothing tells of a commit
                await asyncio.sleep(0.05)
        before = await asyncio.to_thread(committed, kafka_settings)
        refuses = False
        async with asyncio.timeout(30):
            while await asyncio.to_thread(committed, kafka_settings) < wanted:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        reading.cancel()
        await asyncio.wait([reading])
        return before

    asyncio.run(write_facts(kafka_settings, 0, 3))

    assert asyncio.run(read_while_the_broker_starts()) == 0


def test_what_was_stored_by_who_was_killed_before_the_commit_is_committed_though_nothing_follows(
    kafka_settings: Settings,
) -> None:
    """Otherwise lag would be shown, and waited for, until the next event of that partition."""
    here = [(topic, n) for topic in EVENT_TOPICS for n in range(kafka_settings.partitions)]

    async def start_again() -> None:
        projection = Counting(dict.fromkeys(here, 3))
        reading = asyncio.create_task(run_projection(projection, kafka_settings))
        try:
            async with asyncio.timeout(30):
                while await asyncio.to_thread(committed, kafka_settings) < 3 * len(here):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        finally:
            reading.cancel()
            await asyncio.wait([reading])
        assert projection.applied == []

    asyncio.run(write_facts(kafka_settings, 0, 3))
    asyncio.run(start_again())


def committed(settings: Settings) -> int:
    """How many records the group says it has read; a new broker does not know of groups at once."""
    with KafkaAdminClient(bootstrap_servers=settings.bootstrap_servers) as admin:
        try:
            offsets = admin.list_group_offsets(["careloop-timeline"]).get("careloop-timeline", {})
        except CoordinatorNotAvailableError:
            return 0
    return sum(max(0, each.offset) for each in offsets.values())


def test_a_batch_that_another_process_applied_is_read_anew(kafka_settings: Settings) -> None:
    asyncio.run(write_facts(kafka_settings, 0, 5))
    projection = Counting()
    projection.stale_once = True

    async def read_and_grow() -> None:
        growing = asyncio.create_task(write_facts(kafka_settings, 5, 8))
        await read_until(projection, kafka_settings, 8)
        await growing

    asyncio.run(read_and_grow())

    assert set(projection.positions.values()) == {8}


def test_records_that_are_gone_before_they_were_applied_stop_the_projection(
    kafka_settings: Settings,
) -> None:
    asyncio.run(write_facts(kafka_settings, 0, 3))
    with KafkaAdminClient(bootstrap_servers=kafka_settings.bootstrap_servers) as admin:
        admin.delete_records({TopicPartition(HEALTH_EVENTS, 1): 2})
    behind = Counting({(HEALTH_EVENTS, 1): 1})

    with pytest.raises(LogTruncatedError, match=f"{HEALTH_EVENTS}/1 begins at offset 2"):
        asyncio.run(read_until(behind, kafka_settings, 3))


def test_a_record_that_was_refused_is_passed_though_nothing_follows(
    kafka_settings: Settings,
) -> None:
    """Else each restart would refuse it again, and write another letter about it."""
    unheard_of = Record(b"home", b"{}", (("ce_type", b"unheard-of"),))
    projection = Counting()

    async def write_and_read() -> None:
        writer = await LogWriter(kafka_settings.bootstrap_servers, "test").start()
        await writer.write([Write(HEALTH_EVENTS, 1, unheard_of)])
        await writer.stop()
        reading = asyncio.create_task(run_projection(projection, kafka_settings))
        async with asyncio.timeout(30):
            while not projection.positions:  # noqa: ASYNC110  # the projection applies in a thread
                await asyncio.sleep(0.05)
        reading.cancel()
        await asyncio.wait([reading])

    asyncio.run(write_and_read())

    assert projection.positions == {(HEALTH_EVENTS, 1): 1}
    assert projection.applied == []
