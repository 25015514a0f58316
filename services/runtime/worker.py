"""The worker: one process that runs a stage on the partitions Kafka gives it.

Faust gives membership, rebalancing, fetching and commits. The order of everything that leaves
the process is ours: outputs → changelog → local state → offset, each awaited before the next.
Outputs leave with each batch, and the next is folded meanwhile. States are stored at checkpoints,
a few times a second and beside the batches that follow; only then are the batches up to there
acknowledged. A crash or a paused twin at any point repeats work, never an effect. Any error ends
the process at once, and the supervisor starts it again.
"""

import asyncio
import importlib
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, cast

import faust
import structlog
from faust.types import EventT

from services.contract.topics import changelog
from services.runtime import fault_points, telemetry
from services.runtime.batches import (
    PartitionFetch,
    PartitionFetchScheduler,
    StageTransport,
)
from services.runtime.changelog import ChangelogPartition, restore
from services.runtime.fold import Folded, PartitionFold, Row
from services.runtime.log_writer import LogWriter, Write
from services.runtime.process import begin, collect_garbage_seldom, stop_in_time
from services.runtime.rocks_store import RocksStore, open_states
from services.runtime.settings import Settings
from services.runtime.stage import Stage
from services.runtime.watchdog import Standing, Watchdog

log = structlog.get_logger(__name__)

EXIT_FAILED = 70
FETCHES_WAITING_MAX = 12
"""Fetches that Faust may hold ready: a backlog stays on the broker, not in memory."""

ROWS_MAX = 2_000
"""No more is taken along once a batch has this many records: it stays well under a second."""

CHECKPOINT_S = 0.5
"""States are stored this long after the first change to them, or as soon as CHECKPOINT_ROWS have
been read, then at the end of the batch: about so much is decided again after a crash."""

CHECKPOINT_ROWS = 4_000

METADATA_AGE_MS_MAX = 5_000
"""How soon the client learns what the broker knows of the topics; by default after five minutes.

The leader of a group gives partitions that it does not know of to nobody, and looks again with the
next metadata. So it is when the broker went away as it asked, and was back as it joined (aiokafka
0.14; KAFKA-4779 tells the same of Kafka's own client)."""


class StaleGenerationError(RuntimeError):
    """The group was rebalanced before what had been decided was stored."""


