"""The counting stage in a worker that meets a mishap, with or without the guard against it.

`MISHAP` says what goes wrong, once; `HOLE` removes the guard by putting back what a plain Faust
agent would do. `python -m tests.faults.holed_stage` runs it as a process.
"""

import asyncio
import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from aiokafka.errors import KafkaError
from faust.types import TP

from services.contract.clinical import ObservationRecorded
from services.runtime import changelog, fold, worker
from services.runtime.batches import PartitionFetchScheduler
from services.runtime.fold import Outcome, PartitionFold, Row
from services.runtime.log_writer import LogWriter, Stored, Write
from tests.counting_stage import STAGE, decide

BAD_VALUE = 13.0
SLOW_S = 4.0

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
    """The broker refuses the third write of the process."""
    write = LogWriter.write
    calls = iter(range(1, 10**9))

    async def write_badly(self: LogWriter, writes: Iterable[Write]) -> Stores:
        if next(calls) == 3:
            raise KafkaError("refused")
        return await write(self, writes)

    LogWriter.write = write_badly  # type: ignore[method-assign]


def answer_slowly() -> None:
    """The broker takes its time with outputs."""
    write = LogWriter.write

    async def write_slowly(self: LogWriter, writes: Iterable[Write]) -> Stores:
        wanted = list(writes)
        if any(each.topic == STAGE.input_topic for each in wanted):
            await asyncio.sleep(SLOW_S)
        return await write(self, wanted)

    LogWriter.write = write_slowly  # type: ignore[method-assign]


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


# -- what no longer guards ----------------------------------------------------------------------


def ack_on_exception() -> None:
    """An exception is logged, the event acked, and the next one taken, as in a Faust agent."""

    async def work(self: worker.Worker, stream: Any) -> None:
        unacked = stream.noack()
        async for event in unacked.events():
            try:
                await self._batch([event])
            except Exception as error:  # noqa: BLE001
                worker.log.warning("went on", error=repr(error))
            await unacked.ack(event)

    worker.Worker._work = work  # type: ignore[method-assign]


def forget_failed_sends() -> None:
    """A failed send is only logged, as `topic.send` without awaiting it would be."""
    store = worker.Worker._store

    async def store_anyway(self: worker.Worker, outcomes: Any, events: Any) -> None:
        try:
            await store(self, outcomes, events)
        except KafkaError:
            silent = {number: Outcome(changes=each.changes) for number, each in outcomes.items()}
            await store(self, silent, events)

    worker.Worker._store = store_anyway  # type: ignore[method-assign]


def send_in_the_background() -> None:
    """Outputs are handed to the producer and not awaited."""
    store = worker.Worker._store
    waiting = set()

    async def store_at_once(self: worker.Worker, outcomes: Any, events: Any) -> None:
        writes = [
            Write(topic, number, record)
            for number, outcome in outcomes.items()
            for topic, record in outcome.outputs
        ]
        waiting.add(asyncio.ensure_future(self._writer.write(writes)))
        silent = {number: Outcome(changes=each.changes) for number, each in outcomes.items()}
        await store(self, silent, events)

    worker.Worker._store = store_at_once  # type: ignore[method-assign]


def allow_gaps() -> None:
    """A fetch beyond the next offset is taken as it comes."""
    apply = PartitionFold.apply

    def apply_anything(self: PartitionFold[Any], rows: Sequence[Row]) -> Outcome:
        if rows and rows[0].offset > self._position.next_offset:
            self._position = fold.Position(rows[0].offset, self._position.clock)
        return apply(self, rows)

    PartitionFold.apply = apply_anything  # type: ignore[method-assign]


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
    each.__name__: each for each in (raise_at_a_value, fail_a_send, answer_slowly, skip_a_fetch)
}
HOLES: dict[str, Callable[[], None]] = {
    each.__name__: each
    for each in (
        ack_on_exception,
        forget_failed_sends,
        send_in_the_background,
        allow_gaps,
        believe_the_delivery_report,
        let_the_last_record_win,
    )
}

if __name__ == "__main__":
    for variable, table in (("MISHAP", MISHAPS), ("HOLE", HOLES)):
        if name := os.environ.get(variable):
            table[name]()
    worker.main(STAGE)
