"""When a member's blood pressure is to be read next.

Sources: National Basic Public Health Service Specification, 3rd edition (2017), management of
hypertension: yearly from 35 years, every half year at raised risk, four follow-ups and one fuller
examination a year for patients; USPSTF 2021, screening for hypertension in adults: 18 to 39 years
at no raised risk every 3 to 5 years; ISH 2020, section 2: after a raised reading, 1 to 4 weeks.
"""

from datetime import date, datetime
from typing import Final, Literal

from services.contract.care import ScreeningScheduled
from services.contract.covers import insurers_in_force
from services.contract.days import days_after, start_of, start_of_day_after
from services.contract.member import age_on
from services.contract.milestones import ScreeningMilestone
from services.contract.step import Draft, Step
from services.screening.rules.risk import HYPERTENSION, column_of
from services.screening.state import ADULT_YEARS, ScreeningState

Reason = Literal["first", "routine", "raised", "rehabilitation_finished"]
MilestoneName = Literal["invited", "screened", "risk_stratified", "referred", "overdue"]
ScreeningStep = Step[ScreeningState]

RECHECK_DAYS: Final = 28
HALF_YEAR_DAYS: Final = 182
YEAR_DAYS: Final = 365
YOUNG_ADULT_DAYS: Final = 3 * YEAR_DAYS
AFTER_REHABILITATION_DAYS: Final = 91
"""A quarter: the least that the specification asks for patients."""

YEARLY_FROM_YEARS: Final = 35
RAISED_RISK_FROM_YEARS: Final = 55

INVITATION_DAYS: Final = 30
"""Time to follow a first invitation, or one in place of a deadline long past. Our choice."""

REMINDER_DAYS_MAX: Final = 60
"""A deadline that passed longer ago, as when the clock starts after old history, is not reminded
of: it is only moved on. Our choice."""


def is_child(state: ScreeningState, day: date) -> bool:
    """Whether the member is known to be under 18 on `day`. Adults' thresholds do not apply."""
    return state.birth_date is not None and age_on(state.birth_date, day) < ADULT_YEARS


def interval(state: ScreeningState, day: date) -> tuple[int, Reason]:
    """Return the days until the next reading after one on `day`, and why."""
    if state.referred_on is not None:
        return YEAR_DAYS, "routine"
    if state.latest is not None and column_of(state.latest) >= HYPERTENSION:
        return RECHECK_DAYS, "raised"
    return routine_interval(state, day)


def routine_interval(state: ScreeningState, day: date) -> tuple[int, Reason]:
    """Return the interval that holds when no raised reading waits to be repeated."""
    if state.referred_on is not None:
        return YEAR_DAYS, "routine"
    age = None if state.birth_date is None else age_on(state.birth_date, day)
    if _at_raised_risk(state, age):
        return HALF_YEAR_DAYS, "raised"
    if age is not None and age < YEARLY_FROM_YEARS:
        return YOUNG_ADULT_DAYS, "routine"
    return YEAR_DAYS, "routine"


def _at_raised_risk(state: ScreeningState, age: int | None) -> bool:
    mass = state.factor("body mass index")
    return (
        (age is not None and age >= RAISED_RISK_FROM_YEARS)
        or (mass is not None and mass.level > 0)
        or state.has("obesity")
        or (state.latest is not None and column_of(state.latest) > 0)
    )


def settles(state: ScreeningState, day: date) -> bool:
    """Whether a reading on `day` is the one that was due: in the interval's second half.

    Earlier ones are known and move nothing, so that weekly readings do not mean weekly schedules.
    """
    if state.due is None:
        return True
    days, _ = interval(state, day)
    return day >= days_after(state.due, -(days // 2))


def after_reading(
    state: ScreeningState, time: datetime, at: datetime, *, settling: bool
) -> ScreeningStep:
    """Return the step that sets the next due day after a reading at `time`, if it moves.

    settling: the reading is the one that was due; any other can only bring the day forward.
    A day already past at `at` is not set: an earlier appointment that still lies ahead stays, or
    the member is invited anew.
    """
    day, today = time.date(), at.date()
    days, reason = interval(state, day)
    due = days_after(day, days)
    if due > today:
        is_sooner = state.due is not None and due < state.due
        return schedule(state, due, reason, time) if is_sooner or settling else Step(state)
    if state.due is not None:
        return Step(state)
    return schedule(state, days_after(today, INVITATION_DAYS), reason, at)


def sooner(state: ScreeningState, time: datetime, at: datetime) -> ScreeningStep:
    """Return the step that brings the due day forward when a risk learnt of at `time` asks for it."""
    if state.latest is None or state.due is None:
        return Step(state)
    days, reason = interval(state, state.latest.time.date())
    due = days_after(state.latest.time.date(), days)
    if at.date() < due < state.due:
        return schedule(state, due, reason, time)
    return Step(state)


def first(state: ScreeningState, time: datetime) -> ScreeningStep:
    """Return the step that invites an adult for the first time."""
    return schedule(state, days_after(time.date(), INVITATION_DAYS), "first", time)


def after_rehabilitation(
    state: ScreeningState, time: datetime, at: datetime, *, closes_loop: bool
) -> ScreeningStep:
    """Return the step that brings the member back to the start of the loop."""
    days, _ = interval(state, time.date())
    due = days_after(time.date(), min(days, AFTER_REHABILITATION_DAYS))
    if due <= at.date():
        due = days_after(at.date(), INVITATION_DAYS)
    return schedule(state, due, "rehabilitation_finished", time, closes_loop=closes_loop)


def due_passed(state: ScreeningState, due: date, at: datetime) -> ScreeningStep:
    """Return the step of a due day that went by without a reading: say so once, and move on."""
    days, _ = routine_interval(state, at.date())
    moved = schedule(state, days_after(at.date(), days), "routine", at)
    if at >= start_of(days_after(due, REMINDER_DAYS_MAX)):
        return moved
    return Step(moved.state, (milestone(state, "overdue", at), *moved.outputs))


def adult_from(birth_date: date) -> date:
    """Return the 18th birthday; of someone born on 29 February, 1 March."""
    year = min(birth_date.year + ADULT_YEARS, date.max.year - 1)
    leap_day = (birth_date.month, birth_date.day) == (2, 29)
    return date(year, 3, 1) if leap_day else birth_date.replace(year=year)


def schedule(
    state: ScreeningState,
    due: date,
    reason: Reason,
    time: datetime,
    *,
    closes_loop: bool = False,
) -> ScreeningStep:
    """Return the step that sets `due`, which lies ahead, and invites to it."""
    scheduled = ScreeningScheduled(
        screening="hypertension", due=due, reason=reason, closes_loop=closes_loop
    )
    return Step(
        state.model_copy(update={"due": due, "wake_at": start_of_day_after(due)}),
        (Draft(scheduled, time), milestone(state, "invited", time)),
    )


def milestone(
    state: ScreeningState, name: MilestoneName, time: datetime, episode: str | None = None
) -> Draft:
    """Return a milestone for the insurers whose cover is in force on its day."""
    insurers = insurers_in_force(state.covers, time.date())
    return Draft(ScreeningMilestone(milestone=name, insurers=insurers, episode=episode), time)
