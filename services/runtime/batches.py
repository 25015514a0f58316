"""Hands Faust one message per partition fetch instead of one per record.

Faust spends some 180 µs on each message it delivers (four tasks, a lock, a queue, sensors). With a
whole fetch in one message that cost is shared by all of its records.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from faust.types import TP
from faust.types.transports import SchedulingStrategyT

from services.runtime.client_records import record_of
from services.runtime.fold import Row


@dataclass(frozen=True, slots=True)
class PartitionFetch:
    """Consecutive records of one partition, as the client delivered them."""

    records: tuple[Any, ...]

    def rows(self) -> Iterator[Row]:
        """Iterate over the records in offset order."""
        for record in self.records:
            yield Row(record.offset, record_of(record), record.timestamp)


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
                        value=PartitionFetch(tuple(fetched)),
                    ),
                )
