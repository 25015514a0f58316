"""The rules of screening: from an event to a state and what to say about it."""

from datetime import datetime
from typing import assert_never

from services.contract.blood_pressure import HalfReading, Reading, read_blood_pressure
from services.contract.care import (
    PlanSet,
    ReferralWithdrawn,
    ReferredToRehabilitation,
    RehabilitationFinished,
)
from services.contract.clinical import ConditionRecorded, ObservationRecorded
from services.contract.covers import cover_activated, cover_ended, insurers_in_force
from services.contract.days import start_of
from services.contract.event import Event
from services.contract.member import CoverActivated, CoverEnded, MemberRegistered
from services.contract.step import Draft, Step
from services.screening.rules.evidence import with_condition, with_factor
from services.screening.rules.referral import (
    judged,
    referral,
    referred,
    with_raised_day,
    with_visit,
)
from services.screening.rules.schedule import (
    ScreeningStep,
    adult_from,
    after_reading,
    after_rehabilitation,
    due_passed,
    first,
    is_child,
    milestone,
    settles,
    sooner,
)
from services.screening.state import REHABILITATION_VISITS_MAX, ScreeningState

Input = (
    MemberRegistered
    | CoverActivated
    | CoverEnded
    | ConditionRecorded
    | ObservationRecorded
    | PlanSet
    | ReferredToRehabilitation
    | ReferralWithdrawn
    | RehabilitationFinished
)


def decide(state: ScreeningState, event: Event[Input], at: datetime) -> ScreeningStep:
    """Return what an event changes, judged as of its own time; deadlines count from `at`.

    Raises:
        RuleRefusedError: the event cannot be true, such as a diastolic pressure above the systolic.
    """
    match event.data:
        case MemberRegistered() as data:
            return _registered(state, data, event.time, at)
        case CoverActivated() | CoverEnded() as data:
            return _covered(state, data, max(event.time, at))
        case ConditionRecorded() as data:
            known = with_condition(state, data, event.time.date())
            return Step(state) if known is state else _learnt(known, event.time, at)
        case ObservationRecorded() as data:
            return _observed(state, data, event.time, at)
        case PlanSet() | ReferredToRehabilitation() | ReferralWithdrawn() as data:
            return Step(_gone_round(state, data))
        case RehabilitationFinished():
            return _rehabilitated(state, event.time, at)
        case _:
            assert_never(event.data)


def wake(state: ScreeningState, at: datetime) -> ScreeningStep:
    """Return what the passing of a deadline changes: adulthood, or a due day without a reading."""
    if state.wake_at is None or at < state.wake_at:
        return Step(state)
    if state.due is not None:
        return due_passed(state, state.due, at)
    invited = first(state, at)
    told = _learnt(invited.state, at, at)
    return Step(told.state, (*invited.outputs, *told.outputs))


def _registered(
    state: ScreeningState, data: MemberRegistered, time: datetime, at: datetime
) -> ScreeningStep:
    if (data.birth_date, data.sex) == (state.birth_date, state.sex):
        return Step(state)
    known = state.model_copy(update={"birth_date": data.birth_date, "sex": data.sex})
    if data.birth_date is None:
        return Step(known)
    now = max(time, at)
    if is_child(known, now.date()):
        birthday = start_of(adult_from(data.birth_date))
        nothing = {"due": None, "latest": None, "half": None, "raised_on": (), "wake_at": birthday}
        return Step(known.model_copy(update=nothing))
    known = _without_childhood(known)
    invited = first(known, now) if known.due is None else Step(known)
    told = _learnt(invited.state, time, at)
    return Step(told.state, (*invited.outputs, *told.outputs))


def _without_childhood(state: ScreeningState) -> ScreeningState:
    # Readings that came before the birth date did were taken for an adult's.
    days = tuple(day for day in state.raised_on if not is_child(state, day))
    latest = state.latest
    if latest is not None and is_child(state, latest.time.date()):
        latest = None
    return state.model_copy(update={"raised_on": days, "latest": latest})