class Worker:
    """A stage on its partitions: folds, stores, and the order in which things leave."""

    def __init__(self, stage: Stage[Any], settings: Settings) -> None:
        """Open the local states; Kafka is not touched before the first assignment."""
        self._stage = stage
        self._group = f"careloop-{stage.name}"
        self._settings = settings
        self._states = open_states(settings.data_dir / stage.name / "states")
        self._writer = LogWriter(settings.bootstrap_servers, f"{stage.name}-worker")
        self._folds: dict[int, PartitionFold[Any]] = {}
        self._changelogs: dict[int, ChangelogPartition] = {}
        self._restoring: asyncio.Task[None] | None = None
        self._sending: asyncio.Task[None] | None = None
        self._storing: asyncio.Task[None] | None = None
        self._unstored: list[EventT[Any]] = []
        self._unstored_rows = 0
        self._checkpoint_due = 0.0
        self._assigned = False
        self.watchdog = Watchdog(
            stage.input_topic,
            self._group,
            settings.bootstrap_servers,
            settings.stall_s,
            self._standing,
            stop_at_once,
        )
        self.app = self._make_app()

    def _make_app(self) -> faust.App:
        settings = self._settings
        app = faust.App(
            self._group,
            broker=[f"kafka://{server}" for server in settings.bootstrap_servers.split(",")],
            datadir=settings.data_dir / self._stage.name / "faust",
            ConsumerScheduler=PartitionFetchScheduler,
            processing_guarantee="at_least_once",
            stream_wait_empty=True,
            stream_publish_on_commit=False,
            broker_commit_interval=settings.commit_interval_s,
            broker_commit_every=200,
            broker_session_timeout=settings.session_timeout_s,
            broker_heartbeat_interval=settings.session_timeout_s / 5,
            broker_rebalance_timeout=60.0,
            broker_max_poll_records=500,
            consumer_auto_offset_reset="earliest",
            consumer_max_fetch_size=4 << 20,
            consumer_metadata_max_age_ms=METADATA_AGE_MS_MAX,
            table_standby_replicas=0,
            topic_allow_declare=False,
            topic_disable_leader=True,
            topic_partitions=settings.partitions,
            web_enabled=False,
            worker_redirect_stdouts=False,
        )
        app.transport = StageTransport(
            app.conf.broker_consumer, app, gather_ms=self._stage.gather_ms
        )
        topic = app.topic(self._stage.input_topic, key_serializer="raw", value_serializer="raw")
        # Given to the constructor it is dropped (0.15.3); without it a backlog is read into memory.
        topic.maxsize = FETCHES_WAITING_MAX
        app.on_partitions_assigned.connect(self._on_assigned, weak=False)  # type: ignore[arg-type]
        app.on_partitions_revoked.connect(self._on_revoked, weak=False)  # type: ignore[arg-type]
        app.agent(topic, concurrency=1, name=self._stage.name)(self._work)
        return app

    async def _on_assigned(self, _app: Any, assigned: Any, **_: Any) -> None:
        """Restore in the background: heartbeats go on, and the first batch waits for it."""
        self._assigned = True
        self.watchdog.moved()
        numbers = sorted(at.partition for at in assigned if at.topic == self._stage.input_topic)
        self._restoring = asyncio.create_task(self._restore(numbers))
        self._restoring.add_done_callback(self._stop_if_failed)

    async def _on_revoked(self, _app: Any, revoked: Any, **_: Any) -> None:
        """Forget what was folded: another worker may go on before a partition comes back."""
        if self._restoring is not None:
            await asyncio.wait([self._restoring])
        self._assigned = False
        self.watchdog.moved()
        for at in revoked:
            self._folds.pop(at.partition, None)
            self._changelogs.pop(at.partition, None)
            telemetry.consumer_lag.remove(self._stage.name, str(at.partition))

    async def _restore(self, numbers: Sequence[int]) -> None:
        begun = time.monotonic()
        if not self._writer.started:
            await self._writer.start()
        stores = {
            number: RocksStore(self._states, number)
            for number in numbers
            if number not in self._folds
        }
        if not stores:
            return
        servers = self._settings.bootstrap_servers
        restored = await restore(
            self._stage.name, stores, self._writer, servers, self.watchdog.moved
        )
        for number, store in stores.items():
            self._changelogs[number] = restored[number]
            self._folds[number] = PartitionFold(self._stage, number, store)
        self.watchdog.moved()
        log.info("ready", partitions=numbers, restore_s=round(time.monotonic() - begun, 2))

    def _stop_if_failed(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and task.exception() is not None:
            stop_at_once(task.exception())

    async def _work(self, stream: Any) -> None:
        unacked = stream.noack()
        events = aiter(unacked.events())
        coming = asyncio.create_task(_next(events))
        try:
            while True:
                await asyncio.wait([coming], timeout=self._until_checkpoint())
                if coming.done():
                    event = coming.result()
                    if event is None:
                        return
                    await self._batch([event, *self._waiting(unacked, _fetch_of(event).count)])
                    coming = asyncio.create_task(_next(events))
                if self._until_checkpoint() == 0:
                    await self._checkpoint(unacked)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  # whatever it is, nothing may be acked
            stop_at_once(error)
        finally:
            coming.cancel()
            if self._storing is not None:
                self._storing.cancel()

    def _until_checkpoint(self) -> float | None:
        """Return the seconds until what was decided is to be stored; None if there is nothing."""
        if not self._unstored:
            return None
        if self._unstored_rows >= CHECKPOINT_ROWS:
            return 0.0
        return max(0.0, self._checkpoint_due - time.monotonic())

    def _waiting(self, stream: Any, rows: int) -> list[EventT[Any]]:
        """Take along the fetches that have queued up, so that batches grow with the load."""
        queue = stream.channel.queue
        taken: list[EventT[Any]] = []
        while rows < ROWS_MAX and not queue.empty():
            event = queue.get_nowait()
            if event.message.generation_id != self.app.consumer_generation_id:
                continue
            if not event.message.tracked:
                event.message.tracked = True
                self.app.consumer.track_message(event.message)
            taken.append(event)
            rows += _fetch_of(event).count
        return taken

    async def _batch(self, events: Sequence[EventT[Any]]) -> None:
        if self._restoring is not None:
            await self._restoring
        begun = time.monotonic()
        fault_points.reach("worker.batch_taken")
        self.watchdog.moved()
        rows: dict[int, list[Row]] = {}
        for event in events:
            rows.setdefault(event.message.partition, []).extend(_fetch_of(event).take_rows())
        if not self._unstored:
            self._checkpoint_due = begun + CHECKPOINT_S
        self._unstored += events
        self._unstored_rows += sum(_fetch_of(event).count for event in events)
        outcomes: dict[int, Folded] = {}
        for number, batch in rows.items():
            outcomes[number] = self._folds[number].apply(batch)
            await asyncio.sleep(0)  # what the batch before says goes on its way meanwhile
        await self._sent()
        self._sending = asyncio.create_task(self._send(outcomes))
        self._measure(rows, outcomes, time.monotonic() - begun)

    async def _sent(self) -> None:
        if self._sending is not None:
            await self._sending

    async def _send(self, outcomes: Mapping[int, Folded]) -> None:
        await self._writer.write(
            Write(topic, number, record)
            for number, outcome in outcomes.items()
            for topic, record in outcome.outputs
        )
        fault_points.reach("worker.outputs_stored")

    async def _checkpoint(self, unacked: Any) -> None:
        """Take what was decided, and store it while what comes next is folded."""
        if self._storing is not None:
            await self._storing
        changes = {number: fold.take_changes() for number, fold in self._folds.items()}
        events, self._unstored, self._unstored_rows = self._unstored, [], 0
        self._storing = asyncio.create_task(self._store(unacked, events, changes, self._sending))
        self._storing.add_done_callback(self._stop_if_failed)

    async def _store(
        self,
        unacked: Any,
        events: Sequence[EventT[Any]],
        changes: Mapping[int, Mapping[bytes, bytes]],
        sending: "asyncio.Task[None] | None",
    ) -> None:
        """Check the generation, store what the sent outputs came of, then acknowledge it."""
        begun = time.monotonic()
        if sending is not None:
            await sending
        current = self.app.consumer_generation_id
        if any(event.message.generation_id != current for event in events):
            raise StaleGenerationError(f"the group is at generation {current}")
        fault_points.reach("worker.generation_checked")
        servers = self._settings.bootstrap_servers
        await asyncio.gather(
            *(
                self._changelogs[number].write(changed, self._writer, servers)
                for number, changed in changes.items()
                if changed
            )
        )
        for event in events:
            await unacked.ack(event)
        telemetry.checkpoint_seconds.labels(self._stage.name).observe(time.monotonic() - begun)
        fault_points.reach("worker.acked")

    def _measure(
        self, rows: Mapping[int, Sequence[Row]], outcomes: Mapping[int, Folded], seconds: float
    ) -> None:
        name = self._stage.name
        telemetry.batch_size.labels(name).observe(sum(map(len, rows.values())))
        telemetry.batch_seconds.labels(name).observe(seconds)
        for number, outcome in outcomes.items():
            telemetry.events_processed.labels(name).inc(outcome.events)
            telemetry.parked_events.labels(name).inc(outcome.parked)
            if outcome.refused:
                telemetry.dead_letters.labels(name, "refused").inc(len(outcome.refused))
                log.warning("refused", partition=number, reasons=outcome.refused[:5])
            at = faust.types.TP(self._stage.input_topic, number)
            end = self.app.consumer.highwater(at)
            if end is not None:
                lag = max(0, end - self._folds[number].position.next_offset)
                telemetry.consumer_lag.labels(name, str(number)).set(lag)

    def _standing(self) -> Standing:
        positions = {number: fold.position.next_offset for number, fold in self._folds.items()}
        restoring = self._restoring is not None and not self._restoring.done()
        return Standing(self._assigned, restoring, positions)

    def close(self) -> None:
        """Close the local states."""
        self._states.close()


def _fetch_of(event: EventT[Any]) -> PartitionFetch:
    return cast("PartitionFetch", event.value)


async def _next(events: AsyncIterator[EventT[Any]]) -> EventT[Any] | None:
    return await anext(events, None)


def stop_at_once(error: BaseException | None) -> None:
    """End the process without ceremony: a graceful stop would commit what was not stored."""
    try:
        log.critical("the worker stops", error=repr(error), exc_info=error)
        sys.stderr.flush()
    finally:
        os._exit(EXIT_FAILED)  # even where the disk that the log is on is full


class _StageProcess(faust.Worker):
    """Faust's own worker, which would wait for a broker that is gone for as long as that takes."""

    async def stop(self) -> None:
        stop_in_time()
        await super().stop()


def main(stage: Stage[Any]) -> None:
    """Run a stage as a process, until SIGTERM or SIGINT."""
    settings = begin(stage.name)
    importlib.import_module("faust._cython.streams")  # its Python twin loses events: refuse it
    collect_garbage_seldom()
    worker = Worker(stage, settings)
    worker.watchdog.start()
    log.info("starts", topic=stage.input_topic, changelog=changelog(stage.name))
    try:
        _StageProcess(
            worker.app,
            quiet=True,
            override_logging=False,
            redirect_stdouts=False,
            logging_config={"version": 1, "incremental": True},
        ).execute_from_commandline()
    finally:
        worker.close()
