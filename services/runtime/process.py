"""How every service process begins and ends."""

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Coroutine, Iterator
from typing import Any, Final

import structlog

from services.runtime import telemetry
from services.runtime.settings import Settings, SettingsError, load_settings

log = structlog.get_logger(__name__)

EXIT_USAGE: Final = 2

STOP_S_MAX: Final = 8
"""How long a process may take to stop in good order once it is asked to; usually it takes two."""


def begin(service: str) -> Settings:
    """Read the settings, and set up logs and metrics.

    Ends the process with a readable message if a setting cannot be used.
    """
    with refusing(service):
        settings = load_settings()
    telemetry.configure(service, settings)
    return settings


@contextlib.contextmanager
def refusing(service: str) -> Iterator[None]:
    """End the process with a readable message if the block raises SettingsError."""
    try:
        yield
    except SettingsError as error:
        sys.stderr.write(f"{service}: {error}\n")
        sys.exit(EXIT_USAGE)


def collect_garbage_seldom() -> None:
    """Look for cycles when half a million objects more are held, not 700 as is Python's default.

    Events, records and requests come and go by the thousand and hold no cycles; looking through
    those under way each time that 700 more were made took an eighth to a third of all time
    (`python -m benchmarks tricks`). A backlog that waits in a worker is up to some 200,000.
    """
    gc.freeze()
    gc.set_threshold(500_000, 20, 50)


def stop_in_time() -> None:
    """Let this process live for `STOP_S_MAX` more; call it when it is asked to stop.

    A client waits for a broker that is gone, be it for ever. Nothing is lost by not waiting: a
    process may end at any point, and the next start carries on from the log.
    """
    log.info("stops", within_s=STOP_S_MAX)
    signal.alarm(STOP_S_MAX)  # the kernel's: it needs no thread and no event loop of ours


def run_until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` until it ends, fails, or SIGTERM or SIGINT cancels it."""
    asyncio.run(_until_stopped(work))


async def _until_stopped(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        stop_in_time()
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    with contextlib.suppress(asyncio.CancelledError):
        try:
            await task
        except Exception:
            log.exception("stops because of an error")
            raise
