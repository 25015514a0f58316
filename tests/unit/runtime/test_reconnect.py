"""What fails is started again, sooner or later by how it has gone."""

import asyncio

import pytest
import structlog
from structlog.testing import capture_logs

from services.runtime import reconnect, telemetry
from services.runtime.reconnect import keep_going


def restarts(name: str) -> float:
    return telemetry.restarts.labels(name)._value.get()


async def until(name: str, count: int) -> None:
    while restarts(name) < count:  # noqa: ASYNC110  # a metric has no event
        await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnect, "_PAUSE_S_MIN", 0.01)
    monkeypatch.setattr(reconnect, "PAUSE_S_MAX", 0.05)


async def test_work_that_fails_is_started_again_and_each_failure_is_counted() -> None:
    async def work() -> None:
        raise ConnectionError("Kafka is away")

    going = asyncio.create_task(keep_going("test-away", work))
    await asyncio.wait_for(until("test-away", 3), 5)
    going.cancel()

    with pytest.raises(asyncio.CancelledError):
        await going


async def test_work_that_went_well_for_a_while_is_started_again_at_once() -> None:
    begun = []

    async def work() -> None:
        begun.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.06)
        raise ConnectionError("Kafka went away")

    structlog.reset_defaults()
    with capture_logs() as lines:
        going = asyncio.create_task(keep_going("test-flaps", work))
        await asyncio.wait_for(until("test-flaps", 2), 5)
        going.cancel()

    assert begun[1] - begun[0] < 0.5, "no pause, and so no jitter"
    assert [line["task"] for line in lines if line["event"] == "interrupted; starts again"][:2] == [
        "test-flaps",
        "test-flaps",
    ]


async def test_work_that_ends_by_itself_is_started_again_with_pauses() -> None:
    begun = []

    async def work() -> None:
        begun.append(asyncio.get_running_loop().time())

    going = asyncio.create_task(keep_going("test-ends", work))
    await asyncio.wait_for(until("test-ends", 3), 5)
    going.cancel()

    assert begun[2] - begun[0] >= 0.02
