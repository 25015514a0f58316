"""Telling waiting tasks of this process that there may be something new."""

import asyncio
import contextlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Listening:
    """Hears every ring since it began to listen, so that none falls between look and wait."""

    _rung: asyncio.Event

    async def within(self, seconds: float) -> None:
        """Wait for a ring, at most that long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()


class Bell:
    """Wakes whoever listens. Made and heard on one event loop; rung from any thread."""

    def __init__(self) -> None:
        """Belong to the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()

    def listen(self) -> Listening:
        """Begin to listen."""
        return Listening(self._rung)

    def ring(self) -> None:
        """Wake everybody who listens now."""
        self._loop.call_soon_threadsafe(self._ring)

    def _ring(self) -> None:
        self._rung.set()
        self._rung = asyncio.Event()
