"""The subscriptions process: reads milestones, sends webhooks, answers insurers."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Final

import structlog
import uvicorn

from services.contract.event import EventData
from services.contract.topics import CARE_MILESTONES
from services.runtime.database import open_database
from services.runtime.process import begin, refusing, run_until_stopped
from services.runtime.projection import Batch, run_projection
from services.runtime.settings import Settings
from services.subscriptions.bell import Bell
from services.subscriptions.dispatch import Dispatcher, webhook_client
from services.subscriptions.keyring import Keyring, keyring_of
from services.subscriptions.matching import MILESTONES, note
from services.subscriptions.routes import Door, build
from services.subscriptions.store.recording import Recorder
from services.subscriptions.store.sending import Outbox
from services.subscriptions.store.subscribing import Subscriptions

log = structlog.get_logger(__name__)

NAME: Final = "subscriptions"
MIGRATIONS: Final = Path(__file__).parent / "migrations"
STOP_S_MAX: Final = 5


class MilestoneProjection:
    """Folds `care-milestones` into numbered deliveries."""

    name = NAME
    topics: tuple[str, ...] = (CARE_MILESTONES,)
    consumes: tuple[type[EventData], ...] | None = MILESTONES

    def __init__(self, recorder: Recorder, now_ms: Callable[[], int], bell: Bell) -> None:
        """Take the database; the bell rings when there is something new to deliver."""
        self._recorder = recorder
        self._now_ms = now_ms
        self._bell = bell

    def position(self, topic: str, partition: int) -> int | None:
        """Return the next offset to read; None before the first batch."""
        return self._recorder.position(topic, partition)

    def apply(self, *batches: Batch) -> None:
        """Keep and number the milestones of batches.

        Raises:
            StaleWriterError: a position is not where its batch begins.
        """
        noted = [note(logged.event) for batch in batches for logged in batch.events]
        if self._recorder.record(batches, noted, self._now_ms()):
            self._bell.ring()


class _Server(uvicorn.Server):
    """Leaves signals to the process: it is told to stop like everything else here."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def run(
    settings: Settings, keyring: Keyring, started: Callable[[str], None] = lambda _address: None
) -> None:
    """Run until cancelled; any error of a part ends the whole.

    started: is told the door's address, such as `http://127.0.0.1:8081`.

    Raises:
        OtherKeyError: the keyring does not open what the database holds.
    """
    engine = await asyncio.to_thread(open_database, settings, NAME, MIGRATIONS, keyring=keyring)
    bell = Bell()
    door = Door(Subscriptions(engine, keyring), keyring, settings, _now_ms, bell)
    projection = MilestoneProjection(Recorder(engine), _now_ms, bell)
    try:
        await asyncio.to_thread(door.subscriptions.seal_anew)
        async with (
            webhook_client(allow_loopback=settings.allow_loopback_webhooks) as client,
            serving(door, settings, started) as server,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(run_projection(projection, settings))
            group.create_task(Dispatcher(Outbox(engine, keyring), client, _now_ms, bell).run())
            group.create_task(_until_ended(server))
    finally:
        engine.dispose()


@contextlib.asynccontextmanager
async def serving(
    door: Door, settings: Settings, started: Callable[[str], None]
) -> AsyncIterator["asyncio.Task[None]"]:
    """Keep the door open inside the block; afterwards end its streams and requests, then close.

    Raises:
        OSError: the port is taken.
    """
    family = socket.AF_INET6 if ":" in settings.http_host else socket.AF_INET
    listening = socket.create_server(
        (settings.http_host, settings.subscriptions_port), family=family
    )
    config = uvicorn.Config(
        build(door),
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=STOP_S_MAX,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    host = f"[{settings.http_host}]" if family == socket.AF_INET6 else settings.http_host
    address = f"http://{host}:{listening.getsockname()[1]}"
    log.info("the insurers' door is open", address=address)
    started(address)
    try:
        yield task
    finally:
        door.streams.close()
        server.should_exit = True
        await task


async def _until_ended(task: "asyncio.Task[None]") -> None:
    await asyncio.shield(task)
    message = "the HTTP server ended by itself"
    raise RuntimeError(message)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def main() -> None:
    """Run as a process of its own, until SIGTERM or SIGINT."""
    settings = begin(NAME)
    with refusing(NAME):
        keyring = keyring_of(settings)
    run_until_stopped(run(settings, keyring))
