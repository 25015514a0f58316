"""All records of some topics, read on from where the last look ended."""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from services.runtime.client_records import record_of
from services.runtime.fold import Row
from services.runtime.settings import Settings


class LogMirror:
    """Where each partition has been read to, and what was new there."""

    def __init__(self, settings: Settings, topics: Sequence[str]) -> None:
        self._settings = settings
        self._places = [
            TopicPartition(topic, number)
            for topic in topics
            for number in range(settings.partitions)
        ]
        self.next_offsets = dict.fromkeys(self._places, 0)

    def news(self) -> dict[tuple[str, int], list[Row]]:
        """Return what was stored since the last call, up to now, by topic and partition."""
        return asyncio.run(self._news())

    async def _news(self) -> dict[tuple[str, int], list[Row]]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.bootstrap_servers,
            enable_auto_commit=False,
            max_partition_fetch_bytes=16 << 20,
        )
        await consumer.start()
        try:
            consumer.assign(self._places)
            ends = await consumer.end_offsets(self._places)
            found: dict[tuple[str, int], list[Row]] = {(p.topic, p.partition): [] for p in ends}
            for at in self._places:
                consumer.seek(at, self.next_offsets[at])
            behind = {at for at in self._places if self.next_offsets[at] < ends[at]}
            while behind:
                fetched = await consumer.getmany(*behind, timeout_ms=500)
                for at, rows in fetched.items():
                    found[at.topic, at.partition] += [
                        Row(row.offset, record_of(row), row.timestamp) for row in rows
                    ]
                    self.next_offsets[at] = rows[-1].offset + 1
                behind = {at for at in behind if self.next_offsets[at] < ends[at]}
            return found
        finally:
            await consumer.stop()
