"""The changelog of one processor: its states on Kafka, and the fence against a second writer.

One writer and no transactions mean that Kafka gives each record exactly the next offset. Another
offset means that somebody else has written: a worker that was paused, lost its partitions and
does not know. Its generation still looks right, so the offsets are what tells (`docs/adr`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.contract.codec import Record
from services.contract.topics import changelog
from services.runtime import fault_points
from services.runtime.household import version_of
from services.runtime.log_writer import LogWriter, Write
from services.runtime.rocks_store import RocksStore

log = structlog.get_logger(__name__)

RESTORE_RECORDS_MAX: Final = 20_000
FETCH_BYTES_MAX: Final = 16 << 20


class ChangelogLostError(RuntimeError):
    """The changelog is shorter than what was read of it: it was deleted or made anew."""


class FencedError(RuntimeError):
    """Another worker has gone on with this partition: this one must stop at once."""


@dataclass(slots=True)
class ChangelogPartition:
    """One partition of a changelog, as its only writer sees it."""

    topic: str
    partition: int
    store: RocksStore
    next_offset: int

    async def write(
        self, changes: Mapping[bytes, bytes], writer: LogWriter, bootstrap_servers: str
    ) -> None:
        """Store `changes` on Kafka, then locally; mend what a stale writer has put over them.

        Raises:
            FencedError: somebody else's states are newer. Nothing was stored locally.
        """
        waiting = changes
        while waiting:
            begin, end = await self._append(waiting, writer)
            if begin == self.next_offset and end - begin == len(waiting):
                self.next_offset = end
                break
            foreign = await _read(
                bootstrap_servers, self.topic, self.partition, self.next_offset, end
            )
            self.next_offset = end
            waiting = self._overwritten(foreign, changes)
            log.warning(
                "another worker wrote to this changelog",
                topic=self.topic,
                partition=self.partition,
                written_again=len(waiting),
            )
        fault_points.reach("worker.changelog_stored")
        self.store.commit(changes, self.next_offset)
        fault_points.reach("worker.states_stored")

    async def _append(self, changes: Mapping[bytes, bytes], writer: LogWriter) -> tuple[int, int]:
        records = (Record(key, value, ()) for key, value in changes.items())
        stored = await writer.write(Write(self.topic, self.partition, record) for record in records)
        runs = stored[self.topic, self.partition]
        return runs[0].offset, runs[-1].offset + runs[-1].count

    def _overwritten(
        self, foreign: Iterable[tuple[bytes, bytes]], changes: Mapping[bytes, bytes]
    ) -> dict[bytes, bytes]:
        """Return what a stale writer's records have hidden; refuse if they are the newer ones."""
        last: dict[bytes, bytes] = {}
        for key, value in foreign:
            mine = changes.get(key) or self.store.get(key)
            if mine is None or version_of(value) > version_of(mine):
                raise FencedError(f"{self.topic}/{self.partition}: a newer writer has taken over")
            last[key] = value
        mine_last = {key: changes.get(key) or self.store.get(key) or b"" for key in last}
        return {key: mine for key, mine in mine_last.items() if mine != last[key]}


async def restore(
    stage: str,
    stores: Mapping[int, RocksStore],
    writer: LogWriter,
    bootstrap_servers: str,
    moved: Callable[[], None],
) -> dict[int, ChangelogPartition]:
    """Bring local states up to their changelog, in bulk; returns one writer per partition.

    moved: is called whenever records have come.

    Of two states of a household the one of the higher version holds, whichever came last. Where
    a stale one came last, the newer is written again, so that compaction cannot keep the stale.
    """
    topic = changelog(stage)
    places = {TopicPartition(topic, number): store for number, store in stores.items()}
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        enable_auto_commit=False,
        max_partition_fetch_bytes=FETCH_BYTES_MAX,
    )
    await consumer.start()
    try:
        consumer.assign(list(places))
        ends = await consumer.end_offsets(list(places))
        starts = await consumer.beginning_offsets(list(places))
        stale: dict[TopicPartition, set[bytes]] = {at: set() for at in places}
        behind = set()
        for at, store in places.items():
            if store.changelog_next() > ends[at]:
                where = f"{topic}/{at.partition}"
                message = (
                    f"{where} ends at {ends[at]}, local states are at {store.changelog_next()};"
                    " restore the topic, or delete this worker's folder to rebuild from it"
                )
                raise ChangelogLostError(message)
            consumer.seek(at, max(store.changelog_next(), starts[at]))
            if store.changelog_next() < ends[at]:
                behind.add(at)
        while behind:
            fetched = await consumer.getmany(
                *behind, timeout_ms=500, max_records=RESTORE_RECORDS_MAX
            )
            for at, rows in fetched.items():
                moved()
                pairs = [(row.key, row.value) for row in rows]
                stale[at] |= _apply_newest(places[at], pairs, rows[-1].offset + 1)
                fault_points.reach("restore.middle")
            behind = {at for at in behind if await consumer.position(at) < ends[at]}
    finally:
        await consumer.stop()
    restored = {}
    for at, store in places.items():
        partition = ChangelogPartition(topic, at.partition, store, ends[at])
        winners = {key: store.get(key) or b"" for key in stale[at]}
        await partition.write(winners, writer, bootstrap_servers)
        restored[at.partition] = partition
    return restored


def _apply_newest(
    store: RocksStore, pairs: Iterable[tuple[bytes, bytes]], changelog_next: int
) -> set[bytes]:
    """Store the newest state of each household; returns those whose last record was stale."""
    newest: dict[bytes, bytes] = {}
    stale: set[bytes] = set()
    for key, value in pairs:
        known = newest.get(key)
        if known is None:
            known = store.get(key)
        if known is None or version_of(value) >= version_of(known):
            newest[key] = value
            stale.discard(key)
        else:
            stale.add(key)
    store.commit(newest, changelog_next)
    return stale


async def _read(
    bootstrap_servers: str, topic: str, partition: int, begin: int, end: int
) -> list[tuple[bytes, bytes]]:
    at = TopicPartition(topic, partition)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([at])
        consumer.seek(at, begin)
        found: list[tuple[bytes, bytes]] = []
        while await consumer.position(at) < end:
            rows = (await consumer.getmany(at, timeout_ms=500)).get(at, [])
            found.extend((row.key, row.value) for row in rows if row.offset < end)
        return found
    finally:
        await consumer.stop()
