"""What must be true, computed from the facts alone and in another way than the services do."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from services.contract.clinical import SessionAttended
from services.contract.event import Event, EventData
from services.contract.member import CoverActivated, CoverEnded, CoverTerms
from services.contract.visit import ChargePosted, ChargeVoided, VisitCancelled, VisitDischarged
from services.contract.waiting import WAITS_AT_MOST
from services.member.calendar import local_day


@dataclass
class _Visit:
    charges: dict[str, int] = field(default_factory=dict)
    discharged: bool = False


def billed_total(facts: Iterable[Event[EventData]]) -> int:
    """Return what is owed: charges in force of discharged visits, and sessions attended.

    They are read in the order in which they happened, whatever that of their arrival. Facts that
    the rules must refuse are left out by the caller, as are withdrawals that waited in vain.
    """
    visits: dict[tuple[str, str], _Visit] = defaultdict(_Visit)
    sessions = 0
    for fact in sorted(facts, key=lambda fact: fact.time):
        visit = fact.subject, getattr(fact.data, "visit_id", "")
        match fact.data:
            case ChargePosted() as charge:
                visits[visit].charges[charge.charge_id] = charge.amount
            case ChargeVoided() as void:
                del visits[visit].charges[void.charge_id]
            case VisitDischarged():
                visits[visit].discharged = True
            case VisitCancelled(cancels="visit"):
                visits[visit] = _Visit()
            case VisitCancelled():
                visits[visit].discharged = False
            case SessionAttended() as session:
                sessions += session.price
            case _:
                pass
    return sessions + sum(sum(each.charges.values()) for each in visits.values() if each.discharged)


DEDUCTIBLE = 10_000_00
LIMIT = 2_000_000_00
WAITING_DAYS = 30
"""Of million-yuan medical, in CNY, as its disclosure states them."""


@dataclass
class PolicyYear:
    """What a household bore and was paid under million-yuan medical in one policy year."""

    borne: int = 0
    paid: int = 0


def policy_years(
    decided: Iterable[tuple[Event[Any], Event[Any], bool]],
) -> dict[tuple[str, str, date], PolicyYear]:
    """Return by household, insurer and first day what requests and their decisions come to.

    decided: request, decision, and whether it is still in force. `paid` counts all, since what was
    reversed later may have met the limit first; `borne` counts those in force, in hospitals where
    the product bears all above the deductible.
    """
    years: dict[tuple[str, str, date], PolicyYear] = defaultdict(PolicyYear)
    for request, decision, in_force in decided:
        data = request.data
        if data.service != "visit":
            continue
        for cover in data.covers:
            if cover.product == "million-yuan-medical" and _pays(cover, data):
                first = _anniversary_before(cover.valid_from, data.service_date)
                year = years[request.household, cover.insurer, first]
                shares = decision.data.shares
                paid = sum(share.amount for share in shares if share.cover_id == cover.cover_id)
                year.paid += paid
                if in_force and data.provider.network in {"owned", "strategic"}:
                    year.borne += data.billed - decision.data.parts.social_insurance - paid
    return years


def _pays(cover: CoverTerms, data: Any) -> bool:
    day = data.service_date
    waited = (day - cover.valid_from).days >= WAITING_DAYS or data.visit_class == "emergency"
    return waited and cover.valid_from <= day <= (cover.valid_to or date.max)


def _anniversary_before(first: date, day: date) -> date:
    month_day = (2, 28) if (first.month, first.day) == (2, 29) else (first.month, first.day)
    this_year = date(day.year, *month_day)
    return this_year if this_year <= day else date(day.year - 1, *month_day)


@dataclass(frozen=True)
class _Period:
    insurer: str
    first: date
    last: date


@dataclass(frozen=True)
class _WaitingEnd:
    last: date
    until: date


class CoversInTurn:
    """Covers as they were known when each record of a household was applied.

    Records are applied in turns: in log order, save for a fact that came too early, whose turn
    comes with the record that fills the gap before it.
    """

    def __init__(self) -> None:
        self._last: dict[str, int] = defaultdict(int)
        self._early: dict[tuple[str, int], Event[EventData] | None] = {}
        self._covers: dict[str, dict[str, _Period]] = defaultdict(dict)
        self._history: dict[str, list[tuple[int, dict[str, _Period]]]] = defaultdict(list)
        self._turns: dict[str, int] = {}
        self._turn = 0
        self._ends: dict[tuple[str, str], _WaitingEnd] = {}
        self._clock: dict[int, datetime] = {}

    def ticked(self, partition: int, at: datetime) -> None:
        """Move a partition's clock, which never runs backwards."""
        self._clock[partition] = max(at, self._clock.get(partition, at))

    def fact_arrived(
        self, household: str, sequence: int, fact: Event[EventData] | None, partition: int
    ) -> None:
        """Take in a fact, the first time it stands on the log; None if nobody can read it."""
        self._early[household, sequence] = fact
        while (household, self._last[household] + 1) in self._early:
            self._last[household] += 1
            due = self._early.pop((household, self._last[household]))
            if due is not None:
                self.arrived(due.id)
                self._apply(due, self._clock.get(partition, due.time))

    def arrived(self, event_id: str) -> None:
        """Take in whatever is applied as soon as it stands on the log."""
        self._turn += 1
        self._turns.setdefault(event_id, self._turn)

    def _apply(self, fact: Event[EventData], at: datetime) -> None:
        known = self._covers[fact.subject]
        match fact.data:
            case CoverActivated(cover=terms):
                last = terms.valid_to or date.max
                waiting = self._ends.pop((fact.subject, terms.cover_id), None)
                if waiting is not None and local_day(at) <= waiting.until:
                    last = min(last, waiting.last)
                known[terms.cover_id] = _Period(terms.insurer, terms.valid_from, last)
            case CoverEnded() as ended if ended.cover_id in known:
                before = known[ended.cover_id]
                last = min(before.last, ended.last_day)
                known[ended.cover_id] = _Period(before.insurer, before.first, last)
            case CoverEnded() as early:
                until = local_day(at) + WAITS_AT_MOST
                self._ends[fact.subject, early.cover_id] = _WaitingEnd(early.last_day, until)
                return
            case _:
                return
        self._history[fact.subject].append((self._turn, dict(known)))

    def insurers(self, member: str, day: date, cause_id: str) -> tuple[str, ...]:
        """Return whose cover was in force on a day, by what was known when the cause was applied."""
        turn = self._turns[cause_id]
        known: dict[str, _Period] = {}
        for at, covers in self._history[member]:
            if at > turn:
                break
            known = covers
        return tuple(sorted({p.insurer for p in known.values() if p.first <= day <= p.last}))
