"""What waits for what it withdraws: when somebody has to look again, and what is told of it."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Literal, NamedTuple

from services.contract.care import WithdrawalNoted
from services.contract.change import changed
from services.contract.step import Draft, Step
from services.contract.waiting import WaitExpired
from services.member.calendar import start_of_day_after
from services.treatment.state import TreatmentState


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

    Where nothing waits, this looks at two fields.
    """
    after = step.state
    if after.withdrawals is before.withdrawals and after.ends is before.ends:
        return step
    was, now = list(_waiting(before)), list(_waiting(after))
    drafts = [_noted(one, "waits", when) for one in now if one not in was]
    drafts += [_noted(one, "met", when) for one in was if one not in now]
    return Step(_woken(after), (*step.outputs, *drafts))


def given_up(before: TreatmentState, after: TreatmentState, when: datetime) -> Step[TreatmentState]:
    """Return the state after some withdrawals have waited in vain, and what to say of them."""
    now = list(_waiting(after))
    drafts = [_given_up(one, when) for one in _waiting(before) if one not in now]
    return Step(_woken(after), tuple(drafts))


def _woken(state: TreatmentState) -> TreatmentState:
    last = min([one.until for one in _waiting(state)], default=None)
    return changed(state, wake_at=None if last is None else start_of_day_after(last))


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
