"""Requests that wait for a decision, and the followers of the log that wake them."""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from services.contract.clock import ClockTicked
from services.contract.event import Event, EventData
from services.contract.payment import ClaimDecided, DirectPayDecided, PaymentDecided
from services.contract.topics import PAYMENT_EVENTS
from services.gateway.acceptance.awaiting import VisitKey
from services.gateway.acceptance.doubts import LogTime
from services.gateway.answer.outlook import requests_after
from services.runtime import telemetry
from services.runtime.dead_letters import Letter
from services.runtime.log_tail import follow, follow_letters
from services.runtime.settings import Settings

DECISIONS: tuple[type[PaymentDecided], ...] = (DirectPayDecided, ClaimDecided)

Key = TypeVar("Key", VisitKey, str)


class Expectation:
    """What one request waits for: for each of some visits the decision that its last fact leads to."""

    def __init__(self) -> None:
        """Begin with nothing heard."""
        self._decided: dict[VisitKey, list[Event[EventData]]] = {}
        self.refused: dict[str, Letter] = {}
        self._changed = asyncio.Event()

    def hear(self, visit: VisitKey, decision: Event[EventData]) -> None:
        """Take note of a decision for a visit."""
        self._decided.setdefault(visit, []).append(decision)
        self._changed.set()

    def hear_refusal(self, fact_id: str, letter: Letter) -> None:
        """Take note that a stage has refused a fact of the request."""
        self.refused[fact_id] = letter
        self._changed.set()

    async def decisions(
        self, facts: Mapping[VisitKey, Sequence[str]], wait_s: float
    ) -> dict[VisitKey, Event[EventData]]:
        """Return the decision that follows from the last of a visit's facts that was not refused.

        facts: by visit, ids in their order; none of them means any decision. What comes of the
        earlier ones is on its way out by then, and is not the answer. Returns what there is when
        `wait_s` seconds have passed.
        """
        found: dict[VisitKey, Event[EventData]] = {}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while True:
                    self._changed.clear()
                    found, left = self._found(facts)
                    if not left:
                        break
                    await self._changed.wait()
        return found

    def _found(
        self, facts: Mapping[VisitKey, Sequence[str]]
    ) -> tuple[dict[VisitKey, Event[EventData]], bool]:
        """Return what was heard, and whether something is still to come."""
        found: dict[VisitKey, Event[EventData]] = {}
        left = False
        for visit, ids in facts.items():
            taken = [fact_id for fact_id in ids if fact_id not in self.refused]
            if ids and not taken:
                continue  # all were refused: nothing comes of them
            decision = self._last(visit, taken)
            if decision is not None:
                found[visit] = decision
            left |= decision is None
        return found, left

    def _last(self, visit: VisitKey, taken: Sequence[str]) -> Event[EventData] | None:
        causes = requests_after(taken[-1], visit[0]) if taken else None
        for decision in reversed(self._decided.get(visit, ())):
            if causes is None or decision.causation_id in causes:
                return decision
        return None


class Waiting:
    """The requests of this process that wait."""

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self._of_visits: dict[VisitKey, set[Expectation]] = {}
        self._of_facts: dict[str, set[Expectation]] = {}

    @contextmanager
    def expecting(
        self, visits: Iterable[VisitKey], facts: Iterable[str] = ()
    ) -> Iterator[Expectation]:
        """Listen for what becomes of visits and facts; begin before they are accepted."""
        mine = Expectation()
        with _listening(self._of_visits, visits, mine), _listening(self._of_facts, facts, mine):
            yield mine

    def tell(self, event: Event[EventData]) -> None:
        """Wake whoever waits for this decision."""
        assert isinstance(event.data, DECISIONS)  # the follower passes no others
        for visit_id in {event.data.episode, event.correlation_id or ""}:
            visit = (event.subject, visit_id)
            for expectation in self._of_visits.get(visit, ()):
                expectation.hear(visit, event)

    def tell_refusal(self, letter: Letter) -> None:
        """Wake whoever waits for what comes of the fact that was refused."""
        name = dict(letter.record.headers).get("ce_id", b"").decode(errors="replace")
        for expectation in self._of_facts.get(name, ()):
            expectation.hear_refusal(name, letter)

    async def follow(self, settings: Settings, log_time: LogTime) -> None:
        """Tell every decision as it is stored, and the log's time, until cancelled."""
        async for logged in follow(settings, (PAYMENT_EVENTS,), (*DECISIONS, ClockTicked)):
            if isinstance(logged.event.data, ClockTicked):
                log_time.hear(logged.event.time)
                continue
            taken_s = logged.timestamp_ms / 1000 - logged.event.recorded_time.timestamp()
            telemetry.decision_latency_seconds.labels("gateway").observe(max(0.0, taken_s))
            self.tell(logged.event)

    async def follow_refusals(self, settings: Settings) -> None:
        """Tell every refusal as it is stored, until cancelled."""
        async for letter in follow_letters(settings):
            self.tell_refusal(letter)


@contextmanager
def _listening(
    listeners: dict[Key, set[Expectation]], keys: Iterable[Key], mine: Expectation
) -> Iterator[None]:
    wanted = set(keys)
    for key in wanted:
        listeners.setdefault(key, set()).add(mine)
    try:
        yield
    finally:
        for key in wanted:
            others = listeners[key]
            others.discard(mine)
            if not others:
                del listeners[key]
