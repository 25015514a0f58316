"""What is to come of a request that was accepted: pure, over how its visits stand."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from services.contract.event import EventData
from services.contract.ids import derived_id
from services.contract.member import CoverActivated, MemberRegistered
from services.contract.payment import PaymentRequested
from services.contract.visit import (
    ChargePosted,
    ChargeVoided,
    VisitAdmitted,
    VisitCancelled,
    VisitDischarged,
    VisitRegistered,
)
from services.gateway.acceptance.awaiting import VisitKey, VisitStands
from services.gateway.acceptance.decide import FactOutcome, GroupOutcome
from services.gateway.acceptance.facts import Fact
from services.timeline.projection import NO_BILL, Bill

_BILLS: Final = (ChargePosted, ChargeVoided, VisitDischarged, VisitCancelled)
_OF_VISITS: Final = (*_BILLS, VisitRegistered, VisitAdmitted)
_NEVER_REFUSED: Final[tuple[type[EventData], ...]] = (MemberRegistered, CoverActivated)
_OUTPUTS_MAX: Final = 16
"""A fact of a visit leads to fewer events than that."""


@dataclass(frozen=True, slots=True)
class Seen:
    """How the visits of a request stand after it was accepted, and their bills on the timeline."""

    visits: Mapping[VisitKey, VisitStands]
    bills: Mapping[VisitKey, Bill]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is to come.

    facts: of visits that will be decided, the facts that lead to it, the last of them last: those of
    this request, or else the last of an earlier one. decisions: those that stand already. undecided:
    why there will be none.
    """

    facts: dict[VisitKey, tuple[str, ...]] = field(default_factory=dict)
    decisions: dict[VisitKey, dict[str, Any]] = field(default_factory=dict)
    undecided: dict[VisitKey, str] = field(default_factory=dict)


def visits_in(facts: Iterable[Fact]) -> set[VisitKey]:
    """Return the visits that some facts are about."""
    return {
        (fact.member, fact.data.visit_id) for fact in facts if isinstance(fact.data, _OF_VISITS)
    }


def refusable(outcomes: Sequence[GroupOutcome]) -> list[Fact]:
    """Return what was accepted and may yet be refused by a stage."""
    return [
        each.fact for each in _accepted(outcomes) if not isinstance(each.fact.data, _NEVER_REFUSED)
    ]


def outlook(outcomes: Sequence[GroupOutcome], seen: Seen) -> Outlook:
    """Return what is to come of each visit of a request."""
    ahead = Outlook()
    accepted = list(_accepted(outcomes))
    facts = (each.fact for outcome in outcomes if not outcome.refused for each in outcome.facts)
    for visit in sorted(visits_in(facts)):
        why = seen.visits[visit].why_undecided
        if why is not None:
            ahead.undecided[visit] = why
            continue
        bill = seen.bills.get(visit, NO_BILL)
        known = bill.decision.shown() if bill.decision else None
        leading = tuple(each.fact.id for each in accepted if _leads(each, visit, known))
        last = seen.visits[visit].last
        if not leading and last is not None:
            leading = (last,)  # of an earlier request; what it leads to may be on its way
            if known is not None and bill.causes & requests_after(last, visit[0]):
                ahead.decisions[visit] = known
                continue
        ahead.facts[visit] = leading
    return ahead


def requests_after(fact_id: str, member: str) -> frozenset[str]:
    """Return the ids, one of which treatment's request for payment has, if a fact leads to one."""
    kind = PaymentRequested.TYPE
    return frozenset(
        derived_id("treatment", fact_id, member, kind, ordinal) for ordinal in range(_OUTPUTS_MAX)
    )


def _accepted(outcomes: Iterable[GroupOutcome]) -> Iterable[FactOutcome]:
    return (
        each
        for outcome in outcomes
        if not outcome.refused
        for each in outcome.facts
        if each.status == "accepted"
    )


def _leads(each: FactOutcome, visit: VisitKey, known: Mapping[str, Any] | None) -> bool:
    """Whether a fact leads to a new decision on a visit: a fact of its bill, or a cover that day."""
    data = each.fact.data
    if isinstance(data, _BILLS):
        return each.bills and (each.fact.member, data.visit_id) == visit
    if known is None or not isinstance(data, CoverActivated) or each.fact.member != visit[0]:
        return False
    day, cover = date.fromisoformat(known["decision"]["service_date"]), data.cover
    return cover.valid_from <= day and (cover.valid_to is None or day <= cover.valid_to)
