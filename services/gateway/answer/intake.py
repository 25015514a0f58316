"""What every door does with a request once it is understood: hand it in, and wait if asked to."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product
from typing import Any, Final, NamedTuple

import structlog
from sqlalchemy.exc import SQLAlchemyError

from services.contract.member import MemberMerged
from services.gateway.acceptance.awaiting import VisitKey
from services.gateway.acceptance.decide import GroupOutcome
from services.gateway.acceptance.doubts import Doubts
from services.gateway.acceptance.facts import Fact, Group, Submission
from services.gateway.acceptance.households import alone
from services.gateway.acceptance.names import scoped
from services.gateway.acceptance.store import Store
from services.gateway.acceptance.writer import GroupWriter
from services.gateway.answer.outlook import (
    Outlook,
    Seen,
    outlook,
    refusable,
    requests_after,
    visits_in,
)
from services.gateway.answer.seen_through import SeenThrough
from services.gateway.answer.waiting import Expectation, Waiting
from services.timeline.item import item_of
from services.timeline.projection import Bill, Timeline

log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 0.5
"""How often somebody who waits looks at the timeline, too."""

_MERGE_S: Final = 2
_MERGE_POLL_S: Final = 0.05

Decisions = dict[VisitKey, dict[str, Any]]


class Pending(NamedTuple):
    """A visit that waits for its decision, as it was sent. stands_under: Careloop's own member."""

    member: str
    visit: str
    stands_under: str


