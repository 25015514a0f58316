"""Following the log live, without a consumer group."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, MutableMapping
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition

from services.contract.codec import Record, UndecodableError, decode
from services.contract.event import EventData
from services.contract.topics import DEAD_LETTERS
from services.runtime.client_records import record_of
from services.runtime.dead_letters import Letter, read_letter
from services.runtime.projection import Logged
from services.runtime.settings import Settings


async def whole_partition(
    settings: Settings, topic: str, partition: int
) -> AsyncGenerator[Record, None]:
    """Yield every record of a partition from its first on, and then those that come."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers, enable_auto_commit=False
    )
    await consumer.start()
    try:
        at = TopicPartition(topic, partition)
        consumer.assign([at])
        await consumer.seek_to_beginning(at)
        while True:
            fetched = await consumer.getmany(at, timeout_ms=1_000)
            for row in fetched.get(at, ()):
                yield record_of(row)
    finally:
        await consumer.stop()


async def follow(
    settings: Settings,
    topics: Collection[str],
    types: Collection[type[EventData]],
    *,
    from_start: bool = False,
    read_to: MutableMapping[tuple[str, int], int] | None = None,
) -> AsyncIterator[Logged]:
    """Yield events of the given types as they are stored from now on, or all `from_start`.

    read_to: kept up to date with the next offset to read, by topic and partition. What cannot be
    decoded is passed over: whoever must not miss it reads through a projection.
    """
    wanted = {data.TYPE.encode() for data in types}
    async with _reading(settings, topics, from_start=from_start) as consumer:
        while True:
            fetched = await consumer.getmany(timeout_ms=1_000)
            for at, rows in fetched.items():
                for row in rows:
                    record = record_of(row)
                    if dict(record.headers).get("ce_type") not in wanted:
                        continue
                    try:
                        event = decode(record)
                    except UndecodableError:
                        continue
                    yield Logged(row.offset, row.timestamp, event, record.value)
                if read_to is not None:
                    read_to[at.topic, at.partition] = rows[-1].offset + 1


async def follow_letters(settings: Settings) -> AsyncIterator[Letter]:
    """Yield dead letters as they are stored from now on."""
    async with _reading(settings, (DEAD_LETTERS,), from_start=False) as consumer:
        while True:
            fetched = await consumer.getmany(timeout_ms=1_000)
            for rows in fetched.values():
                for row in rows:
                    letter = read_letter(record_of(row))
                    if letter is not None:
                        yield letter


@asynccontextmanager
async def _reading(
    settings: Settings, topics: Collection[str], *, from_start: bool
) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers, enable_auto_commit=False
    )
    await consumer.start()
    try:
        partitions = [
            TopicPartition(topic, number)
            for topic in topics
            for number in range(settings.partitions)
        ]
        consumer.assign(partitions)
        if from_start:
            await consumer.seek_to_beginning(*partitions)
        else:
            await consumer.seek_to_end(*partitions)
        yield consumer
    finally:
        await consumer.stop()
