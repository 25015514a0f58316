"""What readings say about a managed member: at target or not, and when treatment is needed.

Sources: National Basic Public Health Service Specification, 3rd edition (2017): refer at once from
180 mmHg systolic or 110 mmHg diastolic, and after two follow-ups in a row above target; 2018
Chinese guideline, section 5.7. A reading is judged by the last one of its day.
"""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from services.contract.blood_pressure import Reading
from services.contract.days import days_after
from services.management.state import READING_DAYS_MAX, Control, Enrolment, Plan

RED_FLAG_MMHG: Final = (180, 110)

RED_FLAG_FRESH: Final = timedelta(days=7)
"""An urgent referral for a reading that reached us later than this would come too late."""

ESCALATED_AGAIN_AFTER_DAYS: Final = 14
"""The specification asks about the result of a referral within two weeks; until then, one is
enough."""

REFERRED_AGAIN_AFTER_DAYS: Final = 91
"""Routine referrals of a member who stays above target: once a quarter. Our choice."""

GRADUATION_DAYS: Final = 365


def is_red_flag(reading: Reading) -> bool:
    """Whether a reading needs treatment at once."""
    return reading.systolic >= RED_FLAG_MMHG[0] or reading.diastolic >= RED_FLAG_MMHG[1]


def is_below_target(reading: Reading, plan: Plan) -> bool:
    """Whether both pressures are below the plan's."""
    return reading.systolic < plan.target_systolic and reading.diastolic < plan.target_diastolic


def is_fresh(time: datetime, at: datetime) -> bool:
    """Whether something that happened at `time` still calls for action at `at`."""
    return at - time <= RED_FLAG_FRESH


def with_reading(enrolment: Enrolment, reading: Reading) -> Enrolment:
    """Return the enrolment that knows a reading; the same one if it adds nothing.

    Of each day the last reading counts, and the latest days are kept, so that the order of arrival
    does not matter.
    """
    by_day = {known.time.date(): known for known in enrolment.readings}
    known = by_day.get(reading.time.date())
    if known is not None and known.order >= reading.order:
        return enrolment
    by_day[reading.time.date()] = reading
    latest = tuple(by_day[day] for day in sorted(by_day)[-READING_DAYS_MAX:])
    if latest == enrolment.readings:
        return enrolment
    return enrolment.model_copy(update={"readings": latest})


def control_of(enrolment: Enrolment) -> Control:
    """Return what the latest two neighbouring days that agree say: at target, or above it.

    Days that keep contradicting one another leave the matter as it was.
    """
    judged = [is_below_target(reading, enrolment.plan) for reading in enrolment.readings]
    for earlier, later in reversed(list(pairwise(judged))):
        if earlier == later:
            return "met" if later else "lost"
    return enrolment.control


def has_graduated(enrolment: Enrolment, time: datetime) -> bool:
    """Whether a member of low risk has now been at target for a year."""
    return (
        enrolment.control == "met"
        and enrolment.stratum == "low"
        and enrolment.met_since is not None
        and time.date() >= days_after(enrolment.met_since, GRADUATION_DAYS)
    )
