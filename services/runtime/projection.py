"""Projections: services that fold the log into a SQL database.

The database position is the truth: it moves in the transaction that holds the effects, by
compare-and-swap, so that a batch has its effect once whoever else is running. The offset
committed to Kafka is a hint, and what lag is measured by.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.structs import ConsumerRecord

from services.contract.codec import Record, UndecodableError, decode
from services.contract.event import Event, EventData
from services.contract.topics import DEAD_LETTERS
from services.runtime import telemetry
from services.runtime.dead_letters import Place, dead_letter
from services.runtime.log_writer import LogWriter, Write
from services.runtime.process import begin, run_until_stopped
from services.runtime.settings import Settings

RECORDS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Logged:
    """An event where it stands in its partition; timestamp: when it was stored, epoch ms."""

    offset: int
    timestamp_ms: int
    event: Event[EventData]


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records of one partition, of which `events` are those the projection wants."""

    topic: str
    partition: int
    start_offset: int
    next_offset: int
    events: tuple[Logged, ...]


class StaleWriterError(RuntimeError):
    """Another process has moved the position: this one must stop and read it anew."""


class Projection(Protocol):
    """A fold of some topics into a database.

    consumes: the data types it wants; None is all but clock ticks.
    """

    name: str
    topics: tuple[str, ...]
    consumes: tuple[type[EventData], ...] | None

    def position(self, topic: str, partition: int) -> int | None:
        """Return the next offset to read; None before the first batch."""
        ...

    def apply(self, batch: Batch) -> None:
        """Store the effects of a batch and its position in one transaction.

        Raises:
            StaleWriterError: the position is not where this batch begins.
        """
        ...


async def run_projection(projection: Projection, settings: Settings) -> None:
    """Feed a projection from its topics until cancelled. Any error ends the process's run."""
    wanted = (
        {data.TYPE.encode() for data in projection.consumes}
        if projection.consumes is not None
        else None
    )
    writer = await LogWriter(settings.bootstrap_servers, projection.name).start()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers,
        group_id=f"careloop-{projection.name}",
        client_id=projection.name,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=int(settings.session_timeout_s * 1000),
        max_poll_records=RECORDS_MAX,
    )
    consumer.subscribe(topics=projection.topics, listener=_SeekToPosition(projection, consumer))
    await consumer.start()
    try:
        while True:
            fetched = await consumer.getmany(timeout_ms=500, max_records=RECORDS_MAX)
            for at, records in fetched.items():
                await _apply(projection, at, records, wanted, writer)
            if fetched:
                await consumer.commit({at: rows[-1].offset + 1 for at, rows in fetched.items()})
            _measure(projection, consumer, fetched)
    finally:
        await consumer.stop()
        await writer.stop()


class _SeekToPosition(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    def __init__(self, projection: Projection, consumer: AIOKafkaConsumer) -> None:
        self._projection = projection
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Nothing is held between batches."""

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Read on from where the database says."""
        for at in assigned:
            position = await asyncio.to_thread(self._projection.position, at.topic, at.partition)
            if position is None:
                await self._consumer.seek_to_beginning(at)
            else:
                self._consumer.seek(at, position)


async def _apply(
    projection: Projection,
    at: TopicPartition,
    records: list[ConsumerRecord],
    wanted: set[bytes] | None,
    writer: LogWriter,
) -> None:
    events = []
    refused = []
    for row in records:
        kind = dict(row.headers).get("ce_type")
        if kind == b"careloop.clock.ticked.v1" or (wanted is not None and kind not in wanted):
            continue
        record = Record(row.key or b"", row.value or b"", tuple(row.headers))
        try:
            events.append(Logged(row.offset, row.timestamp, decode(record)))
        except UndecodableError as error:
            place = Place(at.topic, at.partition, row.offset)
            letter = dead_letter(record, place, projection.name, str(error))
            refused.append(Write(DEAD_LETTERS, at.partition, letter))
            telemetry.dead_letters.labels(projection.name, "undecodable").inc()
    if refused:
        await writer.write(refused)
    batch = Batch(at.topic, at.partition, records[0].offset, records[-1].offset + 1, tuple(events))
    await asyncio.to_thread(projection.apply, batch)


def _measure(
    projection: Projection,
    consumer: AIOKafkaConsumer,
    fetched: Mapping[TopicPartition, list[ConsumerRecord]],
) -> None:
    for at, records in fetched.items():
        telemetry.events_processed.labels(projection.name).inc(len(records))
        end = consumer.highwater(at)
        if end is not None:
            telemetry.consumer_lag.labels(projection.name, f"{at.topic}/{at.partition}").set(
                max(0, end - records[-1].offset - 1)
            )


def main_projection(name: str, make: Callable[[Settings], Projection]) -> None:
    """Run a projection as a process of its own, until SIGTERM or SIGINT."""
    settings = begin(name)
    run_until_stopped(run_projection(make(settings), settings))
