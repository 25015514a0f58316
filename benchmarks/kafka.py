"""The one broker of a run, and a fast client to fill, watch and read its topics."""

import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from services.contract.codec import Record
from services.contract.topics import changelog
from services.local.broker import EmbeddedKafka
from services.runtime.log_writer import partition_of

PARTITIONS = 12
TRIES = 600
"""Tenths of a second that the broker is given to make up its mind."""
_COMPACTED = {"cleanup.policy": "compact", "segment.bytes": str(64 << 20)}
_STAMPED = {"message.timestamp.type": "LogAppendTime"}
"""The broker notes when each record arrives, so that nobody has to watch during a run."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A record on an output topic, with the instant of its arrival (epoch ms)."""

    partition: int
    offset: int
    at_ms: int
    key: bytes
    value: bytes
    headers: dict[str, bytes]


class Log:
    """The topics of a broker."""

    def __init__(self, servers: str, folder: Path) -> None:
        self.servers = servers
        self.folder = folder
        self._admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})

    def create(self, *topics: str) -> None:
        """Make topics anew, empty; arrival times are noted on them."""
        self.delete(*topics)
        wanted = [
            NewTopic(
                topic,
                PARTITIONS,
                1,
                config=_STAMPED | (_COMPACTED if topic.endswith("-changelog") else {}),
            )
            for topic in topics
        ]
        for _ in range(TRIES):
            failed = []
            made = self._admin.create_topics(wanted).values() if wanted else ()
            for new, done in zip(wanted, made, strict=True):
                try:
                    done.result()
                except KafkaException:
                    failed.append(new)  # its predecessor is still being deleted
            wanted = failed
            # The broker may answer for the deleted topic a moment longer.
            if not wanted and not self.count(*topics):
                return
            time.sleep(0.1)
        raise RuntimeError(f"cannot make {topics} anew")

    def delete(self, *topics: str) -> None:
        """Delete topics that exist."""
        known = self.topics()
        there = [topic for topic in topics if topic in known]
        if there:
            for done in self._admin.delete_topics(there, operation_timeout=10).values():
                with suppress(KafkaException):  # the list of topics was a little old
                    done.result()

    def topics(self) -> set[str]:
        """Return the names of all topics."""
        return set(self._admin.list_topics(timeout=10).topics)

    def forget_group(self, group: str) -> None:
        """Delete a consumer group, once its last member is gone."""
        for _ in range(TRIES):
            try:
                for done in self._admin.delete_consumer_groups([group]).values():
                    done.result()
            except KafkaException as error:
                if "NOT_FOUND" in str(error):
                    return
                time.sleep(0.1)
            else:
                return

    def fill(self, topic: str, records: Iterable[Record]) -> int:
        """Store records, each on its key's partition; returns how many."""
        producer = Producer(
            {
                "bootstrap.servers": self.servers,
                "linger.ms": 50,
                "batch.size": 1 << 20,
                "log_level": 0,
            }
        )
        count = 0
        for record in records:
            while True:
                try:
                    producer.produce(
                        topic,
                        record.value,
                        record.key,
                        partition=partition_of(record.key, PARTITIONS),
                        headers=list(record.headers),
                    )
                    break
                except BufferError:
                    producer.poll(0.05)
            count += 1
            if count % 1_000 == 0:
                producer.poll(0)
        producer.flush()
        return count

    def count(self, *topics: str) -> int:
        """Return how many records stand on topics."""
        return sum(self._ends(*topics).values())

    def committed(self, group: str, topic: str) -> int:
        """Return how many records of a topic a group has committed; 0 if nobody says it just now."""
        consumer = self._consumer(group)
        places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        try:
            found = consumer.committed(places, timeout=10)
        except KafkaException:
            return 0  # the group moves to another coordinator, or has none yet
        finally:
            consumer.close()
        return sum(max(0, each.offset) for each in found)

    def read(self, topic: str) -> Iterator[Arrived]:
        """Read a topic from its start to its present end."""
        ends = {place: end for place, end in self._ends(topic).items() if end}
        consumer = self._consumer("bench-reader")
        consumer.assign([TopicPartition(topic, number, 0) for _, number in ends])
        left = sum(ends.values())
        while left:
            for message in consumer.consume(5_000, 1.0):
                if message.error() is None:
                    left -= 1
                    yield Arrived(
                        message.partition(),
                        message.offset(),
                        message.timestamp()[1],
                        message.key() or b"",
                        message.value() or b"",
                        dict(message.headers() or ()),
                    )
        consumer.close()

    def tail(self, *topics: str) -> Consumer:
        """Return a consumer that stands at the present end of topics."""
        consumer = self._consumer("bench-tail")
        consumer.assign(
            [
                TopicPartition(topic, number, end)
                for (topic, number), end in self._ends(*topics).items()
            ]
        )
        return consumer

    def bytes_of(self, topic: str) -> int:
        """Return what a topic takes on disk; segments are counted by what they hold."""
        return sum(
            path.stat().st_size
            for partition in (self.folder / "log").glob(f"{topic}-[0-9]*")
            for path in partition.glob("*.log")
        )

    def _ends(self, *topics: str) -> dict[tuple[str, int], int]:
        return {place: end for topic in topics for place, end in self._ends_of(topic).items()}

    def _ends_of(self, topic: str) -> dict[tuple[str, int], int]:
        """Ask for one topic: a question that names a new one among others is not answered."""
        wanted = {
            TopicPartition(topic, number): OffsetSpec.latest() for number in range(PARTITIONS)
        }
        for _ in range(TRIES):
            try:
                found = self._admin.list_offsets(wanted)
                ends = {(topic, at.partition): each.result().offset for at, each in found.items()}
            except KafkaException:
                ends = {}
            if ends and min(ends.values()) >= 0:
                return ends
            time.sleep(0.1)  # a topic that was made a moment ago has no leader yet
        raise RuntimeError(f"the broker does not say where {topic} ends")

    def _consumer(self, group: str) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self.servers,
                "group.id": group,
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 10,
                "log_level": 0,
            }
        )


def processor_topics(stage: str) -> tuple[str, ...]:
    """Return what a stage's worker writes to, besides its input."""
    return ("payment-events", "care-milestones", "dead-letters", changelog(stage))


@contextmanager
def broker() -> Iterator[Log]:
    """Run an embedded Kafka on a throwaway directory."""
    with tempfile.TemporaryDirectory(prefix="careloop-bench-") as folder:
        data = Path(folder) / "kafka"
        with EmbeddedKafka(data) as kafka:
            yield Log(kafka.bootstrap_servers, data)
