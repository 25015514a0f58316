"""The counting stage in a worker that meets a mishap, with or without the guard against it.

`MISHAP` says what goes wrong, once; `HOLE` removes the guard by putting back what a plain Faust
agent would do. `python -m tests.faults.holed_stage` runs it as a process.
"""

import asyncio
import contextlib
import dataclasses
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import KafkaError
from faust.types import TP

from services.contract.clinical import ObservationRecorded
from services.contract.codec import header_map, producer_in
from services.runtime import changelog, fold, worker
from services.runtime.batches import PartitionFetchScheduler
from services.runtime.fold import Folded, PartitionFold, Row
from services.runtime.log_writer import LogWriter, Stored, Write
from services.runtime.watchdog import Standing, Watchdog
from tests.counting_stage import STAGE, decide

BAD_VALUE = 13.0

FOREIGN = "careloop-management-changelog"
FIRST_IS_WRITTEN = "the first outputs are on their way"
READ_AGAIN = "records read again: "
NONE_GIVEN = "partitions of unknown topics were given to nobody"

Stores = Mapping[tuple[str, int], tuple[Stored, ...]]


# -- what goes wrong ----------------------------------------------------------------------------


def raise_at_a_value() -> None:
    """A rule has a bug: it raises what no rule may raise."""

    def decide_badly(state: Any, event: Any, at: Any) -> Any:
        if event.data.value == BAD_VALUE:
            raise ZeroDivisionError("a bug in a rule")
        return decide(state, event, at)

    global STAGE  # noqa: PLW0603  # this process runs the broken stage and nothing else
    STAGE = dataclasses.replace(STAGE, decide=decide_badly)


def fail_a_send() -> None:
    """The broker refuses the third outputs of the process."""
    write = LogWriter.write
    calls = iter(range(1, 10**9))

    async def write_badly(self: LogWriter, writes: Iterable[Write]) -> Stores:
        wanted = list(writes)
        if any(each.topic == STAGE.input_topic for each in wanted) and next(calls) == 3:
            raise KafkaError("refused")
        return await write(self, wanted)

    LogWriter.write = write_badly  # type: ignore[method-assign]


def answer_the_first_too_late() -> None:
    """The broker does not answer the first outputs as long as the process lives."""
    write = LogWriter.write
    calls = iter(range(1, 10**9))

    async def write_slowly(self: LogWriter, writes: Iterable[Write]) -> Stores:
        wanted = list(writes)
        if any(each.topic == STAGE.input_topic for each in wanted) and next(calls) == 1:
            _tell(FIRST_IS_WRITTEN)
            await asyncio.sleep(3_600)
        return await write(self, wanted)

    LogWriter.write = write_slowly  # type: ignore[method-assign]


def tell_what_is_read_again() -> None:
    """Nothing goes wrong, and it is said how many records came a second time."""
    rows_to = PartitionFold.apply
    ends: dict[int, int] = {}

    def apply(self: PartitionFold[Any], rows: Sequence[Row]) -> Folded:
        end = ends.get(self._partition, 0)
        _tell(f"{READ_AGAIN}{sum(row.offset < end for row in rows)}")
        ends[self._partition] = max(end, rows[-1].offset + 1)
        return rows_to(self, rows)

    PartitionFold.apply = apply  # type: ignore[method-assign]


def deliver_a_stray_fetch() -> None:
    """The client hands out records of another stage's changelog, which nobody asked for."""

    class Straying(AIOKafkaConsumer):  # type: ignore[misc]
        def assign(self, partitions: Sequence[TopicPartition]) -> None:
            self.strays = [TopicPartition(FOREIGN, at.partition) for at in partitions]
            super().assign([*partitions, *self.strays])

        async def getmany(self, *asked: TopicPartition, **limits: Any) -> dict[Any, list[Any]]:
            strays: dict[Any, list[Any]] = {}
            while not strays:
                await self.seek_to_beginning(*self.strays)
                strays = await super().getmany(*self.strays, timeout_ms=2_000)
            return strays | dict(await super().getmany(*asked, **limits))

    changelog.AIOKafkaConsumer = Straying


