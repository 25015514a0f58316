"""Writing to the log: idempotent, in order, and never answered before it is stored."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.partitioner import murmur2

from services.contract.codec import Record
from services.runtime import fault_points

BATCH_BYTES = 512 << 10
"""Records are sent in batches of up to so much; one that is larger goes alone."""


@dataclass(frozen=True, slots=True)
class Write:
    """One record on its way to a partition."""

    topic: str
    partition: int
    record: Record


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a run of records of one partition was stored: `count` offsets from `offset` on."""

    offset: int
    count: int


class RecordTooLargeError(RuntimeError):
    """A record is larger than its topic takes: an operator must raise the topic's limit."""


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key, as Kafka's default partitioner (murmur2) does."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


class LogWriter:
    """An idempotent producer that writes whole batches and awaits every acknowledgement.

    Any error it raises leaves unknown what was stored. Its owner stops; the restart writes again,
    under the same ids and sequences.
    """

    def __init__(self, bootstrap_servers: str, client_id: str) -> None:
        """Name the brokers; nothing is connected before `start`."""
        self._servers = bootstrap_servers
        self._client_id = client_id
        self._producer: AIOKafkaProducer | None = None

    @property
    def started(self) -> bool:
        """Whether it is connected."""
        return self._producer is not None

    async def start(self) -> Self:
        """Connect."""
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._servers,
            client_id=self._client_id,
            enable_idempotence=True,
            acks=-1,
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            request_timeout_ms=60_000,
        )
        await self._producer.start()
        return self

    async def stop(self) -> None:
        """Send what is under way, and disconnect."""
        if self._producer is not None:
            await self._producer.stop()

    async def partitions(self, topic: str) -> int:
        """Return how many partitions a topic has."""
        assert self._producer is not None
        return len(await self._producer.partitions_for(topic))

    async def write(self, writes: Iterable[Write]) -> Mapping[tuple[str, int], tuple[Stored, ...]]:
        """Store records, in the given order within each partition.

        Returns, for each topic and partition, the offsets that the broker gave, in runs.

        Raises:
            RecordTooLargeError: a topic takes no record of this size; the message says what to do.
        """
        by_partition: dict[tuple[str, int], list[Record]] = {}
        for write in writes:
            by_partition.setdefault((write.topic, write.partition), []).append(write.record)
        stored = await asyncio.gather(
            *(self._write_partition(at, records) for at, records in by_partition.items())
        )
        return dict(zip(by_partition, stored, strict=True))

    async def _write_partition(
        self, at: tuple[str, int], records: list[Record]
    ) -> tuple[Stored, ...]:
        assert self._producer is not None
        topic, partition = at
        waiting = []
        rest = iter(records)
        record = next(rest, None)
        while record is not None:
            batch = self._producer.create_batch()
            while record is not None and batch.append(
                timestamp=None,
                key=record.key,
                value=record.value,
                headers=list(record.headers),
            ):
                record = next(rest, None)
            count = batch.record_count()
            batch.close()
            sent = await self._producer.send_batch(batch, topic, partition=partition)
            waiting.append((sent, count))
        stored: list[Stored] = []
        try:
            for sent, count in waiting:
                stored.append(Stored((await sent).offset, count))
        except MessageSizeTooLargeError as error:
            begin = sum(run.count for run in stored)
            raise RecordTooLargeError(_too_large(at, records[begin : begin + count])) from error
        fault_points.reach("log.partition_stored")
        return tuple(stored)


def _too_large(at: tuple[str, int], batch: list[Record]) -> str:
    topic, partition = at
    size, key = max((len(record.key) + len(record.value), record.key) for record in batch)
    return (
        f"{topic}/{partition} does not take the record of {key[:100]!r}, {size:,} bytes of key and"
        f" value: raise max.message.bytes of {topic} well above that, and whoever failed goes on;"
        " `careloop topics check` tells what it must be at least"
    )
