"""What a Barthel score says about a plan: baseline, gain, goal, plateau or setback.

Each function returns the plan as it goes on, or None where it ends, and what to say.
"""

from datetime import datetime
from typing import Final

from services.contract.care import ReferredBackToTreatment, RehabilitationPlanned
from services.contract.cover_terms import KnownCovers
from services.contract.step import Draft
from services.rehabilitation.rules.barthel import MCID, SESSIONS_PER_WEEK, dependence, goal_for
from services.rehabilitation.rules.deadlines import (
    ASSESSMENT_WITHIN,
    BASELINE_BEFORE_DISCHARGE,
    CONTACT_WITHIN,
    FOLLOW_UP_AFTER,
    REASSESSMENT_APART,
    TOLD_LATE,
    due_after,
)
from services.rehabilitation.rules.milestones import finished, milestone
from services.rehabilitation.state import Plan, Score

PLATEAU_AFTER: Final = 2
"""Reassessments in a row without a noticeable gain."""

Progress = tuple[Plan | None, tuple[Draft, ...]]


def assessed(plan: Plan, score: Score, covers: KnownCovers, at: datetime) -> Progress:
    """Judge `score`; one older than the latest changes nothing, whatever it says."""
    if _is_too_old(plan, score):
        return plan, ()
    if plan.latest is None:
        return _baseline(plan, score, covers, at)
    seen = _seen(plan, score, at)
    if plan.best - score.value >= MCID:
        return _setback(plan, seen, covers, at)
    if plan.reached is not None:
        return _follow_up(plan.reached, seen, covers)
    if plan.goal is not None and score.value >= plan.goal:
        return _goal_reached(seen, covers, at)
    return _gain_or_plateau(plan, seen, covers)


def _is_too_old(plan: Plan, score: Score) -> bool:
    if plan.latest is None:
        return score.taken.date() < plan.since - BASELINE_BEFORE_DISCHARGE
    return score.taken <= plan.latest.taken


def _seen(plan: Plan, score: Score, at: datetime) -> Plan:
    contact = max(plan.contact, score.taken)
    return plan.model_copy(
        update={
            "latest": score,
            "best": max(plan.best, score.value),
            "contact": contact,
            "missed": 0,
            "assess_by": plan.assess_by
            if plan.reached
            else due_after(score.taken, ASSESSMENT_WITHIN, at),
            "lost_by": due_after(contact, CONTACT_WITHIN, at),
        }
    )


def _baseline(plan: Plan, score: Score, covers: KnownCovers, at: datetime) -> Progress:
    goal = goal_for(score.value)
    begun = _seen(plan, score, at).model_copy(
        update={
            "baseline": score.value,
            "goal": goal,
            "reference": score.value,
            "counted": score.taken,
        }
    )
    planned = RehabilitationPlanned(
        instrument="barthel",
        baseline=score.value,
        goal=goal,
        sessions_per_week=SESSIONS_PER_WEEK[dependence(score.value)],
    )
    drafts = (Draft(planned, score.taken), milestone("baseline", begun, covers, score.taken))
    if score.value < goal:
        return begun, drafts
    after, reached = _goal_reached(begun, covers, at)
    return after, drafts + reached


def _goal_reached(seen: Plan, covers: KnownCovers, at: datetime) -> Progress:
    when = _taken(seen)
    update = {"reached": when, "assess_by": due_after(when, FOLLOW_UP_AFTER, at)}
    return seen.model_copy(update=update), (milestone("goal_reached", seen, covers, when),)


def _follow_up(reached: datetime, seen: Plan, covers: KnownCovers) -> Progress:
    when = _taken(seen)
    if when - reached < REASSESSMENT_APART:
        return seen, ()
    return None, completed(seen, covers, when)


def completed(plan: Plan, covers: KnownCovers, when: datetime) -> tuple[Draft, ...]:
    """Say that the goal held through the follow-up, which ends the plan."""
    return milestone("completed", plan, covers, when), finished(plan, "goal_reached", when)


def _gain_or_plateau(plan: Plan, seen: Plan, covers: KnownCovers) -> Progress:
    when, counted = _taken(seen), plan.counted
    if seen.best - plan.reference >= MCID:
        update = {"reference": seen.best, "counted": when, "flat": 0}
        return seen.model_copy(update=update), ()
    if counted is not None and when - counted < REASSESSMENT_APART:
        return seen, ()
    if plan.flat + 1 < PLATEAU_AFTER:
        return seen.model_copy(update={"counted": when, "flat": plan.flat + 1}), ()
    return None, (milestone("plateau", seen, covers, when), finished(seen, "plateau", when))


def _setback(plan: Plan, seen: Plan, covers: KnownCovers, at: datetime) -> Progress:
    when, value = _taken(seen), seen.latest.value if seen.latest else 0
    restarted = seen.model_copy(
        update={
            "best": value,
            "reference": value,
            "counted": when,
            "flat": 0,
            "reached": None,
            "assess_by": due_after(when, ASSESSMENT_WITHIN, at),
        }
    )
    told = milestone("relapsed", seen, covers, when)
    if at - when > TOLD_LATE:
        return restarted, (told,)
    back = ReferredBackToTreatment(
        reason=f"the Barthel index fell by {plan.best - value}, {MCID} or more is a setback",
        score_before=plan.best,
        score_after=value,
    )
    return restarted, (told, Draft(back, when))


def _taken(plan: Plan) -> datetime:
    return plan.latest.taken if plan.latest else plan.contact
