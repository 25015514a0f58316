"""Hands Faust one message per partition fetch instead of one per record.

Faust spends some 180 µs on each message it delivers (four tasks, a lock, a queue, sensors). With a
whole fetch in one message that cost is shared by all of its records.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import aiokafka
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.transports import SchedulingStrategyT

from services.runtime.client_records import record_of
from services.runtime.fold import Row

FETCH_BYTES_MIN: Final = 64 << 10
"""A fetch that may be kept back is sent as soon as there is this much of it."""


class PartitionFetch:
    """Consecutive records of one partition, as the client delivered them."""

    def __init__(self, records: Sequence[Any]) -> None:
        """Hold records in offset order."""
        self.records = records
        self.count = len(records)

    def take_rows(self) -> list[Row]:
        """Return the records in offset order, and let go of them: an event outlives its batch."""
        records, self.records = self.records, ()
        return [Row(record.offset, record_of(record), record.timestamp) for record in records]


@dataclass(frozen=True, slots=True)
class _FetchMessage:
    """What Faust reads of a record: here, of the last record of a fetch."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    timestamp_type: int
    value: PartitionFetch
    key: None = None
    headers: tuple[()] = ()
    checksum: None = None
    serialized_key_size: int = 0
    serialized_value_size: int = 0


class PartitionFetchScheduler(SchedulingStrategyT):
    """A `ConsumerScheduler` that yields each partition's records as one message."""

    def iterate(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, Any]]:
        """Yield one message for each partition; its offset is that of its last record."""
        for at, fetched in records.items():
            if fetched:
                last = fetched[-1]
                yield (
                    at,
                    _FetchMessage(
                        topic=last.topic,
                        partition=last.partition,
                        offset=last.offset,
                        timestamp=last.timestamp,
                        timestamp_type=last.timestamp_type,
                        value=PartitionFetch(fetched),
                    ),
                )


class _Consumer(driver.Consumer):
    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Keep no gaps: between the last records of two fetches are the records of the second."""

    def _new_offset(self, tp: TP) -> int | None:
        """Commit the offset after the last one acknowledged.

        Fetches are acknowledged in order, each only after what it led to is stored, so nothing
        before the last one is missing. Faust's own reckoning is made for single messages: it fills
        the gaps between them with offsets that it then counts twice, and so advances by one fetch a
        commit, seconds behind under load; and after a fetch of offset 0 alone it never advances.
        """
        acked = self._acked[tp]
        if not acked:
            return None
        last: int = max(acked)
        self._acked_index[tp].difference_update(acked)
        acked.clear()
        return last + 1


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        if transport.gather_ms:  # neither can be set through Faust (0.15.3)
            consumer._fetch_min_bytes = FETCH_BYTES_MIN  # noqa: SLF001
            consumer._fetch_max_wait_ms = transport.gather_ms  # noqa: SLF001
        return consumer


class StageTransport(driver.Transport):
    """Faust's way to Kafka, for whole fetches.

    gather_ms: how long the broker may keep a fetch back until it is worth one.
    """

    Consumer = _Consumer

    def __init__(self, *args: Any, gather_ms: int, **kwargs: Any) -> None:
        """Take what Faust's own transport takes."""
        super().__init__(*args, **kwargs)
        self.gather_ms = gather_ms
