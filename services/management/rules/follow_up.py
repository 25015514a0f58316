"""When a managed member is to be seen next, and what a missed follow-up leads to.

Source: National Basic Public Health Service Specification, 3rd edition (2017): at target, the next
planned follow-up; above it, within two weeks.
"""

from datetime import datetime
from typing import Final

from services.contract.blood_pressure import Reading
from services.contract.days import days_after, start_of, start_of_day_after
from services.management.rules.control import is_below_target
from services.management.state import Enrolment, ManagementState

ABOVE_TARGET_DAYS: Final = 14
"""Also after enrolment: the readings that led to it were above target."""

MISSED_MAX: Final = 3
"""Follow-ups missed in a row after which reminders stop until the next reading. Our choice."""

REMINDER_DAYS_MAX: Final = 60
"""A follow-up missed longer ago, as when the clock starts after old history, counts as missed and
is not reminded of. Our choice."""


def armed(enrolment: Enrolment, time: datetime, days: int, at: datetime) -> Enrolment:
    """Return the enrolment with a follow-up `days` after `time`; counted from `at` if that is past.

    Being in touch ends a row of missed follow-ups.
    """
    due = days_after(time.date(), days)
    if due <= at.date():
        due = days_after(at.date(), days)
    return enrolment.model_copy(update={"due": due, "missed": 0})


def after_contact(enrolment: Enrolment, reading: Reading, at: datetime) -> Enrolment:
    """Return the enrolment with the follow-up that the latest reading asks for."""
    days = enrolment.plan.follow_up_days
    if not is_below_target(reading, enrolment.plan):
        days = min(days, ABOVE_TARGET_DAYS)
    return armed(enrolment, reading.time, days, at)


def after_missing(enrolment: Enrolment, at: datetime) -> Enrolment:
    """Return the enrolment after a missed follow-up: the next one, or none when contact is lost."""
    missed = enrolment.missed + 1
    due = None
    if missed < MISSED_MAX:
        due = days_after(at.date(), enrolment.plan.follow_up_days)
    return enrolment.model_copy(update={"due": due, "missed": missed})


def is_worth_a_reminder(enrolment: Enrolment, at: datetime) -> bool:
    """Whether the follow-up that was missed is recent."""
    return enrolment.due is not None and at < start_of(days_after(enrolment.due, REMINDER_DAYS_MAX))


def with_enrolment(state: ManagementState, enrolment: Enrolment) -> ManagementState:
    """Return the state with an enrolment and the wake-up that its next follow-up needs."""
    wake_at = None if enrolment.due is None else start_of_day_after(enrolment.due)
    return state.model_copy(update={"enrolment": enrolment, "wake_at": wake_at})
