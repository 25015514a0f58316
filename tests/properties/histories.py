"""Possible histories of a household, all event types that the outside world owns, and their orders.

A history stands in the order in which things happened, no two at one moment, and is refused
nowhere. Any order of it may reach us; members alone are registered first, or the door refuses the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from services.contract.clinical import (
    ConditionRecorded,
    MedicationPrescribed,
    ProcedurePerformed,
    SessionAttended,
    SessionMissed,
)
from services.contract.event import EventData
from services.contract.member import CoverActivated, CoverEnded, CoverTerms, MemberRegistered
from services.contract.visit import (
    ChargeVoided,
    Code,
    Provider,
    VisitAdmitted,
    VisitCancelled,
    VisitDischarged,
    VisitRegistered,
)
from tests.unit.screening.facts import blood_pressure, condition, observation, registered, smoking
from tests.unit.treatment.journey import charge, day

HOUSEHOLD = "household-1"
MEMBERS = ("member-1", "member-2")
CLOCK = day(60)
"""What the log's clock says while the history is told: a month after the last thing happened."""

SNOMED = "http://snomed.info/sct"
STROKE = Code(system=SNOMED, code="230690007")


@dataclass(frozen=True)
class Told:
    """A fact about a member."""

    member: str
    time: datetime
    data: EventData


History = list[Told]


class _Draw:
    """Draws one history; each fact gets a moment of its own, near the day that is wished for."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.told: History = []

    def some(self, low: int, high: int) -> int:
        found: int = self.draw(st.integers(low, high))
        return found

    def chance(self, percent: int) -> bool:
        return self.some(1, 100) <= percent

    def one(self, *of: Any) -> Any:
        return self.draw(st.sampled_from(of))

    def tell(self, member: str, when: float, data: EventData) -> None:
        moment = day(when) + timedelta(seconds=len(self.told))
        self.told.append(Told(member, moment, data))


OWN_ALONE = ("basic-medical",)
SHARED = ("basic-medical", "million-yuan-medical")


@st.composite
def histories(draw: Any, products: Sequence[str] = SHARED) -> History:
    """Return a possible history of one or two members over some 30 days.

    products: of their covers. Of those here, the second shares a deductible in the household.
    """
    drawn = _Draw(draw)
    for member in MEMBERS[: drawn.some(1, 2)]:
        sex = drawn.one("male", "female")
        drawn.tell(member, -400, registered(day(-drawn.some(7_000, 30_000)).date(), sex))
        _covers(drawn, member, products)
        for number in range(drawn.some(1, 3)):
            _visit(drawn, member, f"{member}-v{number}", drawn.some(0, 20))
        _clinical(drawn, member)
    return sorted(drawn.told, key=lambda told: told.time)


def _covers(drawn: _Draw, member: str, products: Sequence[str]) -> None:
    for product in products:
        if drawn.chance(30):
            continue
        first, name = day(-drawn.some(40, 300)), f"{member}-{product}"
        until = first + timedelta(days=drawn.some(30, 400)) if drawn.chance(30) else None
        terms = CoverTerms(
            cover_id=name,
            product=product,
            insurer="fund" if product == "basic-medical" else "insurer-a",
            valid_from=first.date(),
            valid_to=None if until is None else until.date(),
        )
        when = drawn.some(-30, 29)
        drawn.tell(member, when, CoverActivated(cover=terms))
        if drawn.chance(40):
            last = day(drawn.some(-60, 30)).date()
            drawn.tell(member, when, CoverEnded(cover_id=name, last_day=last, reason="left"))


def _visit(drawn: _Draw, member: str, visit: str, began: int) -> None:
    provider = Provider(id=drawn.one("h1", "h2"), network=drawn.one("owned", "strategic"))
    visit_class = drawn.one("ambulatory", "inpatient", "emergency")
    stay = visit_class == "inpatient"
    drawn.tell(
        member, began, VisitRegistered(visit_id=visit, visit_class=visit_class, provider=provider)
    )
    if stay:
        drawn.tell(member, began, VisitAdmitted(visit_id=visit, provider=provider))
    for number in range(drawn.some(0, 3)):
        name, when = f"{visit}-c{number}", began + drawn.some(0, 5)
        drawn.tell(
            member,
            when,
            charge(
                name,
                drawn.one(1_00, 90_00, 2_000_00, 30_000_00) + drawn.some(0, 99),
                visit_id=visit,
            ),
        )
        if drawn.chance(35):
            void = ChargeVoided(charge_id=name, visit_id=visit, reason="typing error")
            drawn.tell(member, when, void)
    if drawn.chance(50):
        stroke = ConditionRecorded(
            condition_id=f"{visit}-dx", codes=(STROKE,), status="active", visit_id=visit
        )
        drawn.tell(member, began, stroke)
    if drawn.chance(30):
        done = ProcedurePerformed(procedure_id=f"{visit}-p", codes=(STROKE,), visit_id=visit)
        drawn.tell(member, began + 1, done)
    _ends(drawn, member, VisitDischarged(visit_id=visit, visit_class=visit_class, provider=provider),
          began)  # fmt: skip


def _ends(drawn: _Draw, member: str, discharged: VisitDischarged, began: int) -> None:
    """A stay may end, be taken back and go on, some times over; then all may have been wrong."""
    visit = discharged.visit_id
    undo = VisitCancelled(visit_id=visit, cancels="discharge", reason="not yet")
    when = began
    for _ in range(drawn.some(0, 3)):
        when += drawn.some(1, 2)
        drawn.tell(member, when, discharged)
        if drawn.chance(40):
            drawn.tell(member, when, undo)
    if drawn.chance(15):
        gone = VisitCancelled(visit_id=visit, cancels="visit", reason="another person")
        drawn.tell(member, 29, gone)


def _clinical(drawn: _Draw, member: str) -> None:
    for number in range(drawn.some(0, 5)):
        when = drawn.some(-300, 29)
        reading = blood_pressure(drawn.some(131, 179), drawn.some(70, 119))
        drawn.tell(member, when, reading)
        if drawn.chance(30):
            drawn.tell(member, when, smoking(drawn.one("Never smoker", "Current every day smoker")))
        if drawn.chance(30):
            drawn.tell(member, when, condition(drawn.one("59621000", "44054006", "15777000")))
        if drawn.chance(30):
            drawn.tell(member, when, observation("96761-2", 5.0 * drawn.some(4, 20), None))
        if drawn.chance(30):
            drawn.tell(member, when, _session(drawn, f"{member}-s{number}"))
        if drawn.chance(20):
            medicine = MedicationPrescribed(
                prescription_id=f"{member}-m{number}",
                codes=(STROKE,),
                status="active",
                visit_id=None,
            )
            drawn.tell(member, when, medicine)


def _session(drawn: _Draw, name: str) -> EventData:
    if drawn.chance(30):
        return SessionMissed(session_id=name, mode="home", reason="ill")
    provider = Provider(id="h1", network="owned")
    return SessionAttended(
        session_id=name, mode="home", provider=provider, currency="CNY", price=drawn.some(0, 60_000)
    )


@st.composite
def told_twice(draw: Any, products: Sequence[str] = SHARED) -> tuple[History, History]:
    """Return a history as it happened, and in another order of arrival."""
    happened = draw(histories(products))
    arrived = draw(st.permutations(happened))
    first = [told for told in happened if isinstance(told.data, MemberRegistered)]
    return happened, [*first, *(told for told in arrived if told not in first)]
