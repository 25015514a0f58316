"""What insurers may see of a plan, and how a plan ends."""

from datetime import datetime
from typing import Literal

from services.contract.care import RehabilitationFinished
from services.contract.cover_terms import KnownCovers
from services.contract.covers import insurers_in_force
from services.contract.milestones import RehabilitationMilestone
from services.contract.step import Draft
from services.rehabilitation.state import Plan

Kind = Literal[
    "started", "baseline", "goal_reached", "plateau", "relapsed", "completed", "overdue"
]  # fmt: skip
Outcome = Literal["goal_reached", "plateau", "lost_to_follow_up"]


def milestone(kind: Kind, plan: Plan, covers: KnownCovers, when: datetime) -> Draft:
    """Return a milestone for the insurers with a cover in force on the day of `when` (UTC).

    With no such insurer it is said all the same, to nobody: the funnel counts every member.
    """
    insurers = insurers_in_force(covers, when.date())
    told = RehabilitationMilestone(milestone=kind, insurers=insurers, episode=plan.episode)
    return Draft(told, when)


def finished(plan: Plan, outcome: Outcome, when: datetime) -> Draft:
    """Return the end of `plan`, with what it began and ended with on the index."""
    end = RehabilitationFinished(
        outcome=outcome,
        instrument="barthel",
        baseline=plan.baseline,
        final=plan.latest.value if plan.latest else None,
        sessions=plan.sessions,
    )
    return Draft(end, when)