def _covered(
    state: ScreeningState, data: CoverActivated | CoverEnded, now: datetime
) -> ScreeningStep:
    match data:
        case CoverActivated():
            covers = cover_activated(state.covers, data.cover)
        case CoverEnded():
            covers = cover_ended(state.covers, data.cover_id, data.last_day)
        case _:
            assert_never(data)
    if covers is state.covers:
        return Step(state)
    known = state.model_copy(update={"covers": covers})
    # A member is registered before the cover is known: the invitation had no insurer to tell.
    was_told = insurers_in_force(state.covers, now.date())
    if state.due is None or was_told or not insurers_in_force(covers, now.date()):
        return Step(known)
    return Step(known, (milestone(known, "invited", now),))


def _observed(
    state: ScreeningState, data: ObservationRecorded, time: datetime, at: datetime
) -> ScreeningStep:
    seen = read_blood_pressure(data, time, state.half)
    match seen:
        case None:
            known = with_factor(state, data, time.date())
            return Step(state) if known is state else _learnt(known, time, at)
        case _ if is_child(state, time.date()):
            return Step(state)
        case HalfReading():
            return Step(state.model_copy(update={"half": seen}))
        case Reading():
            return _read(state, seen, data.visit_id, at)
        case _:
            assert_never(seen)


def _read(
    state: ScreeningState, reading: Reading, episode: str | None, at: datetime
) -> ScreeningStep:
    time = reading.time
    newest = state.latest is None or reading.order > state.latest.order
    known = with_raised_day(state, reading)
    if newest:
        known = known.model_copy(update={"latest": reading})
    if known.half is not None:
        known = known.model_copy(update={"half": None})
    known, reason = referred(known, time, reading)
    if known is state:
        return Step(state)
    outputs: list[Draft] = []
    settling = state.latest is None or settles(known, time.date())
    if newest:
        if settling:
            outputs.append(milestone(known, "screened", time, episode))
        known = with_visit(known, "screening")
    told = judged(known, time, episode)
    outputs += told.outputs
    if reason is not None:
        told = referral(told.state, reason, time)
        outputs += told.outputs
    if newest:
        told = after_reading(told.state, time, at, settling=settling)
        outputs += told.outputs
    return Step(told.state, tuple(outputs))


def _learnt(state: ScreeningState, time: datetime, at: datetime) -> ScreeningStep:
    """Judge the latest reading anew in the light of a diagnosis or a risk factor."""
    resolved_on = state.resolved_on("hypertension")
    if (
        resolved_on is not None
        and state.referred_on is not None
        and state.referred_on <= resolved_on
    ):
        state = state.model_copy(update={"referred_on": None})
    known, reason = referred(state, time)
    told = judged(known, time)
    outputs = list(told.outputs)
    if reason is not None:
        told = referral(told.state, reason, time)
        outputs += told.outputs
    moved = sooner(told.state, time, at)
    return Step(moved.state, (*outputs, *moved.outputs))


def _gone_round(
    state: ScreeningState, data: PlanSet | ReferredToRehabilitation | ReferralWithdrawn
) -> ScreeningState:
    """Note where in the loop the member is; treatment counts while its referral stands."""
    visits = state.rehabilitation_visits
    match data:
        case PlanSet():
            return with_visit(state, "management")
        case ReferredToRehabilitation():
            others = tuple(visit for visit in visits if visit != data.visit_id)
            visits = (*others, data.visit_id)[-REHABILITATION_VISITS_MAX:]
        case ReferralWithdrawn():
            visits = tuple(visit for visit in visits if visit != data.visit_id)
        case _:
            assert_never(data)
    if visits == state.rehabilitation_visits:
        return state
    return state.model_copy(update={"rehabilitation_visits": visits})


def _rehabilitated(state: ScreeningState, time: datetime, at: datetime) -> ScreeningStep:
    """Schedule the next screening; the loop closes if the member has been through all stages."""
    if is_child(state, max(time, at).date()):
        return Step(state)
    state = with_visit(state, "rehabilitation")
    through = {"screening", "management"} <= set(state.visited)
    closes_loop = through and bool(state.rehabilitation_visits)
    if closes_loop:
        state = state.model_copy(update={"visited": (), "rehabilitation_visits": ()})
    return after_rehabilitation(state, time, at, closes_loop=closes_loop)
