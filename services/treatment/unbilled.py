"""Charges that wait for the discharge of their visit, and for how long."""

from datetime import date, datetime

from services.contract.change import changed
from services.contract.visit import ChargePosted, ChargeVoided, VisitCancelled, VisitDischarged
from services.contract.waiting import OPEN_AT_MOST, WAITS_AT_MOST
from services.member.calendar import days_after, start_of_day_after
from services.treatment.state import TreatmentState, Unbilled, Visit
from services.treatment.visit import VisitFact


def with_unbilled(visit: Visit, fact: VisitFact, event_id: str) -> Visit:
    """Return a visit after `fact` with what waits for its discharge."""
    if visit.is_closed:
        return visit._replace(unbilled=()) if visit.unbilled else visit
    match fact:
        case ChargePosted():
            return visit._replace(unbilled=(*visit.unbilled, Unbilled(fact.charge_id, event_id)))
        case ChargeVoided() if visit.unbilled:
            left = [row for row in visit.unbilled if row.charge_id != fact.charge_id]
            return visit._replace(unbilled=tuple(left))
        case VisitCancelled() | VisitDischarged():
            left = [row for row in visit.unbilled if row.charge_id is not None]
            return visit._replace(unbilled=(*left, Unbilled(None, event_id)))
        case _:
            return visit


def last_day(visit: Visit) -> date:
    """Return the last day, by the log's clock, on which what waits in a visit still counts."""
    bound = WAITS_AT_MOST if visit.phase == "awaited" else OPEN_AT_MOST
    return days_after(visit.touched, bound.days)


def without_unbilled(state: TreatmentState, at: datetime) -> TreatmentState:
    """Return the state without the charges that have waited in vain.

    A visit of which nothing else is known goes with them; another one stays open.
    """
    visits = tuple(
        [
            _without(visit) if _is_over(visit, at) else visit
            for visit in state.visits
            if visit.phase != "awaited" or not _is_over(visit, at)
        ]
    )
    return state if visits == state.visits else changed(state, visits=visits)


def _without(visit: Visit) -> Visit:
    """Return a visit without what waits in it; what was billed once is billed again if it ends."""
    waited = {row.charge_id for row in visit.unbilled}
    left = tuple([charge for charge in visit.charges if charge.charge_id not in waited])
    return visit._replace(charges=left, unbilled=())


def _is_over(visit: Visit, at: datetime) -> bool:
    return bool(visit.unbilled) and start_of_day_after(last_day(visit)) <= at