def skip_a_fetch() -> None:
    """The client loses a fetch, as it may after a rebalance."""
    iterate = PartitionFetchScheduler.iterate
    facts_seen = iter(range(1, 10**9))

    def iterate_badly(self: Any, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, Any]]:
        for at, message in iterate(self, records):
            kinds = {dict(record.headers).get("ce_type") for record in message.value.records}
            if ObservationRecorded.TYPE.encode() not in kinds or next(facts_seen) != 5:
                yield at, message

    PartitionFetchScheduler.iterate = iterate_badly  # type: ignore[method-assign]


def deliver_nothing() -> None:
    """The client reads, and hands nothing out; for joining it gets all the time that it needs."""
    PartitionFetchScheduler.iterate = lambda _self, _records: iter(())  # type: ignore[method-assign, assignment]
    standing = worker.Worker._standing

    def stand(self: worker.Worker) -> Standing:
        found = standing(self)
        return found if found.positions else Standing(assigned=True, restoring=False, positions={})

    worker.Worker._standing = stand  # type: ignore[method-assign]


def join_before_the_topics_are_known() -> None:
    """The broker goes away before the client has asked for the topics, and is back as it joins."""
    update, assign = AIOKafkaClient._metadata_update, GroupCoordinator._perform_assignment
    away = True

    async def update_in_vain(self: AIOKafkaClient, cluster: Any, topics: Any) -> bool:
        if away and topics:
            cluster.failed_update(None)
            return False
        updated: bool = await update(self, cluster, topics)
        return updated

    async def assign_once(self: GroupCoordinator, response: Any) -> Any:
        nonlocal away
        assignments = await assign(self, response)
        if away:
            _tell(NONE_GIVEN)
        away = False
        return assignments

    AIOKafkaClient._metadata_update = update_in_vain
    GroupCoordinator._perform_assignment = assign_once


def _tell(what: str) -> None:
    sys.stderr.write(f"{what}\n")
    sys.stderr.flush()


# -- what no longer guards ----------------------------------------------------------------------


def look_at_nothing() -> None:
    """Nobody looks whether the worker moves."""
    Watchdog.start = lambda _self: None  # type: ignore[method-assign]


def believe_old_metadata() -> None:
    """What is known of the topics is asked for again after five minutes, the client's default."""
    worker.METADATA_AGE_MS_MAX = 300_000  # type: ignore[misc]


def ack_on_exception() -> None:
    """An exception is logged, the event acked, and the next one taken, as in a Faust agent."""
    batch = worker.Worker._batch

    async def batch_anyway(self: worker.Worker, events: Any) -> None:
        try:
            await batch(self, events)
        except Exception as error:  # noqa: BLE001
            worker.log.warning("went on", error=repr(error))

    worker.Worker._batch = batch_anyway  # type: ignore[method-assign]


def forget_failed_sends() -> None:
    """A failed send is only logged, as `topic.send` without awaiting it would be."""
    send = worker.Worker._send

    async def send_anyway(self: worker.Worker, outcomes: Any) -> None:
        with contextlib.suppress(KafkaError):
            await send(self, outcomes)

    worker.Worker._send = send_anyway  # type: ignore[method-assign]


def send_in_the_background() -> None:
    """Outputs are handed to the producer and not awaited."""
    send = worker.Worker._send
    waiting = set()

    async def send_at_once(self: worker.Worker, outcomes: Any) -> None:
        waiting.add(asyncio.ensure_future(send(self, outcomes)))

    worker.Worker._send = send_at_once  # type: ignore[method-assign]


def allow_gaps() -> None:
    """A fetch beyond the next offset is taken as it comes."""
    apply = PartitionFold.apply

    def apply_anything(self: PartitionFold[Any], rows: Sequence[Row]) -> Folded:
        if rows and rows[0].offset > self._next_offset:
            self._next_offset = rows[0].offset
        return apply(self, rows)

    PartitionFold.apply = apply_anything  # type: ignore[method-assign]


def work_on_fetches_at_once() -> None:
    """Each fetch is a task of its own and acked when that is done, as with `concurrency=9`."""
    tasks = set()

    async def work(self: worker.Worker, stream: Any) -> None:
        unacked = stream.noack()

        async def one(event: Any) -> None:
            self._sending = self._storing = None  # nobody waits for what is under way
            await self._batch([event])
            await self._checkpoint(unacked)

        async for event in unacked.events():
            tasks.add(asyncio.ensure_future(one(event)))

    worker.Worker._work = work  # type: ignore[method-assign]


