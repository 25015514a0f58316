"""The gateway as a process: the doors, the writer, the relay, the timeline and the follower."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from services.gateway.acceptance import awaiting_store
from services.gateway.acceptance.doubts import Doubts
from services.gateway.acceptance.store import Store, add_to_counters
from services.gateway.acceptance.writer import GroupWriter
from services.gateway.answer.intake import Intake
from services.gateway.answer.seen_through import SeenThrough
from services.gateway.doors.network import NETWORK_FILE, load_network
from services.gateway.doors.payers import PAYERS_FILE, load_payers
from services.gateway.doors.senders import SENDERS_FILE, load_senders
from services.gateway.merging import Merging
from services.gateway.relay import Relay
from services.gateway.routes import Gateway, create_app
from services.gateway.server import server
from services.runtime.process import begin, collect_garbage_seldom, run_until_stopped
from services.runtime.projection import run_projection
from services.runtime.reconnect import keep_going
from services.runtime.settings import Settings
from services.timeline.projection import Timeline
from services.timeline.refusals import Refusal

_STOP_S_MAX: Final = 5
_SENDERS_REMEMBERED: Final = 10_000


def main() -> None:
    """Run the gateway until SIGTERM or SIGINT."""
    settings = begin("gateway")
    run_until_stopped(serve(settings))


def _now() -> datetime:
    return datetime.now(UTC)


@contextlib.asynccontextmanager
async def open_gateway(
    settings: Settings, now: Callable[[], datetime] = _now
) -> AsyncIterator[tuple[Gateway, asyncio.Event]]:
    """Yield a gateway that accepts into its database, and the event it sets after each commit.

    Nothing goes to Kafka from here; see `serve`.
    """
    network = load_network(Path(os.environ.get("CARELOOP_NETWORK_FILE", NETWORK_FILE)))
    payers = load_payers(Path(os.environ.get("CARELOOP_PAYERS_FILE", PAYERS_FILE)))
    doubts = Doubts(network.memberships.keys(), payers.insurers, payers.products)
    senders = load_senders(Path(os.environ.get("CARELOOP_SENDERS_FILE", SENDERS_FILE)))
    namespace_of = lru_cache(_SENDERS_REMEMBERED)(senders.namespace)
    store = await asyncio.to_thread(Store.open, settings, namespace_of)
    timeline = timeline_of(store)
    accepted = asyncio.Event()
    writer = GroupWriter(store, now, accepted)
    writing = asyncio.create_task(writer.run())
    try:
        intake = Intake(
            writer, store, timeline, doubts, now, SeenThrough(store, settings), namespace_of
        )
        yield Gateway(store, timeline, intake, network, now, settings), accepted
    finally:
        await _cancel(writing)
        store.close()


def timeline_of(store: Store) -> Timeline:
    """Return the members' timelines, which the gateway's database keeps."""
    return Timeline(store, _behind_the_door)


def _behind_the_door(connection: Connection, new: int, refused: Sequence[Refusal]) -> None:
    """Count what has come, and let what was refused wait no longer."""
    add_to_counters(connection, timeline_events=new, refused_behind=len(refused))
    awaiting_store.end(connection, [each.event_id for each in refused])


async def serve(settings: Settings) -> None:
    """Open the doors and keep everything behind them going, until cancelled."""
    async with open_gateway(settings) as (gateway, accepted):
        relay = Relay(gateway.store, settings, accepted)
        waiting = gateway.intake.waiting
        merging = Merging(gateway.store, settings, _now, accepted)
        kept_going = {
            "gateway-merging": merging.run,
            "gateway-relay": relay.run,
            "gateway-timeline": lambda: run_projection(gateway.timeline, settings),
            "gateway-decisions": lambda: waiting.follow(settings, gateway.intake.doubts.log_time),
            "gateway-refusals": lambda: waiting.follow_refusals(settings),
        }
        tasks = [asyncio.create_task(keep_going(*each)) for each in kept_going.items()]
        http = server(create_app(gateway), settings, _STOP_S_MAX)
        collect_garbage_seldom()
        serving = asyncio.create_task(http.serve())
        try:
            await asyncio.wait([serving])
        finally:
            http.should_exit = True
            await serving
            await _drain(gateway.store, relay)
            for task in tasks:
                await _cancel(task)


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
