"""The gateway as a process: the doors, the writer, the relay, the timeline and the follower."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from services.gateway.door import Door
from services.gateway.drained import drained_router
from services.gateway.network import NETWORK_FILE, load_network
from services.gateway.relay import Relay
from services.gateway.routes import create_app
from services.gateway.server import server
from services.gateway.store import Store
from services.gateway.timeline import Timeline
from services.gateway.writer import GroupWriter
from services.runtime import telemetry
from services.runtime.process import begin, collect_garbage_seldom, run_until_stopped
from services.runtime.projection import run_projection
from services.runtime.settings import Settings

log = structlog.get_logger(__name__)

_STOP_S_MAX: Final = 5
_PAUSE_S_MAX: Final = 15.0


def main() -> None:
    """Run the gateway until SIGTERM or SIGINT."""
    settings = begin("gateway")
    run_until_stopped(serve(settings))


def _now() -> datetime:
    return datetime.now(UTC)


@contextlib.asynccontextmanager
async def open_door(
    settings: Settings, now: Callable[[], datetime] = _now
) -> AsyncIterator[tuple[Door, asyncio.Event]]:
    """Yield a door that accepts into its database, and the event it sets after each commit.

    Nothing goes to Kafka from here; see `serve`.
    """
    network = load_network(Path(os.environ.get("CARELOOP_NETWORK_FILE", NETWORK_FILE)))
    store = await asyncio.to_thread(Store.open, settings)
    accepted = asyncio.Event()
    writer = GroupWriter(store, now, accepted)
    writing = asyncio.create_task(writer.run())
    try:
        yield Door(store, writer, Timeline(store), network, now), accepted
    finally:
        await _cancel(writing)
        store.close()


async def serve(settings: Settings) -> None:
    """Open the doors and keep everything behind them going, until cancelled."""
    async with open_door(settings) as (door, accepted):
        relay = Relay(door.store, settings, accepted)
        tasks = [
            asyncio.create_task(relay.run()),
            asyncio.create_task(
                keep_going("timeline", lambda: run_projection(door.timeline, settings))
            ),
            asyncio.create_task(keep_going("decisions", lambda: door.waiting.follow(settings))),
        ]
        app = create_app(door)
        app.include_router(drained_router(door.store, settings))
        serving_http = server(app, settings, _STOP_S_MAX)
        collect_garbage_seldom()
        serving = asyncio.create_task(serving_http.serve())
        try:
            await asyncio.wait([serving])
        finally:
            serving_http.should_exit = True
            await serving
            await _drain(door.store, relay)
            for task in tasks:
                await _cancel(task)


async def keep_going(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Start work again whenever it ends by an error, such as Kafka out of reach."""
    pause = 0.5
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        try:
            await work()
        except Exception as error:  # noqa: BLE001  # the doors stay open, and the log says why
            log.warning("interrupted; trying again", task=name, error=repr(error))
        telemetry.restarts.labels(f"gateway-{name}").inc()
        pause = 0.5 if loop.time() - began > _PAUSE_S_MAX else min(pause * 2, _PAUSE_S_MAX)
        await asyncio.sleep(pause)


async def _drain(store: Store, relay: Relay) -> None:
    """Send what is accepted, while Kafka can be reached; the rest waits for the next start."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_STOP_S_MAX):
            while relay.connected and (await asyncio.to_thread(store.waiting)) > 0:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
