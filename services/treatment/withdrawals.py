"""Withdrawals in any order: one that comes before what it withdraws waits for it.

A void, a cancelled discharge and a cancelled visit say that something never was. Queues deliver
again and overtake one another, so the withdrawal may be read first. It is then part of the member's
state, for so many days of the log's clock and at most so many of one member.

A charge and a visit are found by their ids, whatever the times. A discharge has no id of its own:
its cancellation withdraws those that happened no later than itself, and a later one stands.
"""

from collections.abc import Container
from datetime import date, datetime
from typing import Final

from services.contract.change import changed
from services.contract.step import RuleRefusedError
from services.contract.visit import ChargePosted, ChargeVoided, VisitCancelled, VisitDischarged
from services.contract.waiting import WAITS_AT_MOST
from services.member.calendar import days_after, local_day, start_of_day_after
from services.treatment.state import TreatmentState, Visit, Withdrawal
from services.treatment.visit import VisitFact

WAITING_MAX: Final = 64
"""Withdrawals of one member that wait. More is a runaway sender, and is refused."""

KEPT_MAX: Final = 256
"""Withdrawals of one member in all. Of those that wait for nothing, the oldest give way."""


def already_withdrawn(state: TreatmentState, fact: VisitFact, when: datetime) -> Withdrawal | None:
    """Return the withdrawal by which `fact`, which happened at `when`, counts for nothing."""
    if not state.withdrawals:
        return None
    cancelled = _row(state, "visit", fact.visit_id, fact.visit_id)
    if cancelled is not None:
        return cancelled if when <= cancelled.time else None
    match fact:
        case ChargePosted():
            void = _row(state, "charge", fact.visit_id, fact.charge_id)
            return None if void is None or void.waits_until is None else void
        case VisitDischarged() | VisitCancelled(cancels="discharge"):
            undone = _row(state, "discharge", fact.visit_id, fact.visit_id)
            return None if undone is None or undone.time < when else undone
        case _:
            return None


def is_cancelled(state: TreatmentState, visit_id: str, when: datetime) -> bool:
    """Whether a visit was cancelled after what happened in it at `when`."""
    cancelled = cancellation(state, visit_id)
    return cancelled is not None and when <= cancelled.time


def cancellation(state: TreatmentState, visit_id: str) -> Withdrawal | None:
    """Return the cancellation of a visit, if it is remembered."""
    return _row(state, "visit", visit_id, visit_id)


def comes_first(state: TreatmentState, visit: Visit, fact: VisitFact, when: datetime) -> bool:
    """Whether `fact` withdraws what is not known yet; false of a visit that was cancelled.

    Of a planned visit the plan is known.

    Raises:
        RuleRefusedError: a charge that was voided before.
    """
    if visit.phase == "cancelled":
        return False
    match fact:
        case ChargeVoided(charge_id=name) | ChargePosted(replaces=str(name)):
            if any(charge.charge_id == name for charge in visit.charges):
                return False
            if is_voided(state, fact.visit_id, name):
                raise RuleRefusedError(
                    f"charge {name} of visit {fact.visit_id} is voided already, or was "
                    "replaced; name the one that is in force"
                )
            _check_visit(state, visit, name)
            return True
        case VisitCancelled(cancels="discharge"):
            known = _row(state, "discharge", fact.visit_id, fact.visit_id)
            if known is not None and known.waits_until is None:
                return False  # some discharge up to then has come
            return visit.discharged is None or when < visit.discharged
        case VisitCancelled():
            is_planned = visit.visit_id in state.planned
            return not is_planned and not any(known is visit for known in state.visits)
        case _:
            return False


def is_voided(state: TreatmentState, visit_id: str, charge_id: str) -> bool:
    """Whether a charge was voided or replaced; it may not have come yet."""
    return _row(state, "charge", visit_id, charge_id) is not None


def _check_visit(state: TreatmentState, visit: Visit, charge_id: str) -> None:
    for known in state.visits:
        if known.visit_id != visit.visit_id and any(
            charge.charge_id == charge_id for charge in known.charges
        ):
            raise RuleRefusedError(
                f"charge {charge_id} belongs to visit {known.visit_id}, not to {visit.visit_id}: "
                "void it there, and post another here"
            )


