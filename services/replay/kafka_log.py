"""The log as Kafka holds it, up to the end offsets of the moment it was opened."""

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Final, Self

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from services.contract.codec import Record
from services.replay.log import LogError, Manifest
from services.runtime.fold import Row

_POLL_MS: Final = 1_000
_SILENT_POLLS_MAX: Final = 30
"""A partition that gives nothing for half a minute before its end is reported, not awaited."""


class KafkaLog:
    """Reads one partition at a time, without a consumer group; nothing is committed."""

    def __init__(
        self, bootstrap_servers: str, topics: Sequence[str], exported_at: str = ""
    ) -> None:
        """Connect, and take the end offsets.

        Raises:
            LogError: the brokers cannot be reached, or a topic does not exist.
        """
        self._servers = bootstrap_servers
        try:
            self._consumer = KafkaConsumer(
                bootstrap_servers=bootstrap_servers.split(","),
                client_id="careloop-replay",
                group_id=None,
                enable_auto_commit=False,
                allow_auto_create_topics=False,
                # A partition whose beginning was deleted is seen as such, not skipped over.
                auto_offset_reset="earliest",
                # The checksums of batches were checked by the broker; in Python they take longer
                # than all the rest of reading.
                check_crcs=False,
                fetch_max_bytes=32 << 20,
                max_partition_fetch_bytes=8 << 20,
                max_poll_records=2_000,
                # The fetch at the end of one partition must not hold up the first of the next.
                fetch_max_wait_ms=20,
                bootstrap_timeout_ms=15_000,
            )
            self.manifest = Manifest(self._end_offsets(topics), exported_at)
        except KafkaError as error:
            raise LogError(f"Kafka at {bootstrap_servers}: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._consumer.close()

    def rows(self, topic: str, partition: int, begin: int = 0) -> Iterator[Row]:
        """Iterate over the records of one partition from an offset on; one iteration at a time.

        Raises:
            LogError: Kafka failed, or gave nothing for 30 s before the end.
        """
        end = self.manifest.end(topic, partition)
        if begin >= end:
            return
        at = TopicPartition(topic, partition)
        self._consumer.assign([at])
        self._consumer.seek(at, begin)
        silent = 0
        while True:
            records = self._poll(at)
            silent = 0 if records else silent + 1
            if silent > _SILENT_POLLS_MAX:
                raise LogError(f"Kafka at {self._servers}: no more of {topic}/{partition}")
            for record in records:
                if record.offset >= end:
                    return
                yield _row(record)
            if self._consumer.position(at) >= end:
                return

    def _poll(self, at: TopicPartition) -> Sequence[Any]:
        try:
            records: Sequence[Any] = self._consumer.poll(_POLL_MS).get(at, ())
        except KafkaError as error:
            raise LogError(f"Kafka at {self._servers}: {error}") from error
        return records

    def _end_offsets(self, topics: Sequence[str]) -> dict[str, tuple[int, ...]]:
        places: list[TopicPartition] = []
        for topic in topics:
            numbers = self._consumer.partitions_for_topic(topic)
            if not numbers:
                raise LogError(f"Kafka at {self._servers} has no topic {topic}")
            places += [TopicPartition(topic, number) for number in sorted(numbers)]
        ends = self._consumer.end_offsets(places)
        return {topic: tuple(ends[at] for at in places if at.topic == topic) for topic in topics}


def _row(record: Any) -> Row:
    """Return a record as the stages read it: what is null counts as empty."""
    headers = tuple((name, value or b"") for name, value in record.headers)
    body = Record(record.key or b"", record.value or b"", headers)
    return Row(record.offset, body, record.timestamp)
