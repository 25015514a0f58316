"""When a managed member is to be seen next, and what a missed follow-up leads to."""

from datetime import datetime

from services.management.control import is_at_target
from services.management.programme import Programme
from services.management.state import Enrolment
from services.member.calendar import days_after, start_of
from services.member.reading import Reading


def armed(programme: Programme, enrolment: Enrolment, days: int) -> Enrolment:
    """Return the enrolment with a follow-up in so many days; from the clock's day if that is past.

    Being in touch ends a row of missed follow-ups.
    """
    due = days_after(programme.day, days)
    if due <= programme.today:
        due = days_after(programme.today, days)
    return enrolment._replace(due=due, missed=0)


def after_contact(programme: Programme, enrolment: Enrolment, reading: Reading) -> Enrolment:
    """Return the enrolment with the follow-up that the latest reading asks for."""
    days = enrolment.plan.follow_up_days
    if not is_at_target(reading, enrolment.plan):
        days = min(days, programme.guideline.above_target_days)
    return armed(programme, enrolment, days)


def after_missing(programme: Programme, enrolment: Enrolment) -> Enrolment:
    """Return the enrolment after a missed follow-up: the next one, or none when contact is lost."""
    missed = enrolment.missed + 1
    due = None
    if missed < programme.guideline.missed_max:
        due = days_after(programme.today, enrolment.plan.follow_up_days)
    return enrolment._replace(due=due, missed=missed)


def is_worth_a_reminder(programme: Programme, enrolment: Enrolment, at: datetime) -> bool:
    """Whether the follow-up that was missed is recent."""
    days = programme.guideline.reminder_days_max
    return enrolment.due is not None and at < start_of(days_after(enrolment.due, days))
