"""The process of management: from an event to a state and what to say about it."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import assert_never

from services.contract.care import (
    ReferralWithdrawn,
    ReferredToManagement,
    ReferredToRehabilitation,
    ReferredToTreatment,
    RehabilitationFinished,
    RiskStratified,
)
from services.contract.change import changed
from services.contract.clinical import (
    ConditionRecorded,
    ConditionWithdrawn,
    ObservationRecorded,
)
from services.contract.event import Event
from services.contract.member import CoverActivated, CoverEnded, MemberRegistered
from services.contract.step import Draft, RuleRefusedError, Step
from services.management.control import (
    control_of,
    has_graduated,
    red_flag,
    with_reading,
)
from services.management.enrol import (
    Enrolled,
    enrolled,
    replanned,
    restratified,
    stratum_of,
    with_stratum,
)
from services.management.follow_up import after_contact, after_missing, is_worth_a_reminder
from services.management.programme import Programme, programme, programmes
from services.management.state import (
    REHABILITATION_VISITS_MAX,
    Enrolment,
    ManagementState,
    RehabilitationVisit,
    with_day,
)
from services.member.calendar import days_after, local_day, start_of_day_after
from services.member.reading import Reading
from services.member.record import (
    MemberRecord,
    noted,
    relearnt,
    with_condition,
    with_cover,
    with_member,
    without_condition,
)
from services.terminology.lookup import diagnoses

Consumed = (
    MemberRegistered
    | CoverActivated
    | CoverEnded
    | ConditionRecorded
    | ConditionWithdrawn
    | ObservationRecorded
    | RiskStratified
    | ReferredToManagement
    | ReferredToRehabilitation
    | ReferralWithdrawn
    | RehabilitationFinished
)
ManagementStep = Step[ManagementState]


def decide(state: ManagementState, event: Event[Consumed], at: datetime) -> ManagementStep:
    """Return what an event changes, judged as of its own time; deadlines count from `at`.

    Raises:
        RuleRefusedError: the event cannot be true, such as a diastolic pressure above the systolic.
    """
    match event.data:
        case MemberRegistered() as data:
            return _registered(state, data, max(event.time, at), at)
        case CoverActivated() | CoverEnded() as data:
            known = with_cover(state.record, data, event.id, local_day(at))
            return Step(_with_record(state, known))
        case ConditionRecorded() as data:
            if data.condition_id in state.record.refuted:
                return Step(state)
            known = with_condition(state.record, data, local_day(event.time))
            return _diagnosed(_with_record(state, known), data, event.time, at)
        case ConditionWithdrawn() as data:
            known = without_condition(state.record, data)
            return Step(_refuted(state, known, event.time, at))
        case ObservationRecorded() as data:
            return _observed(state, data, event.time, at)
        case RiskStratified() | ReferredToManagement() as data:
            return _stratified(state, data, event.time, at)
        case ReferredToRehabilitation() | ReferralWithdrawn() as data:
            return Step(_rehabilitation_noted(state, data))
        case RehabilitationFinished() as data:
            return _rehabilitated(state, data.pathway, event.time, at)
        case _:
            assert_never(event.data)


def wake(state: ManagementState, at: datetime) -> ManagementStep:
    """Return what follow-up days that went by without a reading lead to."""
    if state.wake_at is None or at < state.wake_at:
        return Step(state)
    outputs: list[Draft] = []
    after = state
    for enrolment in state.enrolments:
        now = programme(enrolment.pathway, state.record, at, at)
        if now is None or enrolment.due is None or at < start_of_day_after(enrolment.due):
            continue
        after = with_enrolment(after, after_missing(now, enrolment))
        if is_worth_a_reminder(now, enrolment, at):
            outputs.append(now.milestone("overdue"))
    return Step(after, tuple(outputs))


def with_enrolment(state: ManagementState, enrolment: Enrolment) -> ManagementState:
    """Return the state with an enrolment, and the wake-up that the next follow-up needs."""
    return _with_enrolments(state, [*_others(state, enrolment.pathway), enrolment])


def _with_enrolments(state: ManagementState, enrolments: Iterable[Enrolment]) -> ManagementState:
    kept = tuple(sorted(enrolments, key=lambda one: one.pathway))
    due = min([one.due for one in kept if one.due is not None], default=None)
    wake_at = None if due is None else start_of_day_after(due)
    return changed(state, enrolments=kept, wake_at=wake_at)


def _others(state: ManagementState, pathway: str) -> list[Enrolment]:
    return [one for one in state.enrolments if one.pathway != pathway]


def _with_record(state: ManagementState, record: MemberRecord) -> ManagementState:
    return state if record is state.record else changed(state, record=record)


def _registered(
    state: ManagementState, data: MemberRegistered, now: datetime, at: datetime
) -> ManagementStep:
    """Plan anew by the age and the stratum that are known now.

    A child leaves, and who is none after all enters. A stratum that was too high falls at the
    yearly assessment, as any does.
    """
    known = with_member(state.record, data)
    if known is state.record:
        return Step(state)
    before, state = state.record, _with_record(state, known)
    outputs: list[Draft] = []
    for one in programmes(known, now, at) if known.findings or state.enrolments else ():
        enrolment = state.enrolment(one.pathway.id)
        if not one.counts(one.day):
            state = _with_enrolments(state, _others(state, one.pathway.id))
        elif enrolment is not None:
            shown = with_stratum(one, enrolment, stratum_of(one))
            step = _kept(state, enrolment, replanned(one, shown, enrolment))
            state, outputs = step.state, [*outputs, *step.outputs]
        elif before.is_under(one.guideline.readings_from_years, one.day) and _is_diagnosed(one):
            step = _kept(state, None, enrolled(one, stratum_of(one)))
            state, outputs = step.state, [*outputs, *step.outputs]
    return Step(state, tuple(outputs))


def _is_diagnosed(now: Programme) -> bool:
    return any(map(now.record.has, now.guideline.diagnosis))


def _diagnosed(
    state: ManagementState, data: ConditionRecorded, time: datetime, at: datetime
) -> ManagementStep:
    """Enrol on a diagnosis, in the stratum that is known; leave when it is withdrawn."""
    names = frozenset(diagnoses(data.codes))
    outputs: list[Draft] = []
    for now in programmes(state.record, time, at) if names else ():
        if names.isdisjoint(now.guideline.diagnosis):
            continue
        if data.status != "active":
            step = _left(state, now)
            state = step.state
            outputs += step.outputs
        elif _may_enrol(state, now):
            step = _kept(state, None, enrolled(now, stratum_of(now)))
            state = step.state
            outputs += step.outputs
    return Step(state, tuple(outputs))


def _refuted(
    state: ManagementState, known: MemberRecord, time: datetime, at: datetime
) -> ManagementState:
    """Take the member out of each programme whose diagnosis never was; readings may refer anew."""
    names = relearnt(state.record, known)
    state = _with_record(state, known)
    for now in programmes(known, time, at) if names else ():
        diagnosis = now.guideline.diagnosis
        if not names.isdisjoint(diagnosis) and not any(map(known.has, diagnosis)):
            state = _with_enrolments(state, _others(state, now.pathway.id))
    return state


def _may_enrol(state: ManagementState, now: Programme) -> bool:
    left_on = state.left_on(now.pathway.id)
    is_stale = left_on is not None and now.day <= left_on
    is_enrolled = state.enrolment(now.pathway.id) is not None
    return not is_stale and not is_enrolled and now.counts(max(now.day, now.today))


def _left(state: ManagementState, now: Programme) -> ManagementStep:
    pathway = now.pathway.id
    left_on, enrolment = state.left_on(pathway), state.enrolment(pathway)
    if left_on is not None and now.day <= left_on:
        return Step(state)
    if enrolment is not None and now.day < enrolment.since:
        return Step(state)
    state = changed(state, left=with_day(state.left, pathway, now.day))
    told = () if enrolment is None else (now.milestone("left"),)
    return Step(_with_enrolments(state, _others(state, pathway)), told)


def _stratified(
    state: ManagementState,
    data: RiskStratified | ReferredToManagement,
    time: datetime,
    at: datetime,
) -> ManagementStep:
    now = programme(data.pathway, state.record, time, at)
    if now is None:
        return Step(state)
    before = state.enrolment(data.pathway)
    if before is not None:
        return _kept(state, before, restratified(now, before, data.stratum))
    if isinstance(data, ReferredToManagement):
        if data.stratum not in now.guideline.strata:
            raise RuleRefusedError(
                f"referral to {data.pathway}: it has no stratum {data.stratum!r}; "
                f"known are {', '.join(now.guideline.strata)}"
            )
        return _kept(state, None, enrolled(now, data.stratum))
    return Step(state)


def _kept(state: ManagementState, before: Enrolment | None, after: Enrolled) -> ManagementStep:
    enrolment, outputs = after
    return Step(state) if enrolment is before else Step(with_enrolment(state, enrolment), outputs)


def _observed(
    state: ManagementState, data: ObservationRecorded, time: datetime, at: datetime
) -> ManagementStep:
    seen = noted(state.record, data, time)
    state = _with_record(state, seen.record)
    outputs: list[Draft] = []
    for reading in seen.readings:
        for now in programmes(state.record, time, at):
            if reading.panel in now.guideline.watches and now.counts(now.day):
                step = _read(state, now, reading, data.visit_id)
                state = step.state
                outputs += step.outputs
    return Step(state, tuple(outputs))


def _read(
    state: ManagementState, now: Programme, reading: Reading, episode: str | None
) -> ManagementStep:
    urgent = _escalated(state, now, reading, episode)
    before = urgent.state.enrolment(now.pathway.id)
    if before is None or now.day < before.since:
        return urgent
    known = with_reading(before, reading)
    if known is before:
        return urgent
    after, outputs = _controlled(now, known, reading)
    return Step(with_enrolment(urgent.state, after), (*urgent.outputs, *outputs))


def _escalated(
    state: ManagementState, now: Programme, reading: Reading, episode: str | None
) -> ManagementStep:
    """Refer a red flag to treatment at once, whether or not the member is enrolled."""
    flag = red_flag(now, reading)
    if flag is None or not now.is_fresh:
        return Step(state)
    again_after = now.guideline.escalated_again_after_days
    if _within(state.escalated_on(now.pathway.id), now.day, again_after):
        return Step(state)
    referral = ReferredToTreatment(
        pathway=now.pathway.id,
        reason=f"{reading.text} on {now.day}: {flag.why}",
        urgency="urgent",
    )
    escalated = with_day(state.escalated, now.pathway.id, now.day)
    return Step(
        changed(state, escalated=escalated),
        (Draft(referral, now.time), now.milestone("escalated", episode)),
    )


def _controlled(now: Programme, before: Enrolment, reading: Reading) -> Enrolled:
    """Say when the target is met, lost, or has been met for long enough to graduate."""
    after = before._replace(control=control_of(before))
    outputs: list[Draft] = []
    if after.control == "met" and before.control != "met":
        after = after._replace(met_since=now.day)
        outputs.append(now.milestone("target_met"))
    if after.control == "lost":
        if before.control == "met":
            outputs.append(now.milestone("target_lost"))
        after = after._replace(met_since=None, graduated=False)
        again_after = now.guideline.referred_again_after_days
        if now.is_fresh and not _within(after.referred_on, now.day, again_after):
            after = after._replace(referred_on=now.day)
            outputs.append(_above_target(now, reading))
    if not after.graduated and has_graduated(now, after):
        after = after._replace(graduated=True)
        outputs.append(now.milestone("graduated"))
    after, plan_set = replanned(now, after, before)
    if after.readings[-1] == reading:
        if after.missed:
            outputs.append(now.milestone("resumed"))
        after = after_contact(now, after, reading)
    return after, (*outputs, *plan_set)


def _above_target(now: Programme, reading: Reading) -> Draft:
    reason = f"two readings in a row above target, the last {reading.text}"
    referral = ReferredToTreatment(pathway=now.pathway.id, reason=reason, urgency="routine")
    return Draft(referral, now.time)


def _within(last: date | None, day: date, days: int) -> bool:
    return last is not None and day < days_after(last, days)


def _rehabilitation_noted(
    state: ManagementState, data: ReferredToRehabilitation | ReferralWithdrawn
) -> ManagementState:
    visit = RehabilitationVisit(data.pathway, data.visit_id)
    visits = tuple([known for known in state.rehabilitation_visits if known != visit])
    if isinstance(data, ReferredToRehabilitation):
        visits = (*visits, visit)[-REHABILITATION_VISITS_MAX:]
    if visits == state.rehabilitation_visits:
        return state
    return changed(state, rehabilitation_visits=visits)


def _rehabilitated(
    state: ManagementState, pathway: str, time: datetime, at: datetime
) -> ManagementStep:
    """Put the member into the stratum that an illness left behind shows."""
    visits = tuple([known for known in state.rehabilitation_visits if known.pathway != pathway])
    if visits == state.rehabilitation_visits:
        return Step(state)
    state = changed(state, rehabilitation_visits=visits)
    outputs: list[Draft] = []
    for enrolment in state.enrolments:
        now = programme(enrolment.pathway, state.record, time, at)
        shown = None if now is None else now.guideline.after_rehabilitation
        if now is not None and shown is not None and pathway in shown.pathways:
            step = _kept(state, enrolment, restratified(now, enrolment, shown.stratum))
            state = step.state
            outputs += step.outputs
    return Step(state, tuple(outputs))
