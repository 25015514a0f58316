"""Sends what is due, as fast as the city's time, the pace and the gateway allow.

Households wait for nobody but themselves: within one, a message is sent when the one before it
was answered. When more is due than the pace lets through, messages keep their city time and are
sent late: three of four of them from households with somebody gravely ill, while there are any.
"""

import asyncio
import heapq
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import httpx

from services.simulator.delivery import GatewayUnreachableError, deliver
from services.simulator.messages import Message
from services.simulator.plan import Lane
from services.simulator.report import CityReport

IN_FLIGHT_MAX: Final = 16
_FINISH_S: Final = 15.0
"""How long requests under way may take once the city stops."""
_LOOK_AGAIN_S: Final = 0.25
_ROUTINE_EVERY: Final = 4
"""Of so many messages one is routine, however much is urgent: nobody waits for ever."""

_Turn = tuple[float, int, Message, Lane]
"""When a message is due, its household's number (no two are equal), and the message itself."""


@dataclass(frozen=True, slots=True)
class CityClock:
    """City seconds since the start. `epoch`: Unix time at which they are 0."""

    epoch: float
    compression: float

    def now(self) -> float:
        """Return the city seconds that have passed."""
        return (time.time() - self.epoch) * self.compression


@dataclass(slots=True)
class Pace:
    """An upper bound on facts per real second, with a burst of a quarter of a second."""

    facts_per_s: float
    _paid_until: float = 0.0

    def debt_s(self, now: float) -> float:
        """Return how long to wait before the next message may go."""
        return max(0.0, self._paid_until - now - 0.25)

    def spend(self, facts: int, now: float) -> None:
        """Account for a message that goes now."""
        self._paid_until = max(self._paid_until, now) + facts / self.facts_per_s


@dataclass(slots=True)
class Publisher:
    """The city's hospitals, devices and therapists at work. `run` is called once.

    delivered: messages answered, by household; so many are skipped at the start.
    """

    client: httpx.AsyncClient
    clock: CityClock
    pace: Pace
    report: CityReport
    delivered: dict[int, int]
    _waiting: list[_Turn] = field(default_factory=list)
    _urgent: list[_Turn] = field(default_factory=list)
    _routine: list[_Turn] = field(default_factory=list)
    _started: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _failure: GatewayUnreachableError | None = None

    async def run(self, lanes: Iterable[Lane], stop: asyncio.Event) -> None:
        """Publish until `stop` is set; then finish the requests under way.

        Raises:
            GatewayUnreachableError: the gateway has been away for too long.
        """
        for lane in lanes:
            for _ in range(self.delivered.get(lane.household.index, 0)):
                next(lane.messages)
            self._await_turn(lane)
        watcher = asyncio.create_task(self._notice(stop))
        while not stop.is_set() and self._failure is None:
            self._changed.clear()
            pause_s = self._send_what_is_due()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), pause_s)
        watcher.cancel()
        await self._finish()
        if self._failure is not None:
            raise self._failure

    async def _notice(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._changed.set()

    def _await_turn(self, lane: Lane) -> None:
        message = next(lane.messages)
        heapq.heappush(self._waiting, (message.due, lane.household.index, message, lane))

    def _send_what_is_due(self) -> float:
        """Start what may go now; return the real seconds after which to look again."""
        city_now, now = self.clock.now(), time.monotonic()
        while self._waiting and self._waiting[0][0] <= city_now:
            turn = heapq.heappop(self._waiting)
            urgent = any(person.stroke_prone for person in turn[3].household.people)
            heapq.heappush(self._urgent if urgent else self._routine, turn)
        while (ready := self._next_queue()) and len(self._tasks) < IN_FLIGHT_MAX:
            if debt_s := self.pace.debt_s(now):
                return min(debt_s, _LOOK_AGAIN_S)
            due, _, message, lane = heapq.heappop(ready)
            self._started += 1
            self.pace.spend(message.facts, now)
            self.report.behind_s = max(self.report.behind_s, city_now - due)
            task = asyncio.create_task(self._deliver(lane, message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if ready or not self._waiting:
            return _LOOK_AGAIN_S
        ahead_s = (self._waiting[0][0] - city_now) / self.clock.compression
        return min(max(ahead_s, 0.002), _LOOK_AGAIN_S)

    def behind_s(self) -> float:
        """Return by how many city seconds the oldest message that waits for its turn is late."""
        first = [queue[0][0] for queue in (self._urgent, self._routine) if queue]
        return max(0.0, self.clock.now() - min(first)) if first else 0.0

    def _next_queue(self) -> list[_Turn]:
        if self._started % _ROUTINE_EVERY == 0:
            return self._routine or self._urgent
        return self._urgent or self._routine

    async def _deliver(self, lane: Lane, message: Message) -> None:
        index = lane.household.index
        try:
            await deliver(self.client, message, self.report)
        except GatewayUnreachableError as error:
            self._failure = error
        else:
            self.delivered[index] = self.delivered.get(index, 0) + 1
            self._await_turn(lane)
        finally:
            self._changed.set()

    async def _finish(self) -> None:
        if not self._tasks:
            return
        _, unfinished = await asyncio.wait(self._tasks, timeout=_FINISH_S)
        self.report.unfinished = len(unfinished)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
