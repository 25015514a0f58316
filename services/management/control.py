"""What readings say about a managed member: at target or not, and when treatment is needed.

A reading is judged by the last one of its day.
"""

from collections.abc import Iterable
from itertools import pairwise

from services.management.programme import Programme
from services.management.state import READING_DAYS_MAX, Control, Enrolment, Plan
from services.member.calendar import days_after, local_day
from services.member.reading import Reading
from services.pathways.guideline import RedFlag


def red_flag(programme: Programme, reading: Reading) -> RedFlag | None:
    """Return the line by which a reading needs treatment at once."""
    for flag in programme.guideline.red_flags:
        if any(limit.holds(reading) for limit in flag.reading):
            return flag
    return None


def is_at_target(reading: Reading, plan: Plan) -> bool:
    """Whether all goals that speak of the reading's measures are met."""
    return all(aim.is_met(reading) for aim in plan.goals)


def with_reading(enrolment: Enrolment, reading: Reading) -> Enrolment:
    """Return the enrolment that knows a reading; the same one if it adds nothing.

    Of each day and panel the last reading counts, and the latest days are kept, so that the order
    of arrival does not matter.
    """
    others = [known for known in enrolment.readings if known.panel != reading.panel]
    alike = [known for known in enrolment.readings if known.panel == reading.panel]
    by_day = {local_day(known.time): known for known in alike}
    known = by_day.get(local_day(reading.time))
    if known is not None and known.order >= reading.order:
        return enrolment
    by_day[local_day(reading.time)] = reading
    latest = [by_day[day] for day in sorted(by_day)[-READING_DAYS_MAX:]]
    if latest == alike:
        return enrolment
    readings = sorted([*others, *latest], key=lambda one: (one.time, one.panel))
    return enrolment._replace(readings=tuple(readings))


def control_of(enrolment: Enrolment) -> Control:
    """Return what the latest readings say: at target, or above it.

    Of each panel the latest two neighbouring days that agree; one panel above target is above.
    Days that keep contradicting one another leave the matter as it was.
    """
    panels = dict.fromkeys(reading.panel for reading in enrolment.readings)
    found = {
        _agreed(
            is_at_target(one, enrolment.plan) for one in enrolment.readings if one.panel == panel
        )
        for panel in panels
    }
    if False in found:
        return "lost"
    return "met" if True in found else enrolment.control


def _agreed(judged: Iterable[bool]) -> bool | None:
    pairs = list(pairwise(judged))
    return next((later for earlier, later in reversed(pairs) if earlier == later), None)


def has_graduated(programme: Programme, enrolment: Enrolment) -> bool:
    """Whether a member has now been at target for long enough to be seen less often."""
    rule = programme.guideline.graduation
    return (
        rule is not None
        and enrolment.control == "met"
        and enrolment.stratum == rule.stratum
        and enrolment.met_since is not None
        and programme.day >= days_after(enrolment.met_since, rule.after_days)
    )
