"""Projections read on from where their database says, whatever the client delivers."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from services.contract.codec import encode
from services.contract.topics import EVENT_TOPICS, HEALTH_EVENTS
from services.runtime.log_writer import LogWriter, Write
from services.runtime.projection import Batch, LogTruncatedError, StaleWriterError, run_projection
from services.runtime.settings import Settings
from services.runtime.ticks import tick

T0 = datetime(2026, 1, 1, tzinfo=UTC)


class Counting:
    """A projection into memory that, like a database, refuses a batch that does not continue."""

    name = "timeline"
    topics = EVENT_TOPICS
    consumes = ()

    def __init__(self, positions: dict[tuple[str, int], int] | None = None) -> None:
        self.positions = positions or {}
        self.stale_once = False

    def position(self, topic: str, partition: int) -> int | None:
        time.sleep(0.02)  # long enough for the client to deliver before all have been asked for
        return self.positions.get((topic, partition))

    def apply(self, batch: Batch) -> None:
        if self.stale_once:
            self.stale_once = False
            raise StaleWriterError("another process was faster")
        here = batch.topic, batch.partition
        assert self.positions.get(here, 0) == batch.start_offset
        self.positions[here] = batch.next_offset


async def write_ticks(settings: Settings, begin: int, end: int) -> None:
    writer = await LogWriter(settings.bootstrap_servers, "test").start()
    for second in range(begin, end):
        at = T0 + timedelta(seconds=second)
        await writer.write(
            Write(topic, number, encode(tick(topic, number, at, T0)))
            for topic in EVENT_TOPICS
            for number in range(settings.partitions)
        )
    await writer.stop()


async def read_until(projection: Counting, settings: Settings, offset: int) -> None:
    """Run a projection until every partition has been applied up to `offset`."""
    reading = asyncio.create_task(run_projection(projection, settings))
    wanted = len(EVENT_TOPICS) * settings.partitions
    try:
        async with asyncio.timeout(60):
            while sum(at >= offset for at in projection.positions.values()) < wanted:
                if reading.done():
                    reading.result()
                await asyncio.sleep(0.05)
    finally:
        reading.cancel()
        await asyncio.wait([reading])


def test_every_record_is_applied_once_while_the_log_grows(kafka_settings: Settings) -> None:
    projection = Counting()

    async def grow_and_read() -> None:
        await write_ticks(kafka_settings, 0, 5)
        growing = asyncio.create_task(write_ticks(kafka_settings, 5, 40))
        await read_until(projection, kafka_settings, 40)
        await growing

    asyncio.run(grow_and_read())

    assert set(projection.positions.values()) == {40}


def test_a_restart_reads_on_from_the_database_and_not_from_the_commit(
    kafka_settings: Settings,
) -> None:
    asyncio.run(write_ticks(kafka_settings, 0, 10))
    asyncio.run(read_until(Counting(), kafka_settings, 10))
    restored_from_a_backup = Counting(
        {(topic, n): 3 for topic in EVENT_TOPICS for n in range(kafka_settings.partitions)}
    )

    asyncio.run(write_ticks(kafka_settings, 10, 11))
    asyncio.run(read_until(restored_from_a_backup, kafka_settings, 11))

    assert set(restored_from_a_backup.positions.values()) == {11}


def test_a_batch_that_another_process_applied_is_read_anew(kafka_settings: Settings) -> None:
    asyncio.run(write_ticks(kafka_settings, 0, 5))
    projection = Counting()
    projection.stale_once = True

    async def read_and_grow() -> None:
        growing = asyncio.create_task(write_ticks(kafka_settings, 5, 8))
        await read_until(projection, kafka_settings, 8)
        await growing

    asyncio.run(read_and_grow())

    assert set(projection.positions.values()) == {8}


def test_records_that_are_gone_before_they_were_applied_stop_the_projection(
    kafka_settings: Settings,
) -> None:
    asyncio.run(write_ticks(kafka_settings, 0, 3))
    from kafka import TopicPartition  # only here are records deleted
    from kafka.admin import KafkaAdminClient

    with KafkaAdminClient(bootstrap_servers=kafka_settings.bootstrap_servers) as admin:
        admin.delete_records({TopicPartition(HEALTH_EVENTS, 1): 2})
    behind = Counting({(HEALTH_EVENTS, 1): 1})

    with pytest.raises(LogTruncatedError, match=f"{HEALTH_EVENTS}/1 begins at offset 2"):
        asyncio.run(read_until(behind, kafka_settings, 3))
