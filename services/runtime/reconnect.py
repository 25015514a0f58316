"""Work that is started again whenever it fails, such as what needs Kafka while it is away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import stamina
import structlog

from services.runtime import telemetry

log = structlog.get_logger(__name__)

_PAUSE_S_MIN: Final = 0.5
PAUSE_S_MAX: Final = 15.0
"""The longest pause; whoever has kept going for so long is forgiven its earlier failures."""


async def keep_going(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Start work that has no end again whenever it ends, until cancelled; pauses double to 15 s.

    name: of the task, in `careloop_restarts_total` and in the log.
    """
    clock = asyncio.get_running_loop().time

    async def attempt(task: str) -> None:
        """Do the work; an error soon after the start is raised, and told with the pause it costs."""
        began = clock()
        try:
            await work()
            raise RuntimeError(f"{task} ended by itself")  # noqa: TRY301  # as good as any error
        except Exception as error:
            telemetry.restarts.labels(task).inc()
            if clock() - began < PAUSE_S_MAX:
                raise
            log.warning("interrupted; starts again", task=task, error=repr(error))

    again = stamina.AsyncRetryingCaller(
        attempts=None, timeout=None, wait_initial=_PAUSE_S_MIN, wait_max=PAUSE_S_MAX
    )
    while True:
        await again(Exception, attempt, name)
