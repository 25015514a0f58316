"""What every door does with a request once it is understood: hand it in, and wait if asked to."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import product
from typing import Any, Final, NamedTuple

import structlog
from sqlalchemy.exc import SQLAlchemyError

from services.contract.codec import instant_text
from services.contract.visit import VisitDischarged
from services.gateway.acceptance.decide import GroupOutcome
from services.gateway.acceptance.doubts import Doubts
from services.gateway.acceptance.facts import Fact, Group, Submission
from services.gateway.acceptance.households import alone
from services.gateway.acceptance.names import scoped
from services.gateway.acceptance.writer import GroupWriter
from services.gateway.answer.waiting import Expectation, VisitKey, Waiting
from services.timeline.item import item_of
from services.timeline.projection import Timeline

log = structlog.get_logger(__name__)

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


class Pending(NamedTuple):
    """A visit that waits for its decision, as it was sent. stands_under: Careloop's own member."""

    member: str
    visit: str
    stands_under: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request.

    decisions: those on visits discharged in it, as the timeline shows them, with the visits named
    as they were sent. pending: visits whose decision did not come within the time.
    """

    outcomes: tuple[GroupOutcome, ...]
    decisions: tuple[dict[str, Any], ...] = ()
    pending: tuple[Pending, ...] = ()


@dataclass(frozen=True, slots=True)
class Intake:
    """Where every door hands in what it has understood."""

    writer: GroupWriter
    timeline: Timeline
    doubts: Doubts
    now: Callable[[], datetime]
    namespace_of: Callable[[str], str] = alone
    waiting: Waiting = field(default_factory=Waiting)

    async def submit(self, groups: Sequence[Group], wait_s: int) -> Answer:
        """Accept groups, and wait for the decisions on the visits that they discharge.

        Raises NotStoredError: the database could not store them.
        """
        submission = Submission(tuple(self.doubts.marked(groups, self.now())))
        facts = [fact for group in groups for fact in _discharges(group.facts)]
        if not (wait_s and facts):
            return Answer(await self.writer.accept(submission))
        visits = {visit for fact in facts for visit in self._may_be(fact)}
        with self.waiting.expecting(visits) as expectation:
            outcomes = await self.writer.accept(submission)
            return await self._wait(outcomes, expectation, wait_s)

    async def refuse(self) -> None:
        """Count a request that could not be read."""
        await self.writer.accept(Submission(unreadable=1))

    def _may_be(self, fact: Fact) -> Iterable[VisitKey]:
        """Return what a visit may be called once it is accepted: by then it is late to listen."""
        member, visit = _visit(fact)
        namespace = self.namespace_of(fact.source)
        return product((member, scoped(member, namespace)), (visit, scoped(visit, namespace)))

    async def _wait(
        self, outcomes: tuple[GroupOutcome, ...], expectation: Expectation, wait_s: int
    ) -> Answer:
        since: dict[VisitKey, datetime] = {}
        sent: dict[VisitKey, VisitKey] = {}
        known: set[VisitKey] = set()
        for outcome in outcomes:
            for each in outcome.facts if not outcome.refused else ():
                if isinstance(each.fact.data, VisitDischarged):
                    new = each.status == "accepted"
                    sent[_visit(each.fact)] = _visit(each.fact.sent)
                    since[_visit(each.fact)] = (outcome.recorded_at if new else None) or _LONG_AGO
                    known |= set() if new else {_visit(each.fact)}
        decisions = await self._known(known)
        for visit in decisions:
            del since[visit]
        heard = await expectation.decisions(since, wait_s)
        decisions |= {visit: item_of(event, 0).shown() for visit, event in heard.items()}
        decisions |= await self._unheard({visit: since[visit] for visit in since.keys() - heard})
        pending = tuple(
            Pending(*sent[visit], visit[0]) for visit in sorted(since.keys() - decisions.keys())
        )
        told = tuple(_named_as(sent[visit], decisions[visit]) for visit in sorted(decisions))
        return Answer(outcomes, told, pending)

    async def _unheard(self, since: Mapping[VisitKey, datetime]) -> dict[VisitKey, dict[str, Any]]:
        """Return what the timeline knows: the log's follower may have begun after a decision."""
        return {
            visit: decision
            for visit, decision in (await self._known(set(since))).items()
            if decision["recorded_time"] >= instant_text(since[visit])
        }

    async def _known(self, visits: set[VisitKey]) -> dict[VisitKey, dict[str, Any]]:
        """Return the decisions that the timeline has; none if it cannot be asked."""
        if not visits:
            return {}
        try:
            return await asyncio.to_thread(self._decided_before, visits)
        except SQLAlchemyError as error:  # all was accepted, and that is the answer
            log.warning("the timeline cannot be asked", error=repr(error))
            return {}

    def _decided_before(self, visits: set[VisitKey]) -> dict[VisitKey, dict[str, Any]]:
        by_member: dict[str, list[str]] = {}
        for member, visit_id in visits:
            by_member.setdefault(member, []).append(visit_id)
        return {
            (member, visit_id): decision
            for member, visit_ids in by_member.items()
            for visit_id, decision in self.timeline.decisions(member, visit_ids).items()
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


def _discharges(facts: Iterable[Fact]) -> Iterable[Fact]:
    return (fact for fact in facts if isinstance(fact.data, VisitDischarged))


def _visit(fact: Fact) -> VisitKey:
    assert isinstance(fact.data, VisitDischarged)  # callers pass no others
    return (fact.member, fact.data.visit_id)
