"""What a score says about a course: baseline, gain, goal, plateau or setback.

Each function returns the course as it goes on, or None where it ends, and what to say.
"""

from datetime import datetime, timedelta

from services.contract.care import ReferredBackToTreatment, RehabilitationPlanned
from services.contract.step import Draft
from services.member.calendar import days_after, local_day
from services.rehabilitation.instrument import dose_for, goal_for
from services.rehabilitation.milestones import finished, milestone
from services.rehabilitation.programme import Programme
from services.rehabilitation.state import Course, Score, Standing

Judged = tuple[Course | None, tuple[Draft, ...]]


def assessed(now: Programme, course: Course, score: Score) -> Judged:
    """Judge `score`; one older than the latest changes nothing, whatever it says."""
    before = course.standing
    if before is None:
        return _first_score(now, course, score)
    if score.taken <= before.latest.taken:
        return course, ()
    seen, standing = _seen(now, course, score), _with_latest(now, before, score)
    instrument = now.instrument
    if instrument.gain(before.best, score.value) <= -instrument.least_change:
        return _setback(now, seen, before, score)
    if before.reached is not None:
        return _follow_up(now, _standing(seen, standing), before.reached, score.taken)
    if instrument.gain(before.goal, score.value) >= 0:
        return _goal_reached(now, seen, standing)
    return _gain_or_plateau(now, seen, standing)


def completed(now: Programme, course: Course, when: datetime) -> tuple[Draft, ...]:
    """Say that the goal held through the follow-up, which ends the course."""
    return milestone(now, "completed", course, when), finished(now, course, "goal_reached", when)


def due_after(start: datetime, span: timedelta, at: datetime) -> datetime:
    """Return the first of `start + span`, `start + 2 * span`, ... that lies beyond `at`.

    History that is published late so sets off no deadline that had passed before it came.
    """
    elapsed = max((at - start) // span, 0)
    return start + span * (elapsed + 1)


def _seen(now: Programme, course: Course, score: Score) -> Course:
    """Return the course after contact was made; while the goal is held, it waits as before."""
    contact = max(course.contact, score.taken)
    lost_by = due_after(contact, now.deadlines.contact_within.span, now.at)
    seen = course._replace(contact=contact, missed=0, lost_by=lost_by)
    return seen if course.reached else _to_assess(now, seen, score.taken)


def _to_assess(now: Programme, course: Course, after: datetime) -> Course:
    span = now.deadlines.assessment_within.span
    return course._replace(assess_by=due_after(after, span, now.at))


def _with_latest(now: Programme, standing: Standing, score: Score) -> Standing:
    if now.instrument.gain(standing.best, score.value) > 0:
        return standing._replace(latest=score, best=score.value)
    return standing._replace(latest=score)


def _standing(course: Course, standing: Standing) -> Course:
    return course._replace(standing=standing)


def _first_score(now: Programme, course: Course, score: Score) -> Judged:
    fresh_days = now.deadlines.baseline_before_discharge.days
    if days_after(local_day(score.taken), fresh_days) < course.since:
        return course, ()
    value, goal = score.value, goal_for(now.guideline, score.value)
    standing = Standing(value, goal, score, value, value, score.taken)
    begun = _standing(_seen(now, course, score), standing)
    dose = dose_for(now.guideline, value)
    planned = RehabilitationPlanned(
        pathway=course.pathway,
        instrument=now.instrument.told,
        baseline=value,
        goal=goal,
        sessions_per_week=dose.sessions_per_week,
        rule=now.rule(f"dose.{dose.band}"),
    )
    drafts = (Draft(planned, score.taken), milestone(now, "baseline", begun, score.taken))
    if now.instrument.gain(goal, value) < 0:
        return begun, drafts
    after, reached = _goal_reached(now, begun, standing)
    return after, drafts + reached


def _goal_reached(now: Programme, seen: Course, standing: Standing) -> Judged:
    when = standing.latest.taken
    assess_by = due_after(when, now.deadlines.follow_up_after.span, now.at)
    after = _standing(seen._replace(assess_by=assess_by), standing._replace(reached=when))
    return after, (milestone(now, "goal_reached", after, when),)


def _follow_up(now: Programme, seen: Course, reached: datetime, when: datetime) -> Judged:
    if when - reached < now.deadlines.reassessment_apart.span:
        return seen, ()
    return None, completed(now, seen, when)


def _gain_or_plateau(now: Programme, seen: Course, standing: Standing) -> Judged:
    when, instrument = standing.latest.taken, now.instrument
    if instrument.gain(standing.reference, standing.best) >= instrument.least_change:
        gained = standing._replace(reference=standing.best, counted=when, flat=0)
        return _standing(seen, gained), ()
    if when - standing.counted < now.deadlines.reassessment_apart.span:
        return _standing(seen, standing), ()
    if standing.flat + 1 < now.guideline.plateau.reassessments:
        return _standing(seen, standing._replace(counted=when, flat=standing.flat + 1)), ()
    ended = _standing(seen, standing)
    told = milestone(now, "plateau", ended, when)
    return None, (told, finished(now, ended, "plateau", when))


def _setback(now: Programme, seen: Course, before: Standing, score: Score) -> Judged:
    value, when = score.value, score.taken
    fallen = before._replace(
        latest=score, best=value, reference=value, counted=when, flat=0, reached=None
    )
    restarted = _to_assess(now, _standing(seen, fallen), when)
    told = milestone(now, "relapsed", restarted, when)
    if now.is_late(when):
        return restarted, (told,)
    return restarted, (told, Draft(_back_to_treatment(now, before, value), when))


def _back_to_treatment(now: Programme, before: Standing, value: float) -> ReferredBackToTreatment:
    instrument = now.instrument
    moved = "fell" if instrument.better == "higher" else "rose"
    loss = instrument.gain(value, before.best)
    return ReferredBackToTreatment(
        pathway=now.pathway.id,
        instrument=instrument.told,
        reason=(
            f"{instrument.name} {moved} by {loss:g}, {instrument.least_change:g} or more is a "
            "setback"
        ),
        score_before=before.best,
        score_after=value,
    )
