"""The process of treatment: from an event to a state, in terms of what is known after it."""

from datetime import datetime
from typing import assert_never

from services.contract.care import (
    ReferredBackToTreatment,
    ReferredToTreatment,
    RehabilitationPlanned,
)
from services.contract.change import changed
from services.contract.clinical import (
    ConditionRecorded,
    ConditionWithdrawn,
    ProcedurePerformed,
)
from services.contract.event import Event
from services.contract.member import CoverActivated, CoverEnded
from services.contract.step import Draft, RuleRefusedError, Step
from services.contract.visit import (
    ChargePosted,
    ChargeVoided,
    VisitAdmitted,
    VisitCancelled,
    VisitDischarged,
    VisitPlanned,
    VisitRegistered,
)
from services.member.calendar import local_day
from services.member.covers import change_of, with_cover
from services.member.record import with_refuted
from services.treatment.billing import rebill
from services.treatment.milestones import milestone, milestones_of
from services.treatment.needs import needs_in, refer, with_needs, without_diagnosis
from services.treatment.plans import announced, without_plan
from services.treatment.quality import StageWord, flag_readmissions, with_remark
from services.treatment.state import TreatmentState, Visit, Withdrawal
from services.treatment.unbilled import with_unbilled, without_unbilled
from services.treatment.visit import VisitFact, moved, reason_of, withdrawn
from services.treatment.waiting import given_up, noted
from services.treatment.window import find, remember
from services.treatment.withdrawals import (
    already_withdrawn,
    comes_first,
    expired,
    is_cancelled,
    is_voided,
    met,
    superseded,
    waiting_until,
    with_withdrawal,
)

Consumed = (
    VisitFact
    | VisitPlanned
    | StageWord
    | CoverActivated
    | CoverEnded
    | ConditionRecorded
    | ConditionWithdrawn
    | ProcedurePerformed
)
TreatmentStep = Step[TreatmentState]


def decide(state: TreatmentState, event: Event[Consumed], at: datetime) -> TreatmentStep:
    """Return what follows from `event` at the log's time `at`.

    Raises:
        RuleRefusedError: the move is illegal, the charge is impossible, or the visit lies beyond
            the window of corrections.
    """
    data = event.data
    match data:
        case (
            VisitRegistered()
            | VisitAdmitted()
            | VisitDischarged()
            | VisitCancelled()
            | ChargePosted()
            | ChargeVoided()
        ):
            return noted(state, _visit_moved(state, event, data, at), event.time)
        case VisitPlanned():
            return noted(state, Step(announced(state, data, event.time, at)), event.time)
        case CoverActivated() | CoverEnded():
            return noted(state, _covers_changed(state, event, data, at), event.time)
        case ConditionRecorded():
            return _diagnosed(state, event, data, at)
        case ConditionWithdrawn():
            return _refuted(state, event, data, at)
        case ProcedurePerformed():
            return _procedure_done(state, event, data, at)
        case ReferredToTreatment() | ReferredBackToTreatment() | RehabilitationPlanned():
            remarks = with_remark(state.remarks, data, event.time)
            return Step(changed(state, remarks=remarks))
        case _:
            assert_never(data)


def wake(state: TreatmentState, at: datetime) -> TreatmentStep:
    """Forget the withdrawals and charges that have waited in vain, and say so."""
    if state.wake_at is None or at < state.wake_at:
        return Step(state)
    return given_up(state, without_unbilled(expired(state, at), at), at)


def _visit_moved(
    state: TreatmentState, event: Event[Consumed], data: VisitFact, at: datetime
) -> TreatmentStep:
    before = find(state, data.visit_id, at)
    withdrawal = already_withdrawn(state, data, event.time)
    if withdrawal is not None:
        return _withdrawn(state, before, withdrawal, event, data, at)
    waits_until = waiting_until(at) if comes_first(state, before, data, event.time) else None
    begun = without_plan(state, data.visit_id)
    kept = with_withdrawal(begun, data, event.time, event.id, waits_until)
    if waits_until is not None and not _stands_at_once(data):
        return Step(kept)
    after = with_unbilled(moved(before, data, event.time), data, event.id)
    if isinstance(data, VisitDischarged):
        kept = superseded(kept, before, event.time, event.id)
    told = () if after == before else milestones_of(data, event.time, state.covers)
    step = _conclude(kept, before, after, reason_of(data), event, at)
    return Step(step.state, told + step.outputs)


def _withdrawn(
    state: TreatmentState,
    before: Visit,
    withdrawal: Withdrawal,
    event: Event[Consumed],
    data: VisitFact,
    at: datetime,
) -> TreatmentStep:
    """Take note of what counts for nothing, since it was withdrawn before it came."""
    if isinstance(data, VisitCancelled | ChargeVoided):
        return Step(state)
    known = met(state, withdrawal)
    if withdrawal.what == "charge" and isinstance(data, ChargePosted) and data.replaces is not None:
        return _replaced(known, event, data, data.replaces, at)
    if withdrawal.what != "discharge" or not isinstance(data, VisitDischarged):
        return Step(known)
    after = with_unbilled(withdrawn(before, data), data, event.id)
    return _conclude(known, before, after, reason_of(data), event, at)


