"""The rules of management: from an event to a state and what to say about it."""

from datetime import date, datetime
from typing import Literal, assert_never

from services.contract.blood_pressure import HalfReading, Reading, read_blood_pressure
from services.contract.care import (
    ReferralWithdrawn,
    ReferredToManagement,
    ReferredToRehabilitation,
    ReferredToTreatment,
    RehabilitationFinished,
    RiskStratified,
    Stratum,
)
from services.contract.clinical import ConditionRecorded, ObservationRecorded
from services.contract.covers import cover_activated, cover_ended, insurers_in_force
from services.contract.days import days_after
from services.contract.diagnoses import diagnoses
from services.contract.event import Event
from services.contract.member import CoverActivated, CoverEnded, MemberRegistered
from services.contract.milestones import ManagementMilestone
from services.contract.step import Draft, Step
from services.management.rules.control import (
    ESCALATED_AGAIN_AFTER_DAYS,
    REFERRED_AGAIN_AFTER_DAYS,
    control_of,
    has_graduated,
    is_fresh,
    is_red_flag,
    with_reading,
)
from services.management.rules.follow_up import (
    ABOVE_TARGET_DAYS,
    after_contact,
    after_missing,
    armed,
    is_worth_a_reminder,
    with_enrolment,
)
from services.management.rules.plan import plan_for, replanned, with_stratum
from services.management.state import STROKE_VISITS_MAX, Enrolment, ManagementState

Input = (
    MemberRegistered
    | CoverActivated
    | CoverEnded
    | ConditionRecorded
    | ObservationRecorded
    | RiskStratified
    | ReferredToManagement
    | ReferredToRehabilitation
    | ReferralWithdrawn
    | RehabilitationFinished
)
ManagementStep = Step[ManagementState]
MilestoneName = Literal[
    "enrolled", "target_met", "target_lost", "overdue", "escalated", "graduated"
]  # fmt: skip


def decide(state: ManagementState, event: Event[Input], at: datetime) -> ManagementStep:
    """Return what an event changes, judged as of its own time; deadlines count from `at`.

    Raises:
        RuleRefusedError: the event cannot be true, such as a diastolic pressure above the systolic.
    """
    match event.data:
        case MemberRegistered() | CoverActivated() | CoverEnded() as data:
            return Step(_known(state, data))
        case ConditionRecorded() as data:
            return _diagnosed(state, data, event.time, at)
        case ObservationRecorded() as data:
            return _observed(state, data, event.time, at)
        case RiskStratified() | ReferredToManagement() as data:
            return _stratified(state, data, event.time, at)
        case ReferredToRehabilitation() | ReferralWithdrawn() as data:
            return Step(_stroke_noted(state, data))
        case RehabilitationFinished():
            return _rehabilitated(state, event.time, at)
        case _:
            assert_never(event.data)


def wake(state: ManagementState, at: datetime) -> ManagementStep:
    """Return what a follow-up day that went by without a reading leads to."""
    if state.wake_at is None or at < state.wake_at or state.enrolment is None:
        return Step(state)
    missed = with_enrolment(state, after_missing(state.enrolment, at))
    if is_worth_a_reminder(state.enrolment, at):
        return Step(missed, (_milestone(state, "overdue", at),))
    return Step(missed)


def _known(
    state: ManagementState, data: MemberRegistered | CoverActivated | CoverEnded
) -> ManagementState:
    covers, birth_date = state.covers, state.birth_date
    match data:
        case MemberRegistered():
            birth_date = data.birth_date
        case CoverActivated():
            covers = cover_activated(covers, data.cover)
        case CoverEnded():
            covers = cover_ended(covers, data.cover_id, data.last_day)
        case _:
            assert_never(data)
    if covers is state.covers and birth_date == state.birth_date:
        return state
    return state.model_copy(update={"covers": covers, "birth_date": birth_date})


def _diagnosed(
    state: ManagementState, data: ConditionRecorded, time: datetime, at: datetime
) -> ManagementStep:
    """Enrol on a diagnosis of hypertension; leave when it is withdrawn."""
    if "hypertension" not in diagnoses(data.codes):
        return Step(state)
    day = time.date()
    if data.status == "active":
        stale = state.left_on is not None and day <= state.left_on
        if stale or state.enrolment is not None or state.is_child(max(day, at.date())):
            return Step(state)
        return _enrol(state, "low", time, at)
    if (state.left_on is not None and day <= state.left_on) or (
        state.enrolment is not None and day < state.enrolment.since
    ):
        return Step(state)
    return Step(state.model_copy(update={"left_on": day, "enrolment": None, "wake_at": None}))


def _stratified(
    state: ManagementState,
    data: RiskStratified | ReferredToManagement,
    time: datetime,
    at: datetime,
) -> ManagementStep:
    enrolment = state.enrolment
    if enrolment is None:
        if isinstance(data, ReferredToManagement):
            return _enrol(state, data.stratum, time, at)
        return Step(state)
    if data.stratum == "none":
        return Step(state)
    return _restratify(state, enrolment, data.stratum, time, at)


