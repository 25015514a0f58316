"""The process of rehabilitation: from an event to a state and what to say about it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, assert_never

from services.contract.care import ReferralWithdrawn, ReferredToRehabilitation
from services.contract.change import changed
from services.contract.clinical import ObservationRecorded, SessionAttended, SessionMissed
from services.contract.event import Event
from services.contract.member import CoverActivated, CoverEnded
from services.contract.step import Draft, RuleRefusedError, Step
from services.member.calendar import local_day, start_of
from services.member.covers import change_of, with_cover
from services.rehabilitation.course import assessed, completed, due_after
from services.rehabilitation.instrument import read_score
from services.rehabilitation.milestones import finished, milestone
from services.rehabilitation.programme import Programme, measured, programme
from services.rehabilitation.sessions import (
    asked_anew,
    session_paid,
    session_request,
    with_paid,
)
from services.rehabilitation.state import (
    Course,
    RehabilitationState,
    Score,
    with_course,
    with_courses,
    with_score,
    without_course,
)
from services.terminology.lookup import measure_of

Consumed = (
    CoverActivated
    | CoverEnded
    | ReferredToRehabilitation
    | ReferralWithdrawn
    | ObservationRecorded
    | SessionAttended
    | SessionMissed
)
RehabilitationStep = Step[RehabilitationState]

VISITS_MAX: Final = 8
"""Visits remembered behind one course: an illness passes through a few departments."""


def decide(state: RehabilitationState, event: Event[Consumed], at: datetime) -> RehabilitationStep:
    """Return what follows from `event` at the log's time `at`.

    Raises:
        RuleRefusedError: an impossible score, a session paid before, an unknown pathway, or too
            many ends of covers that are not known.
    """
    data = event.data
    match data:
        case CoverActivated() | CoverEnded():
            return _covered(state, data, event, at)
        case ReferredToRehabilitation():
            return _referred(state, data, event.time, at)
        case ReferralWithdrawn():
            return _withdrawn(state, data)
        case ObservationRecorded():
            return _observed(state, data, event.time, at)
        case SessionAttended():
            return _attended(state, data, event, at)
        case SessionMissed():
            return _missed(state, event.time, at)
        case _:
            assert_never(data)


def _covered(
    state: RehabilitationState,
    data: CoverActivated | CoverEnded,
    event: Event[Consumed],
    at: datetime,
) -> RehabilitationStep:
    covers, ends = with_cover(state.covers, state.ends, data, event.id, local_day(at))
    if covers is state.covers and ends is state.ends:
        return Step(state)
    both, reason = (state.covers, covers), change_of(state.covers, covers, data)
    sessions, drafts = asked_anew(state.sessions, both, event.subject, event.time, reason)
    return Step(changed(state, covers=covers, ends=ends, sessions=sessions), drafts)


def wake(state: RehabilitationState, at: datetime) -> RehabilitationStep:
    """Act on the deadlines that lie at or before `at`; each speaks as of its own instant."""
    if state.wake_at is None or at < state.wake_at:
        return Step(state)
    drafts: list[Draft] = []
    for course in state.courses:
        if course.next_deadline <= at:
            now = _programme(state, course.pathway, course.next_deadline, at)
            step = _woken(state, now, course)
            state = step.state
            drafts += step.outputs
    return Step(state, tuple(drafts))


def _woken(state: RehabilitationState, now: Programme, course: Course) -> RehabilitationStep:
    if course.reached is not None:
        return _over(state, course, completed(now, course, course.assess_by))
    drafts: tuple[Draft, ...] = ()
    if course.assess_by <= min(course.lost_by, now.at):
        drafts = (milestone(now, "overdue", course, course.assess_by),)
    if course.lost_by <= now.at:
        lost = finished(now, course, "lost_to_follow_up", course.lost_by)
        return _over(state, course, (*drafts, lost))
    waits = now.deadlines
    within = waits.baseline_within if course.standing is None else waits.assessment_within
    later = course._replace(assess_by=due_after(course.assess_by, within.span, now.at))
    return Step(with_course(state, later), drafts)


def _over(
    state: RehabilitationState, course: Course, drafts: tuple[Draft, ...]
) -> RehabilitationStep:
    return Step(without_course(state, course.pathway), drafts)


def _programme(state: RehabilitationState, pathway: str, when: datetime, at: datetime) -> Programme:
    now = programme(pathway, state.covers, when, at)
    if now is None:
        raise RuleRefusedError(
            f"pathway {pathway} has no rehabilitation; its guideline must have such a part"
        )
    return now


def _referred(
    state: RehabilitationState, data: ReferredToRehabilitation, when: datetime, at: datetime
) -> RehabilitationStep:
    now = _programme(state, data.pathway, when, at)
    known = state.course(data.pathway)
    if known is not None:
        if data.visit_id in known.visits:
            return Step(state)
        if _is_same_illness(known, data):
            visits = (*known.visits, data.visit_id)[-VISITS_MAX:]
            since = min(known.since, data.discharged_on)
            return Step(with_course(state, known._replace(visits=visits, since=since)))
    course = Course(
        pathway=data.pathway,
        visits=(data.visit_id,),
        since=data.discharged_on,
        contact=max(start_of(data.discharged_on), when),
        assess_by=due_after(when, now.deadlines.baseline_within.span, at),
        lost_by=due_after(when, now.deadlines.contact_within.span, at),
    )
    started = milestone(now, "started", course, when)
    score = state.score(data.pathway)
    if score is None:
        return Step(with_course(state, course), (started,))
    after, drafts = assessed(now, course, score)
    return Step(with_course(state, after or course), (started, *drafts))


def _is_same_illness(known: Course, data: ReferredToRehabilitation) -> bool:
    """Whether it is another discharge of one illness, such as from the emergency ward before."""
    standing = known.standing
    return standing is None or data.discharged_on <= local_day(standing.latest.taken)


def _withdrawn(state: RehabilitationState, data: ReferralWithdrawn) -> RehabilitationStep:
    course = state.course(data.pathway)
    if course is None or data.visit_id not in course.visits:
        return Step(state)
    visits = tuple([visit for visit in course.visits if visit != data.visit_id])
    if not visits:
        return _over(state, course, ())
    return Step(with_course(state, course._replace(visits=visits)))


def _observed(
    state: RehabilitationState, data: ObservationRecorded, when: datetime, at: datetime
) -> RehabilitationStep:
    measure = measure_of(data.codes)
    if measure is None:
        return Step(state)
    drafts: list[Draft] = []
    for now in measured(measure, state.covers, when, at):
        score = Score(now.pathway.id, read_score(data, now.instrument), when)
        step = _scored(with_score(state, score), now, score)
        state = step.state
        drafts += step.outputs
    return Step(state, tuple(drafts))


def _scored(state: RehabilitationState, now: Programme, score: Score) -> RehabilitationStep:
    course = state.course(score.pathway)
    if course is None:
        return Step(state)
    after, drafts = assessed(now, course, score)
    if after is None:
        return _over(state, course, drafts)
    return Step(state if after is course else with_course(state, after), drafts)


def _attended(
    state: RehabilitationState, data: SessionAttended, event: Event[Consumed], at: datetime
) -> RehabilitationStep:
    when = event.time
    paid = changed(
        state,
        paid=with_paid(state.paid, data.session_id),
        sessions=session_paid(state.sessions, data, when),
    )
    request = session_request(paid.sessions[-1], event.subject, state.covers, when)
    on = [course for course in state.courses if local_day(when) >= course.since]
    if not on:
        return Step(paid, (request,))
    after = [_after_session(paid, course, when, at) for course in on]
    return Step(_with_all(paid, after), (request,))


def _after_session(
    state: RehabilitationState, course: Course, when: datetime, at: datetime
) -> Course:
    counted = course._replace(sessions=course.sessions + 1)
    if when < course.contact:
        return counted
    within = _programme(state, course.pathway, when, at).deadlines.contact_within
    return counted._replace(missed=0, contact=when, lost_by=due_after(when, within.span, at))


def _missed(state: RehabilitationState, when: datetime, at: datetime) -> RehabilitationStep:
    drafts: list[Draft] = []
    after: list[Course] = []
    for course in state.courses:
        if when <= course.contact:
            continue
        later = course._replace(missed=course.missed + 1)
        after.append(later)
        now = _programme(state, course.pathway, when, at)
        if later.missed % now.deadlines.missed_in_a_row.times == 0 and not now.is_late(when):
            drafts.append(milestone(now, "overdue", course, when))
    return Step(_with_all(state, after) if after else state, tuple(drafts))


def _with_all(state: RehabilitationState, after: Iterable[Course]) -> RehabilitationState:
    """Return the state with these courses in the place of those before."""
    courses = {course.pathway: course for course in (*state.courses, *after)}
    return with_courses(state, courses.values())
