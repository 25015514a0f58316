"""How every service process begins and ends."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Coroutine
from typing import Any, Final

import structlog

from services.runtime import telemetry
from services.runtime.settings import Settings, SettingsError, load_settings

log = structlog.get_logger(__name__)

SUPERVISED: Final = "CARELOOP_SUPERVISED"
"""Set by the supervisor, which holds the other end of this process's standard input."""

EXIT_USAGE: Final = 2

ORPHAN_GRACE_S: Final = 10.0
"""How long a process may take to stop in good order once its supervisor is gone."""


def begin(service: str) -> Settings:
    """Read the settings, set up logs and metrics, and end with the supervisor if there is one.

    Ends the process with a readable message if a setting cannot be used.
    """
    try:
        settings = load_settings()
    except SettingsError as error:
        sys.stderr.write(f"{service}: {error}\n")
        sys.exit(EXIT_USAGE)
    telemetry.configure(service, settings)
    if os.environ.get(SUPERVISED):
        threading.Thread(target=_end_with_supervisor, name="supervised", daemon=True).start()
    return settings


def _end_with_supervisor() -> None:
    """Stop when standard input ends: the supervisor was killed and cannot stop anybody."""
    # Not through sys.stdin: its lock, held by a daemon thread, is fatal when Python shuts down.
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(ORPHAN_GRACE_S)
    # The broker has gone with the supervisor, and a consumer would wait for it for ever. Nothing
    # is lost: a process may end at any point, and the next start carries on from the log.
    os.kill(os.getpid(), signal.SIGKILL)


def run_until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` until it ends, fails, or SIGTERM or SIGINT cancels it."""
    asyncio.run(_until_stopped(work))


async def _until_stopped(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        try:
            await task
        except Exception:
            log.exception("stops because of an error")
            raise
