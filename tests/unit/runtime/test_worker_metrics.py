"""What a worker measures is true of itself: after a restart, and after a rebalance."""

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP
from prometheus_client import REGISTRY

from services.contract.codec import Record
from services.contract.topics import HEALTH_EVENTS
from services.runtime import worker as worker_module
from services.runtime.fold import PartitionFold, Row
from services.runtime.settings import Settings
from services.runtime.state_store import MemoryStore, StateStore
from services.runtime.worker import Worker
from tests.counting_stage import STAGE
from tests.workers import fact

END = 10


class Taking:
    """A writer whose broker takes everything."""

    async def write(self, writes: Iterator[Any]) -> None:
        list(writes)


def started(settings: Settings, store: StateStore) -> Worker:
    """A worker that was given partition 0, which ends at 10."""
    worker: Any = Worker(STAGE, settings)
    worker.app = SimpleNamespace(consumer=SimpleNamespace(highwater=lambda _: END))
    worker._writer = Taking()
    worker._folds[0] = PartitionFold(STAGE, 0, store)
    return worker


async def take(worker: Any, offset: int, *records: Record) -> None:
    """Let a worker take a batch of partition 0."""
    rows = [Row(offset + number, record) for number, record in enumerate(records)]
    fetch = SimpleNamespace(count=len(rows), take_rows=lambda: rows)
    await worker._batch([SimpleNamespace(message=SimpleNamespace(partition=0), value=fetch)])
    await worker._sent()


def measured(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, {"service": STAGE.name, **labels})


def test_parked_events_are_counted_as_they_are_parked_whoever_unparks_them(
    settings: Settings,
) -> None:
    store = MemoryStore()
    before = measured("careloop_parked_events_total") or 0

    worker: Any = started(settings, store)
    asyncio.run(take(worker, 0, fact("home", 1), fact("home", 3), fact("home", 4)))
    store.put(worker._folds[0].take_changes())
    worker.close()
    after_parking = (measured("careloop_parked_events_total") or 0) - before
    again = started(settings, store)
    asyncio.run(take(again, 3, fact("home", 2)))
    again.close()

    assert after_parking == 2
    assert (measured("careloop_parked_events_total") or 0) - before == 2


def test_the_lag_of_a_partition_that_was_given_away_is_no_longer_shown(settings: Settings) -> None:
    worker: Any = started(settings, MemoryStore())
    lag = {"partition": "0"}

    async def take_and_give_away() -> None:
        await take(worker, 0, fact("home", 1))
        assert measured("careloop_consumer_lag", **lag) == END - 1
        await worker._on_revoked(None, {TP(HEALTH_EVENTS, 0)})

    asyncio.run(take_and_give_away())
    worker.close()

    assert measured("careloop_consumer_lag", **lag) is None


def test_a_batch_is_not_measured_by_how_long_its_states_took_to_be_restored(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 0.0
    clock = SimpleNamespace(monotonic=lambda: now_s)
    monkeypatch.setattr(worker_module, "time", clock)
    before = measured("careloop_batch_seconds_sum") or 0

    async def restore() -> None:
        nonlocal now_s
        now_s += 60

    async def take_while_restoring() -> None:
        worker: Any = started(settings, MemoryStore())
        worker._restoring = asyncio.create_task(restore())
        await take(worker, 0, fact("home", 1))
        worker.close()

    asyncio.run(take_while_restoring())

    assert measured("careloop_batch_seconds_sum") == before