def with_withdrawal(
    state: TreatmentState,
    fact: VisitFact,
    when: datetime,
    event_id: str,
    waits_until: date | None,
) -> TreatmentState:
    """Return the state that keeps what `fact` withdraws; the same state if it withdraws nothing.

    waits_until: None if what it withdraws is known.

    Raises:
        RuleRefusedError: too many wait already.
    """
    visit_id = fact.visit_id
    match fact:
        case ChargeVoided():
            row = Withdrawal("charge", visit_id, fact.charge_id, when, event_id, waits_until)
            return _keeping(state, _others(state, row), row)
        case VisitCancelled(cancels="discharge"):
            row = Withdrawal("discharge", visit_id, visit_id, when, event_id, waits_until)
            return _keeping(state, _others(state, row), row)
        case VisitCancelled():
            row = Withdrawal("visit", visit_id, visit_id, when, event_id, waits_until)
            return _keeping(state, _of_others(state, {visit_id}), row)
        case ChargePosted() if state.withdrawals or fact.replaces is not None:
            # A charge that was voided is posted anew: its id begins another life.
            row = Withdrawal("charge", visit_id, fact.charge_id, when, event_id)
            anew = _with(state, _others(state, row))
            if fact.replaces is None:
                return anew
            prior = row._replace(name=fact.replaces, waits_until=waits_until)
            return _keeping(anew, _others(anew, prior), prior)
        case _:
            return state


def superseded(state: TreatmentState, visit: Visit, when: datetime, fact: str) -> TreatmentState:
    """Return the state in which the earlier of two discharges is withdrawn by the later.

    visit: with one of them; when: of the other, whose event is `fact`.
    """
    if visit.discharged is None:
        return state
    earlier = min(visit.discharged, when)
    known = _row(state, "discharge", visit.visit_id, visit.visit_id)
    if known is not None and known.time >= earlier:
        return state
    row = Withdrawal("discharge", visit.visit_id, visit.visit_id, earlier, fact)
    return _keeping(state, _others(state, row), row)


def met(state: TreatmentState, row: Withdrawal) -> TreatmentState:
    """Return the state in which a withdrawal has met what it withdraws; the same if it had."""
    if row.waits_until is None:
        return state
    return _with(state, (*_others(state, row), row._replace(waits_until=None)))


def without_visits(state: TreatmentState, visit_ids: Container[str]) -> TreatmentState:
    """Return the state without the withdrawals of visits that are remembered no more."""
    return _with(state, _of_others(state, visit_ids)) if state.withdrawals else state


def expired(state: TreatmentState, at: datetime) -> TreatmentState:
    """Return the state without what has waited in vain.

    A visit that was cancelled stays so; only nothing waits for it any more.
    """
    rows = [
        row._replace(waits_until=None) if _is_over(row.waits_until, at) else row
        for row in state.withdrawals
        if row.what == "visit" or not _is_over(row.waits_until, at)
    ]
    ends = tuple([end for end in state.ends if not _is_over(end.waits_until, at)])
    return changed(_with(state, tuple(rows)), ends=ends)


def waiting_until(at: datetime) -> date:
    """Return the last day on which a withdrawal that comes now waits."""
    return days_after(local_day(at), WAITS_AT_MOST.days)


def _row(state: TreatmentState, what: str, visit_id: str, name: str) -> Withdrawal | None:
    for row in state.withdrawals:
        if row[:3] == (what, visit_id, name):
            return row
    return None


def _others(state: TreatmentState, row: Withdrawal) -> tuple[Withdrawal, ...]:
    return tuple([known for known in state.withdrawals if known[:3] != row[:3]])


def _of_others(state: TreatmentState, visit_ids: Container[str]) -> tuple[Withdrawal, ...]:
    return tuple([row for row in state.withdrawals if row.visit_id not in visit_ids])


def _keeping(
    state: TreatmentState, others: tuple[Withdrawal, ...], row: Withdrawal
) -> TreatmentState:
    waiting = [known for known in others if known.waits_until is not None]
    if row.waits_until is not None and len(waiting) >= WAITING_MAX:
        raise RuleRefusedError(
            f"the {row.what} of visit {row.visit_id} that this withdraws is not known, and "
            f"{WAITING_MAX} other withdrawals of the member wait already; publish first what they "
            "withdraw"
        )
    rows = (*others, row)
    if len(rows) > KEPT_MAX:
        oldest = next(known for known in rows if known.waits_until is None)
        rows = tuple([known for known in rows if known is not oldest])
    return _with(state, rows)


def _with(state: TreatmentState, rows: tuple[Withdrawal, ...]) -> TreatmentState:
    return state if rows == state.withdrawals else changed(state, withdrawals=rows)


def _is_over(until: date | None, at: datetime) -> bool:
    return until is not None and start_of_day_after(until) <= at
