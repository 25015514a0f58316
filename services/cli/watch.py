"""Watching a run: a thread that reads the whole log and keeps the tally."""

import asyncio
import threading
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime

from services.contract.registry import EVENT_TYPES
from services.contract.topics import EVENT_TOPICS
from services.runtime.log_tail import follow
from services.runtime.settings import Settings
from services.timeline.happenings import Happening, happening
from services.timeline.tally import Tally

HAPPENINGS_KEPT = 12


class Watch:
    """Folds every event of the log into a tally, from the first one on.

    Read `tally` and `happenings` from any thread: they are only ever added to.
    """

    def __init__(self, settings: Settings) -> None:
        self.tally = Tally()
        self.happenings: deque[Happening] = deque(maxlen=HAPPENINGS_KEPT)
        self._settings = settings
        self._read_to: dict[tuple[str, int], int] = {}
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reading: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Stop reading."""
        if self._loop is not None and self._reading is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._reading.cancel)
        self._thread.join(timeout=10)

    def has_read(self, ends: Iterable[tuple[str, int, int]]) -> bool:
        """Tell whether everything before the given ends (topic, partition, end) is counted.

        Raises:
            RuntimeError: the log could not be read to its end.
        """
        if self._failure is not None:
            raise RuntimeError("the log could not be read") from self._failure
        return all(self._read_to.get((topic, number), 0) >= end for topic, number, end in ends)

    def _run(self) -> None:
        try:
            asyncio.run(self._read())
        except asyncio.CancelledError:
            pass
        except Exception as error:  # noqa: BLE001  # told to whoever asks whether all is read
            self._failure = error

    async def _read(self) -> None:
        self._loop, self._reading = asyncio.get_running_loop(), asyncio.current_task()
        stream = follow(
            self._settings, EVENT_TOPICS, EVENT_TYPES, from_start=True, read_to=self._read_to
        )
        async for logged in stream:
            stored_at = datetime.fromtimestamp(logged.timestamp_ms / 1000, UTC)
            if self.tally.add(logged.event, stored_at):
                told = happening(logged.event)
                if told is not None:
                    self.happenings.append(told)
