"""Following the log live, from its end, without a consumer group."""

from collections.abc import AsyncIterator, Collection

from aiokafka import AIOKafkaConsumer, TopicPartition

from services.contract.codec import Record, UndecodableError, decode
from services.contract.event import EventData
from services.runtime.projection import Logged
from services.runtime.settings import Settings


async def follow(
    settings: Settings, topics: Collection[str], types: Collection[type[EventData]]
) -> AsyncIterator[Logged]:
    """Yield events of the given types as they are stored from now on.

    What cannot be decoded is passed over: whoever must not miss it reads through a projection.
    """
    wanted = {data.TYPE.encode() for data in types}
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
        await consumer.seek_to_end(*partitions)
        async for message in consumer:
            headers = tuple(message.headers)
            if dict(headers).get("ce_type") not in wanted:
                continue
            try:
                event = decode(Record(message.key or b"", message.value or b"", headers))
            except UndecodableError:
                continue
            yield Logged(message.offset, message.timestamp, event)
    finally:
        await consumer.stop()