def _enrol(
    state: ManagementState, stratum: Stratum, time: datetime, at: datetime
) -> ManagementStep:
    day = time.date()
    age = state.age(day)
    enrolment = Enrolment(
        since=day,
        stratum=stratum,
        stratum_on=day,
        plan=plan_for(stratum, age, graduated=False),
    )
    enrolment = armed(enrolment, time, ABOVE_TARGET_DAYS, at)
    enrolment, plan_set = replanned(enrolment, None, age, time, at)
    return Step(with_enrolment(state, enrolment), (*plan_set, _milestone(state, "enrolled", time)))


def _restratify(
    state: ManagementState, before: Enrolment, stratum: Stratum, time: datetime, at: datetime
) -> ManagementStep:
    moved = with_stratum(before, stratum, time.date())
    if moved is before:
        return Step(state)
    enrolment, plan_set = replanned(moved, before, state.age(time.date()), time, at)
    return Step(with_enrolment(state, enrolment), plan_set)


def _observed(
    state: ManagementState, data: ObservationRecorded, time: datetime, at: datetime
) -> ManagementStep:
    seen = read_blood_pressure(data, time, state.half)
    match seen:
        case None:
            return Step(state)
        case _ if state.is_child(time.date()):
            return Step(state)
        case HalfReading():
            return Step(state.model_copy(update={"half": seen}))
        case Reading():
            if state.half is not None:
                state = state.model_copy(update={"half": None})
            return _read(state, seen, data.visit_id, at)
        case _:
            assert_never(seen)


def _read(
    state: ManagementState, reading: Reading, episode: str | None, at: datetime
) -> ManagementStep:
    urgent = _escalated(state, reading, episode, at)
    state = urgent.state
    before = state.enrolment
    if before is None or reading.time.date() < before.since:
        return urgent
    known = with_reading(before, reading)
    if known is before:
        return urgent
    controlled = _controlled(state, known, reading, at)
    return Step(controlled.state, (*urgent.outputs, *controlled.outputs))


def _escalated(
    state: ManagementState, reading: Reading, episode: str | None, at: datetime
) -> ManagementStep:
    """Refer a red flag to treatment at once, whether or not the member is enrolled."""
    day = reading.time.date()
    if not is_red_flag(reading) or not is_fresh(reading.time, at):
        return Step(state)
    if _within(state.escalated_on, day, ESCALATED_AGAIN_AFTER_DAYS):
        return Step(state)
    reason = f"{reading.systolic}/{reading.diastolic} mmHg on {day}: 180/110 or more"
    referral = ReferredToTreatment(reason=reason, urgency="urgent")
    return Step(
        state.model_copy(update={"escalated_on": day}),
        (Draft(referral, reading.time), _milestone(state, "escalated", reading.time, episode)),
    )


def _controlled(
    state: ManagementState, before: Enrolment, reading: Reading, at: datetime
) -> ManagementStep:
    """Say when the target is met, lost, or has been met for long enough to graduate."""
    time, day = reading.time, reading.time.date()
    after = before.model_copy(update={"control": control_of(before)})
    outputs: list[Draft] = []
    if after.control == "met" and before.control != "met":
        after = after.model_copy(update={"met_since": day})
        outputs.append(_milestone(state, "target_met", time))
    if after.control == "lost":
        if before.control == "met":
            outputs.append(_milestone(state, "target_lost", time))
        after = after.model_copy(update={"met_since": None, "graduated": False})
        if is_fresh(time, at) and not _within(after.referred_on, day, REFERRED_AGAIN_AFTER_DAYS):
            after = after.model_copy(update={"referred_on": day})
            reason = f"two readings in a row above target, the last {reading.systolic}/{reading.diastolic} mmHg"
            outputs.append(Draft(ReferredToTreatment(reason=reason, urgency="routine"), time))
    if not after.graduated and has_graduated(after, time):
        after = after.model_copy(update={"graduated": True})
        outputs.append(_milestone(state, "graduated", time))
    after, plan_set = replanned(after, before, state.age(day), time, at)
    if after.readings[-1] == reading:
        after = after_contact(after, reading, at)
    return Step(with_enrolment(state, after), (*outputs, *plan_set))


def _within(last: date | None, day: date, days: int) -> bool:
    return last is not None and day < days_after(last, days)


def _stroke_noted(
    state: ManagementState, data: ReferredToRehabilitation | ReferralWithdrawn
) -> ManagementState:
    visits = tuple(visit for visit in state.stroke_visits if visit != data.visit_id)
    if isinstance(data, ReferredToRehabilitation) and "stroke" in diagnoses(data.codes):
        visits = (*visits, data.visit_id)[-STROKE_VISITS_MAX:]
    if visits == state.stroke_visits:
        return state
    return state.model_copy(update={"stroke_visits": visits})


def _rehabilitated(state: ManagementState, time: datetime, at: datetime) -> ManagementStep:
    """After a stroke the member is of very high risk (2018 Chinese guideline, section 4.2)."""
    if not state.stroke_visits:
        return Step(state)
    state = state.model_copy(update={"stroke_visits": ()})
    if state.enrolment is None:
        return Step(state)
    return _restratify(state, state.enrolment, "very_high", time, at)


def _milestone(
    state: ManagementState, name: MilestoneName, time: datetime, episode: str | None = None
) -> Draft:
    insurers = insurers_in_force(state.covers, time.date())
    return Draft(ManagementMilestone(milestone=name, insurers=insurers, episode=episode), time)
