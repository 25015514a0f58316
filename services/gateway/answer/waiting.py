"""Requests that wait for a decision, and the one follower of the log that wakes them."""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from services.contract.event import Event, EventData
from services.contract.payment import ClaimDecided, DirectPayDecided, PaymentDecided
from services.contract.topics import PAYMENT_EVENTS
from services.runtime import telemetry
from services.runtime.log_tail import follow
from services.runtime.settings import Settings

DECISIONS: tuple[type[PaymentDecided], ...] = (DirectPayDecided, ClaimDecided)

VisitKey = tuple[str, str]
"""A member's id and the id of one of the member's visits."""


class Expectation:
    """What one request waits for: a decision for each of some visits."""

    def __init__(self) -> None:
        """Begin with nothing heard."""
        self._heard: dict[VisitKey, list[Event[EventData]]] = {}
        self._changed = asyncio.Event()

    def hear(self, visit: VisitKey, decision: Event[EventData]) -> None:
        """Take note of a decision for a visit."""
        self._heard.setdefault(visit, []).append(decision)
        self._changed.set()

    async def decisions(
        self, since: Mapping[VisitKey, datetime], wait_s: float
    ) -> dict[VisitKey, Event[EventData]]:
        """Return the first decision of each visit that follows from a fact accepted `since` then.

        Returns what there is when `wait_s` seconds have passed. An older decision, still on its
        way when the request came, is not the answer to it.
        """
        found: dict[VisitKey, Event[EventData]] = {}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while since.keys() - found.keys():
                    self._changed.clear()
                    found = {
                        visit: event
                        for visit, instant in since.items()
                        for event in reversed(self._heard.get(visit, []))
                        if event.recorded_time >= instant
                    }
                    if since.keys() - found.keys():
                        await self._changed.wait()
        return found


class Waiting:
    """The requests of this process that wait."""

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self._expectations: dict[VisitKey, set[Expectation]] = {}

    @contextmanager
    def expecting(self, visits: Iterable[VisitKey]) -> Iterator[Expectation]:
        """Listen for decisions on visits; begin before the request is accepted, to miss none."""
        mine = Expectation()
        wanted = set(visits)
        for visit in wanted:
            self._expectations.setdefault(visit, set()).add(mine)
        try:
            yield mine
        finally:
            for visit in wanted:
                others = self._expectations[visit]
                others.discard(mine)
                if not others:
                    del self._expectations[visit]

    def tell(self, event: Event[EventData]) -> None:
        """Wake whoever waits for this decision."""
        assert isinstance(event.data, DECISIONS)  # the follower passes no others
        for visit_id in {event.data.episode, event.correlation_id or ""}:
            visit = (event.subject, visit_id)
            for expectation in self._expectations.get(visit, ()):
                expectation.hear(visit, event)

    async def follow(self, settings: Settings) -> None:
        """Tell every decision as it is stored, until cancelled."""
        async for logged in follow(settings, (PAYMENT_EVENTS,), DECISIONS):
            taken_s = logged.timestamp_ms / 1000 - logged.event.recorded_time.timestamp()
            telemetry.decision_latency_seconds.labels("gateway").observe(max(0.0, taken_s))
            self.tell(logged.event)
