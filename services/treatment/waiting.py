"""What waits for what it withdraws: when somebody has to look again, and what is told of it."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Literal, NamedTuple

from services.contract.care import WithdrawalNoted
from services.contract.change import changed
from services.contract.step import Draft, Step
from services.contract.waiting import WaitExpired
from services.member.calendar import start_of_day_after
from services.treatment.state import TreatmentState, Unbilled, Visit
from services.treatment.unbilled import last_day


class Waiting(NamedTuple):
    """A withdrawal that waits. fact: id of its event. name, visit_id: of what it waits for."""

    fact: str
    what: Literal["visit", "discharge", "charge", "cover"]
    name: str
    visit_id: str | None
    until: date


def noted(
    before: TreatmentState, step: Step[TreatmentState], when: datetime
) -> Step[TreatmentState]:
    """Return the step that also tells what began to wait, and what has met what it waited for.

    Where nothing waits, this looks at three fields.
    """
    after = step.state
    if after.withdrawals is before.withdrawals and after.ends is before.ends:
        return _with_last_day(step)
    was, now = list(_waiting(before)), list(_waiting(after))
    drafts = [_noted(one, "waits", when) for one in now if one not in was]
    drafts += [_noted(one, "met", when) for one in was if one not in now]
    return Step(_woken(after), (*step.outputs, *drafts))


def _with_last_day(step: Step[TreatmentState]) -> Step[TreatmentState]:
    """Return the step that looks again once the charges of the visit at hand have waited too long."""
    after = step.state
    if not (after.visits and after.visits[-1].unbilled):
        return step if after.wake_at is None else Step(_woken(after), step.outputs)
    due = start_of_day_after(last_day(after.visits[-1]))
    if after.wake_at is not None and after.wake_at <= due:
        return step
    return Step(changed(after, wake_at=due), step.outputs)


def given_up(before: TreatmentState, after: TreatmentState, when: datetime) -> Step[TreatmentState]:
    """Return the state after something has waited in vain, and what to say of it."""
    now = list(_waiting(after))
    drafts = [_given_up(one, when) for one in _waiting(before) if one not in now]
    left = {row.fact for visit in after.visits for row in visit.unbilled}
    for visit in before.visits:
        drafts += [_unbilled(visit, row, when) for row in visit.unbilled if row.fact not in left]
    return Step(_woken(after), tuple(drafts))


def _woken(state: TreatmentState) -> TreatmentState:
    days = [one.until for one in _waiting(state)]
    days += [last_day(visit) for visit in state.visits if visit.unbilled]
    return changed(state, wake_at=start_of_day_after(min(days)) if days else None)


def _waiting(state: TreatmentState) -> Iterator[Waiting]:
    for row in state.withdrawals:
        if row.waits_until is not None:
            yield Waiting(row.fact, row.what, row.name, row.visit_id, row.waits_until)
    for end in state.ends:
        yield Waiting(end.fact, "cover", end.cover_id, None, end.waits_until)


def _noted(one: Waiting, status: Literal["waits", "met"], when: datetime) -> Draft:
    data = WithdrawalNoted(
        fact=one.fact,
        what=one.what,
        name=one.name,
        visit_id=one.visit_id,
        status=status,
        until=one.until,
    )
    return Draft(data, when, correlation_id=one.visit_id)


def _given_up(one: Waiting, when: datetime) -> Draft:
    awaited = f"{one.what} {one.name}"
    if one.what == "charge":
        awaited += f" of visit {one.visit_id}"
    reason = (
        f"Nothing was withdrawn: {awaited} did not come by {one.until}; if it comes after all, "
        "withdraw it again under a new id."
    )
    data = WaitExpired(fact=one.fact, awaited=awaited, reason=reason)
    return Draft(data, when, correlation_id=one.visit_id)


def _unbilled(visit: Visit, row: Unbilled, when: datetime) -> Draft:
    """Say that a charge, or a visit that was opened again, waited too long for a discharge."""
    until, name = last_day(visit), visit.visit_id
    if row.charge_id is None:
        says = f"visit {name}, open again, was not discharged by {until}; if it is after all, it counts."
        data = WaitExpired(fact=row.fact, awaited=f"the discharge of visit {name}", reason=says)
        return Draft(data, when, correlation_id=name)
    what = f"charge {row.charge_id} of visit {name}"
    if visit.phase == "awaited":
        awaited = f"visit {name}"
        says = f"nobody told of the visit by {until}"
    else:
        awaited = f"the discharge of visit {name}"
        says = f"the visit was not discharged by {until}"
    mend = "if it is discharged after all, post the charges under new ids"
    data = WaitExpired(
        fact=row.fact, awaited=awaited, reason=f"{what} is not billed: {says}; {mend}."
    )
    return Draft(data, when, correlation_id=name)
