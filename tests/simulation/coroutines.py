"""Driving coroutines by hand: no event loop, so that every interleaving comes from the seed."""

import contextlib
from collections.abc import Callable, Coroutine, Generator, Sequence
from random import Random
from typing import Any

from tests.simulation.kafka import pause


class Ended(BaseException):
    """A process stopped itself; the cause says why."""


def stop_at_once(error: BaseException | None) -> None:
    """Stands in for the end of a process, which ends but once."""
    if isinstance(error, Ended):
        raise error
    raise Ended(repr(error)) from error


class Task:
    """Stands in for `asyncio.Task`."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine
        self._error: BaseException | None = None
        self._result: Any = None
        self._callbacks: list[Callable[[Task], None]] = []
        self._done = False

    def done(self) -> bool:
        return self._done

    def result(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._result

    def add_done_callback(self, callback: "Callable[[Task], None]") -> None:
        self._callbacks.append(callback)

    def cancelled(self) -> bool:
        return False

    def exception(self) -> BaseException | None:
        return self._error

    def step(self) -> str:
        """Run to the next pause, whose name is returned; empty when the task is done."""
        try:
            return str(self._coroutine.send(None))
        except StopIteration as end:
            self._result = end.value
        except Exception as error:  # noqa: BLE001  # as a task keeps whatever it died of
            self._error = error
        self._done = True
        for callback in self._callbacks:
            callback(self)
        return ""

    def __await__(self) -> Generator[str, None, Any]:
        while not self._done:
            point = self.step()
            if not self._done:
                yield point
        return self.result()

    def cancel(self) -> None:
        kill(self._coroutine)


def kill(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Drop a coroutine where it stands; nothing that it does while closing has an effect."""
    with contextlib.suppress(Ended, RuntimeError):  # the process says that it ends, which it does
        coroutine.close()


class Asyncio:
    """What the runtime uses of asyncio, and the time that passes while it waits.

    monotonic: seconds, as of `time`.
    """

    class CancelledError(BaseException):
        """Never raised here."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._now = 0.0

    def monotonic(self) -> float:
        return self._now

    def create_task(self, coroutine: Coroutine[Any, Any, Any]) -> Task:
        return Task(coroutine)

    async def wait(self, tasks: Sequence[Task], timeout: float | None = None) -> None:  # noqa: ASYNC109
        for task in tasks:
            while not task.done():
                point = task.step()
                if task.done():
                    break
                await pause(point)
                if timeout is not None and point == "idle" and self._rng.random() < 0.5:
                    self._now += timeout
                    return

    async def sleep(self, _seconds: float) -> None:
        """Let others come in between."""
        await pause("between partitions")

    async def gather(self, *coroutines: Coroutine[Any, Any, Any]) -> list[Any]:
        try:
            return [await each for each in coroutines]
        finally:
            for each in coroutines:
                each.close()

    async def wait_for(self, waiting: Coroutine[Any, Any, Any], _seconds: float) -> None:
        """Wait in vain, as if nothing but the time passed."""
        waiting.close()
        await pause("idle")
        raise TimeoutError

    async def to_thread(self, function: Callable[..., Any], *args: Any) -> Any:
        await pause("before database")
        answer = function(*args)
        await pause("after database")
        return answer


def run_now(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Run a coroutine to its end without letting anyone else in between."""
    try:
        while True:
            coroutine.send(None)
    except StopIteration:
        return