class Undecided(NamedTuple):
    """A visit that will have no decision, as it was sent, and why."""

    member: str
    visit: str
    why: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request.

    decisions: those in force on its visits, as the timeline shows them, with the visits named as
    they were sent. pending: visits whose decision did not come within the time. undecided: those
    that will have none. refused: by fact, what a stage says that has refused it.
    """

    outcomes: tuple[GroupOutcome, ...]
    decisions: tuple[dict[str, Any], ...] = ()
    pending: tuple[Pending, ...] = ()
    undecided: tuple[Undecided, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Intake:
    """Where every door hands in what it has understood."""

    writer: GroupWriter
    store: Store
    timeline: Timeline
    doubts: Doubts
    now: Callable[[], datetime]
    seen_through: SeenThrough
    namespace_of: Callable[[str], str] = alone
    waiting: Waiting = field(default_factory=Waiting)

    async def submit(self, groups: Sequence[Group], wait_s: int) -> Answer:
        """Accept groups, and wait for what becomes of them: decisions, and refusals.

        Raises NotStoredError: the database could not store them.
        """
        submission = Submission(tuple(self.doubts.marked(groups, self.now())))
        facts = [fact for group in groups for fact in group.facts]
        if not (wait_s and facts):
            outcomes = await self.writer.accept(submission)
            await self._merged(outcomes, wait_s)
            return Answer(outcomes)
        visits = {may_be for fact in facts for may_be in self._may_be(fact)}
        with self.waiting.expecting(visits, [fact.id for fact in facts]) as expectation:
            outcomes = await self.writer.accept(submission)
            await self._merged(outcomes, wait_s)
            return await self._wait(outcomes, expectation, wait_s)

    async def _merged(self, outcomes: Iterable[GroupOutcome], wait_s: int) -> None:
        """Wait until the facts of members that were merged here stand where they belong.

        What is sent after the answer finds them there; without an answer it is not so, and the rest
        of the merge goes on.
        """
        merged = [
            event.subject
            for outcome in outcomes
            for event, _ in outcome.events
            if isinstance(event.data, MemberMerged)
        ]
        if not merged:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s or _MERGE_S):
                while await asyncio.to_thread(self.writer.is_moving, merged):  # noqa: ASYNC110
                    await asyncio.sleep(_MERGE_POLL_S)  # its end stands in the database alone

    async def refuse(self) -> None:
        """Count a request that could not be read."""
        await self.writer.accept(Submission(unreadable=1))

    def _may_be(self, fact: Fact) -> Iterator[VisitKey]:
        """Yield what a visit may be called once it is accepted: by then it is late to listen."""
        namespace = self.namespace_of(fact.source)
        for member, visit in visits_in([fact]):
            yield from product(
                (member, scoped(member, namespace)), (visit, scoped(visit, namespace))
            )

    async def _wait(
        self, outcomes: tuple[GroupOutcome, ...], expectation: Expectation, wait_s: int
    ) -> Answer:
        seen = await asyncio.to_thread(self._look, outcomes)
        ahead = outlook(outcomes, seen)
        if not ahead.facts:
            await self.seen_through.wait(refusable(outcomes), wait_s)
        decisions = ahead.decisions | await self._come(ahead, expectation, wait_s)
        refused = await asyncio.to_thread(self._refused, outcomes, expectation)
        undecided = ahead.undecided | _all_refused(ahead, decisions, refused)
        pending = ahead.facts.keys() - decisions.keys() - undecided.keys()
        sent = _as_sent(outcomes)
        return Answer(
            outcomes,
            tuple(_named_as(sent[visit], decisions[visit]) for visit in sorted(decisions)),
            tuple(Pending(*sent[visit], visit[0]) for visit in sorted(pending)),
            tuple(Undecided(*sent[visit], why) for visit, why in sorted(undecided.items())),
            refused,
        )

    async def _come(self, ahead: Outlook, expectation: Expectation, wait_s: float) -> Decisions:
        """Return the decisions that come, as they are heard; the timeline may know of more.

        The log's follower may have begun, or heard it, just before somebody listened.
        """
        deadline = time.monotonic() + wait_s
        found: Decisions = {}
        left = dict(ahead.facts)
        while left:
            slice_s = min(LOOK_EVERY_S, deadline - time.monotonic())
            heard = await expectation.decisions(left, max(0.0, slice_s))
            found |= {visit: item_of(event, 0).shown() for visit, event in heard.items()}
            unheard = {visit: left[visit] for visit in left.keys() - heard.keys()}
            found |= await asyncio.to_thread(self._on_the_timeline, unheard) if unheard else {}
            left = {
                visit: facts
                for visit, facts in left.items()
                if visit not in found and not (facts and expectation.refused.keys() >= {*facts})
            }
            if time.monotonic() > deadline:
                break
        return found

    def _look(self, outcomes: Sequence[GroupOutcome]) -> Seen:
        """Return how the visits of a request stand, and what is decided on them."""
        facts = [each.fact for outcome in outcomes for each in outcome.facts]
        visits = visits_in(facts)
        return Seen(self.store.visits(visits), self._bills(visits))

    def _bills(self, visits: Iterable[VisitKey]) -> dict[VisitKey, Bill]:
        """Return the bills that the timeline has; none if it cannot be asked."""
        by_member: dict[str, list[str]] = {}
        for member, visit_id in visits:
            by_member.setdefault(member, []).append(visit_id)
        try:
            return {
                (member, visit_id): bill
                for member, visit_ids in by_member.items()
                for visit_id, bill in self.timeline.bills(member, visit_ids).items()
            }
        except SQLAlchemyError as error:  # all was accepted, and that is the answer
            log.warning("the timeline cannot be asked", error=repr(error))
            return {}

    def _on_the_timeline(self, facts: Mapping[VisitKey, Sequence[str]]) -> Decisions:
        """Return the decisions on visits that the timeline knows to follow from their last facts."""
        refused = self._refusals([fact for some in facts.values() for fact in some])
        found = {}
        for visit, bill in self._bills(facts).items():
            taken = [fact for fact in facts[visit] if fact not in refused]
            if bill.decision and taken and bill.causes & requests_after(taken[-1], visit[0]):
                found[visit] = bill.decision.shown()
        return found

    def _refusals(self, fact_ids: Collection[str]) -> dict[str, list[dict[str, Any]]]:
        """Return what the timeline knows of refusals; nothing if it cannot be asked."""
        try:
            return self.timeline.refusals_of(fact_ids)
        except SQLAlchemyError as error:
            log.warning("the timeline cannot be asked", error=repr(error))
            return {}

    def _refused(
        self, outcomes: Sequence[GroupOutcome], expectation: Expectation
    ) -> dict[str, str]:
        """Return what stages say that have refused facts of a request, now or before."""
        known = self._refusals([each.fact.id for outcome in outcomes for each in outcome.facts])
        heard = {
            name: f"{letter.refused_by}: {letter.reason}"
            for name, letter in expectation.refused.items()
        }
        return heard | {
            name: "; ".join(f"{each['refused_by']}: {each['reason']}" for each in rows)
            for name, rows in known.items()
        }


def _all_refused(
    ahead: Outlook, decisions: Decisions, refused: Mapping[str, str]
) -> dict[VisitKey, str]:
    """Return the visits of which a stage has refused all that would have led to a decision."""
    return {
        visit: "what was to be decided was refused"
        for visit, facts in ahead.facts.items()
        if facts and visit not in decisions and all(fact in refused for fact in facts)
    }


def _as_sent(outcomes: Sequence[GroupOutcome]) -> dict[VisitKey, VisitKey]:
    """Return how their sender names visits, by Careloop's names."""
    facts = [each.fact for outcome in outcomes for each in outcome.facts]
    return {
        visit: sent
        for fact in facts
        for visit, sent in zip(visits_in([fact]), visits_in([fact.sent]), strict=True)
    }


def _named_as(sent: VisitKey, shown: dict[str, Any]) -> dict[str, Any]:
    """Return a decision on a visit that is named as its sender does."""
    decision, visit = shown["decision"], sent[1]
    if decision["episode"] == visit:
        return shown
    summary = shown["summary"].replace(decision["episode"], visit)
    return {
        **shown,
        "episode": visit,
        "summary": summary,
        "decision": {**decision, "episode": visit},
    }
