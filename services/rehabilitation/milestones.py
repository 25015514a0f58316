"""What insurers may see of a course, and how a course ends."""

from datetime import datetime
from typing import Literal

from services.contract.care import Outcome, RehabilitationFinished
from services.contract.milestones import RehabilitationMilestone
from services.contract.step import Draft
from services.member.calendar import local_day
from services.member.covers import insurers_in_force
from services.rehabilitation.programme import Programme
from services.rehabilitation.state import Course

MilestoneName = Literal[
    "started", "baseline", "goal_reached", "plateau", "relapsed", "completed", "overdue"
]  # fmt: skip


def milestone(now: Programme, name: MilestoneName, course: Course, when: datetime) -> Draft:
    """Return a milestone for the insurers with a cover in force on the day of `when`.

    With no such insurer it is said all the same, to nobody: the funnel counts every member.
    """
    told = RehabilitationMilestone(
        milestone=name,
        pathway=course.pathway,
        insurers=insurers_in_force(now.covers, local_day(when)),
        episode=course.episode,
    )
    return Draft(told, when)


def finished(now: Programme, course: Course, ending: Outcome, when: datetime) -> Draft:
    """Return the end of a course, with what it began and ended with on the instrument."""
    standing = course.standing
    end = RehabilitationFinished(
        pathway=course.pathway,
        outcome=ending,
        instrument=now.instrument.told,
        baseline=None if standing is None else standing.baseline,
        final=None if standing is None else standing.latest.value,
        sessions=course.sessions,
    )
    return Draft(end, when)