def believe_any_streams() -> None:
    """Nobody looks whether the compiled streams are there."""
    worker.importlib = SimpleNamespace(import_module=lambda _name: None)  # type: ignore[assignment]


def read_from_the_commit() -> None:
    """What was applied is read off the commit: a record is new because it is delivered."""
    apply = PartitionFold.apply

    def apply_again(self: PartitionFold[Any], rows: Sequence[Row]) -> Folded:
        if rows and rows[0].offset < self._next_offset:
            self._next_offset = rows[0].offset
        return apply(self, rows)

    PartitionFold.apply = apply_again  # type: ignore[method-assign]


def count_everything() -> None:
    """Besides, no sequence is compared: whatever comes is the next."""
    read_from_the_commit()
    one = PartitionFold._one

    def count(self: PartitionFold[Any], row: Row) -> None:
        headers = header_map(row.record.headers)
        producer = producer_in(headers)
        self._household(row.record.key).received[producer] = int(headers["ce_sequence"]) - 1
        one(self, row)

    PartitionFold._one = count  # type: ignore[method-assign]


def store_the_position_first() -> None:
    """How far the input was read is stored before what it led to."""
    take_changes = PartitionFold.take_changes

    def take_turned(self: PartitionFold[Any]) -> dict[bytes, bytes]:
        changes = take_changes(self)
        first = {key: value for key, value in changes.items() if key == fold.POSITION_KEY}
        return first | changes

    PartitionFold.take_changes = take_turned  # type: ignore[method-assign]


def apply_whatever_is_delivered() -> None:
    """Nobody looks which changelog a record of a restore is from."""
    delivering = changelog.AIOKafkaConsumer

    class Mixing(delivering):  # type: ignore[misc, valid-type]
        async def getmany(self, *asked: TopicPartition, **limits: Any) -> dict[Any, list[Any]]:
            fetched = await super().getmany(*asked, **limits)
            return {asked[0]: [row for rows in fetched.values() for row in rows]}

    changelog.AIOKafkaConsumer = Mixing


def store_locally_first() -> None:
    """The disk is written before the changelog, as a table write of Faust's may be."""
    write = changelog.ChangelogPartition.write

    async def write_late(
        self: changelog.ChangelogPartition, changes: Any, writer: Any, servers: str
    ) -> None:
        self.store.commit(changes, self.next_offset)
        await write(self, changes, writer, servers)

    changelog.ChangelogPartition.write = write_late  # type: ignore[method-assign]


def believe_the_delivery_report() -> None:
    """No offset is compared: what was stored is taken to follow what was known."""

    async def write(self: changelog.ChangelogPartition, changes: Any, writer: Any, _: str) -> None:
        if changes:
            _, self.next_offset = await self._append(changes, writer)
        self.store.commit(changes, self.next_offset)

    changelog.ChangelogPartition.write = write  # type: ignore[method-assign]


def let_the_last_record_win() -> None:
    """Restore believes the last record of a key, whatever its version."""

    def apply_last(store: Any, pairs: Iterable[tuple[bytes, bytes]], next_: int) -> set[bytes]:
        store.commit(dict(pairs), next_)
        return set()

    changelog._apply_newest = apply_last


MISHAPS: dict[str, Callable[[], None]] = {
    each.__name__: each
    for each in (
        raise_at_a_value,
        fail_a_send,
        answer_the_first_too_late,
        skip_a_fetch,
        tell_what_is_read_again,
        deliver_a_stray_fetch,
        deliver_nothing,
        join_before_the_topics_are_known,
    )
}
HOLES: dict[str, Callable[[], None]] = {
    each.__name__: each
    for each in (
        ack_on_exception,
        believe_old_metadata,
        look_at_nothing,
        forget_failed_sends,
        send_in_the_background,
        allow_gaps,
        work_on_fetches_at_once,
        believe_any_streams,
        read_from_the_commit,
        count_everything,
        store_the_position_first,
        apply_whatever_is_delivered,
        store_locally_first,
        believe_the_delivery_report,
        let_the_last_record_win,
    )
}

if __name__ == "__main__":
    for variable, table in (("MISHAP", MISHAPS), ("HOLE", HOLES)):
        if name := os.environ.get(variable):
            table[name]()
    worker.main(STAGE)