def _replaced(
    state: TreatmentState, event: Event[Consumed], data: ChargePosted, prior: str, at: datetime
) -> TreatmentStep:
    """Withdraw what a charge replaced that is withdrawn itself: neither counts."""
    if is_voided(state, data.visit_id, prior):
        return Step(state)
    reason = f"charge {data.charge_id} took its place"
    void = ChargeVoided(charge_id=prior, visit_id=data.visit_id, reason=reason)
    return _visit_moved(state, event, void, at)


def _stands_at_once(fact: VisitFact) -> bool:
    """Whether a fact has its effect although what it withdraws is not known yet."""
    return isinstance(fact, ChargePosted) or (
        isinstance(fact, VisitCancelled) and fact.cancels == "visit"
    )


def _conclude(
    state: TreatmentState,
    before: Visit,
    after: Visit,
    reason: str,
    event: Event[Consumed],
    at: datetime,
) -> TreatmentStep:
    when = max(event.time, after.discharged or event.time)
    billed, payment = rebill(
        before, after, (state.covers, state.covers), event.subject, when, reason
    )
    reopened, withdrawal = _end_moved(before, billed, when, at, reason)
    referred, referral = refer(reopened, when, at, reason)
    kept = remember(state, referred, at)
    flagged, readmission = flag_readmissions(kept, referred, when)
    return Step(flagged, (*payment, *withdrawal, *referral, *readmission))


def _end_moved(
    before: Visit, after: Visit, when: datetime, at: datetime, reason: str
) -> tuple[Visit, tuple[Draft, ...]]:
    """Withdraw the referrals of a stay that has gone on, so that they are made as of its end."""
    if before.discharged == after.discharged or None in (before.discharged, after.discharged):
        return after, ()
    went_on = after._replace(phase="reopened", discharged=None)
    undone, withdrawal = refer(went_on, when, at, reason)
    return after._replace(needs=undone.needs), withdrawal


def _covers_changed(
    state: TreatmentState, event: Event[Consumed], data: CoverActivated | CoverEnded, at: datetime
) -> TreatmentStep:
    covers, ends = with_cover(state.covers, state.ends, data, event.id, local_day(at))
    if covers is state.covers:
        return Step(state if ends is state.ends else changed(state, ends=ends))
    reason = change_of(state.covers, covers, data)
    visits: list[Visit] = []
    drafts: list[Draft] = []
    for visit in state.visits:
        when = max(event.time, visit.discharged or event.time)
        both = (state.covers, covers)
        billed, payment = rebill(visit, visit, both, event.subject, when, reason)
        visits.append(billed)
        drafts.extend(payment)
    after = changed(state, covers=covers, visits=tuple(visits), ends=ends)
    return Step(after, tuple(drafts))


def _diagnosed(
    state: TreatmentState, event: Event[Consumed], data: ConditionRecorded, at: datetime
) -> TreatmentStep:
    found = () if data.visit_id is None else needs_in(data, event.time)
    if data.visit_id is None or not found:
        return Step(state)
    if data.condition_id in state.refuted:
        return Step(state)
    before = find(state, data.visit_id, at)
    after = with_needs(before, found)
    if after is before or before.phase == "cancelled":
        return Step(state)
    return _conclude(state, before, after, f"condition {data.condition_id} recorded", event, at)


def _refuted(
    state: TreatmentState, event: Event[Consumed], data: ConditionWithdrawn, at: datetime
) -> TreatmentStep:
    """Take back what a diagnosis led to, and take no note of it if it comes later."""
    condition = data.condition_id
    if condition in state.refuted:
        return Step(state)
    state = changed(state, refuted=with_refuted(state.refuted, condition))
    drafts: list[Draft] = []
    for before in state.visits:
        after = without_diagnosis(before, condition)
        if after is not before:
            step = _conclude(state, before, after, data.reason, event, at)
            state = step.state
            drafts += step.outputs
    return Step(state, tuple(drafts))


def _procedure_done(
    state: TreatmentState, event: Event[Consumed], data: ProcedurePerformed, at: datetime
) -> TreatmentStep:
    if data.visit_id is None:
        return Step(state)
    if is_cancelled(state, data.visit_id, event.time):
        return Step(state)
    if find(state, data.visit_id, at).phase == "cancelled":
        raise RuleRefusedError(
            f"procedure {data.procedure_id} belongs to visit {data.visit_id}, which was cancelled; "
            "publish it under the visit in which it was done"
        )
    return Step(state, (milestone("procedure_done", state.covers, data.visit_id, event.time),))
