"""In which order the facts of one request go into the log."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from services.contract.clinical import (
    ConditionRecorded,
    ConditionWithdrawn,
    MedicationPrescribed,
    ObservationRecorded,
    ProcedurePerformed,
)
from services.contract.event import EventData
from services.contract.member import CoverActivated, CoverEnded, MemberMerged, MemberRegistered
from services.contract.visit import (
    ChargePosted,
    ChargeVoided,
    VisitAdmitted,
    VisitCancelled,
    VisitDischarged,
    VisitPlanned,
    VisitRegistered,
)
from services.gateway.acceptance.facts import Fact, Group

Rank = tuple[int, datetime, int]

# What the request says about people comes first; then by time, and at one time in this order.
# What is said of a merged member goes before the merge, which takes it along.
# Covers go before the registration, which invites: so the insurer hears of it there, and once.
_FIRST: Final[tuple[type[EventData], ...]] = (CoverActivated, MemberRegistered)
_ORDER: Final[Mapping[type[EventData], int]] = {
    VisitPlanned: -1,
    VisitRegistered: 0,
    VisitAdmitted: 1,
    ConditionRecorded: 2,
    ConditionWithdrawn: 2,
    ObservationRecorded: 3,
    ProcedurePerformed: 4,
    MedicationPrescribed: 5,
    ChargePosted: 6,
    ChargeVoided: 7,
    VisitDischarged: 8,
    VisitCancelled: 9,
    CoverEnded: 10,
}


def ordered(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """Return facts in the order in which they go into the log.

    Covers and people first, then by time. A charge goes before the discharge of its visit even
    if it is dated later (bills often carry a day alone), so that the visit is decided once.
    """
    found = tuple(facts)
    return tuple(sorted(found, key=_ranks(found)))


def turns(groups: Sequence[Group]) -> list[int]:
    """Return in which order to judge groups: members, then by their first facts in the log."""
    rank = _ranks([fact for group in groups for fact in group.facts])
    of_facts = [number for number, group in enumerate(groups) if group.facts]

    def turn(number: int) -> tuple[bool, Rank]:
        first = groups[number].facts[0]
        return not isinstance(first.data, MemberRegistered), rank(first)

    of_facts.sort(key=turn)
    return of_facts + [number for number, group in enumerate(groups) if not group.facts]


def _ranks(facts: Iterable[Fact]) -> Callable[[Fact], Rank]:
    discharged = {
        (fact.member, fact.data.visit_id): fact.time
        for fact in facts
        if isinstance(fact.data, VisitDischarged)
    }

    def rank(fact: Fact) -> Rank:
        kind = type(fact.data)
        if kind in _FIRST:
            return _FIRST.index(kind), fact.time, 0
        time = fact.time
        if kind is MemberMerged:
            return len(_FIRST) + 1, time, 0
        if isinstance(fact.data, ChargePosted | ChargeVoided):
            time = min(time, discharged.get((fact.member, fact.data.visit_id), time))
        return len(_FIRST), time, _ORDER[kind]

    return rank
