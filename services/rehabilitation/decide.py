"""The rules of rehabilitation: pure and total."""

from datetime import UTC, datetime, time
from typing import assert_never

from services.contract.care import ReferralWithdrawn, ReferredToRehabilitation
from services.contract.clinical import ObservationRecorded, SessionAttended, SessionMissed
from services.contract.cover_terms import with_cover, with_end
from services.contract.event import Event
from services.contract.member import CoverActivated, CoverEnded
from services.contract.step import Draft, Step
from services.rehabilitation.rules.barthel import is_barthel, total
from services.rehabilitation.rules.deadlines import (
    ASSESSMENT_WITHIN,
    BASELINE_WITHIN,
    CONTACT_WITHIN,
    MISSED_IN_A_ROW,
    TOLD_LATE,
    due_after,
)
from services.rehabilitation.rules.milestones import finished, milestone
from services.rehabilitation.rules.progress import assessed, completed
from services.rehabilitation.rules.sessions import session_request, with_paid
from services.rehabilitation.state import Plan, RehabilitationState, Score

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

VISITS_MAX = 8
"""Visits remembered behind one plan: a stroke passes through a few departments."""


def decide(state: RehabilitationState, event: Event[Consumed], at: datetime) -> RehabilitationStep:
    """Return what follows from `event` at the log's time `at`.

    Raises:
        RuleRefusedError: an impossible score, a session paid before, or an unknown cover.
    """
    data = event.data
    match data:
        case CoverActivated() | CoverEnded():
            step = _covers_changed(state, data)
        case ReferredToRehabilitation():
            step = _referred(state, data, event.time, at)
        case ReferralWithdrawn():
            step = _withdrawn(state, data)
        case ObservationRecorded():
            step = _observed(state, data, event.time, at)
        case SessionAttended():
            step = _attended(state, data, event, at)
        case SessionMissed():
            step = _missed(state, event.time, at)
        case _:
            assert_never(data)
    return step


def wake(state: RehabilitationState, at: datetime) -> RehabilitationStep:
    """Act on the deadlines that lie at or before `at`; each speaks as of its own instant."""
    plan = state.plan
    if plan is None or plan.next_deadline > at:
        return Step(state)
    if plan.reached is not None:
        return _over(state, completed(plan, state.covers, plan.assess_by))
    drafts: tuple[Draft, ...] = ()
    if plan.assess_by <= min(plan.lost_by, at):
        drafts = (milestone("overdue", plan, state.covers, plan.assess_by),)
    if plan.lost_by <= at:
        return _over(state, (*drafts, finished(plan, "lost_to_follow_up", plan.lost_by)))
    span = BASELINE_WITHIN if plan.latest is None else ASSESSMENT_WITHIN
    later = plan.model_copy(update={"assess_by": due_after(plan.assess_by, span, at)})
    return _going_on(state, later, drafts)


def _going_on(
    state: RehabilitationState, plan: Plan, drafts: tuple[Draft, ...]
) -> RehabilitationStep:
    update = {"plan": plan, "wake_at": plan.next_deadline}
    return Step(state.model_copy(update=update), drafts)


def _over(state: RehabilitationState, drafts: tuple[Draft, ...]) -> RehabilitationStep:
    return Step(state.model_copy(update={"plan": None, "wake_at": None}), drafts)


def _covers_changed(
    state: RehabilitationState, data: CoverActivated | CoverEnded
) -> RehabilitationStep:
    if isinstance(data, CoverActivated):
        covers = with_cover(state.covers, data.cover)
    else:
        covers = with_end(state.covers, data)
    if covers is state.covers:
        return Step(state)
    return Step(state.model_copy(update={"covers": covers}))


def _referred(
    state: RehabilitationState, data: ReferredToRehabilitation, when: datetime, at: datetime
) -> RehabilitationStep:
    known = state.plan
    if known is not None:
        if data.visit_id in known.visits:
            return Step(state)
        if known.latest is None or data.discharged_on <= known.latest.taken.date():
            # Another discharge of the same illness, such as from the emergency ward before.
            visits = (*known.visits, data.visit_id)[-VISITS_MAX:]
            return _going_on(state, known.model_copy(update={"visits": visits}), ())
    discharged = datetime.combine(data.discharged_on, time(), UTC)
    plan = Plan(
        visits=(data.visit_id,),
        since=data.discharged_on,
        contact=max(discharged, when),
        assess_by=due_after(when, BASELINE_WITHIN, at),
        lost_by=due_after(when, CONTACT_WITHIN, at),
    )
    started = milestone("started", plan, state.covers, when)
    if state.score is None:
        return _going_on(state, plan, (started,))
    after, drafts = assessed(plan, state.score, state.covers, at)
    return _going_on(state, after or plan, (started, *drafts))


def _withdrawn(state: RehabilitationState, data: ReferralWithdrawn) -> RehabilitationStep:
    plan = state.plan
    if plan is None or data.visit_id not in plan.visits:
        return Step(state)
    visits = tuple(visit for visit in plan.visits if visit != data.visit_id)
    if not visits:
        return _over(state, ())
    return _going_on(state, plan.model_copy(update={"visits": visits}), ())


def _observed(
    state: RehabilitationState, data: ObservationRecorded, when: datetime, at: datetime
) -> RehabilitationStep:
    if not is_barthel(data):
        return Step(state)
    score = Score(value=total(data), taken=when)
    kept = state
    if state.score is None or when > state.score.taken:
        kept = state.model_copy(update={"score": score})
    if state.plan is None:
        return Step(kept)
    plan, drafts = assessed(state.plan, score, state.covers, at)
    if plan is state.plan:
        return Step(kept)
    return _over(kept, drafts) if plan is None else _going_on(kept, plan, drafts)


def _attended(
    state: RehabilitationState, data: SessionAttended, event: Event[Consumed], at: datetime
) -> RehabilitationStep:
    request = session_request(data, event.subject, event.time, state.covers)
    paid = state.model_copy(update={"paid": with_paid(state.paid, data.session_id)})
    plan = state.plan
    if plan is None or event.time.date() < plan.since:
        return Step(paid, (request,))
    update: dict[str, object] = {"sessions": plan.sessions + 1}
    if event.time >= plan.contact:
        lost_by = due_after(event.time, CONTACT_WITHIN, at)
        update |= {"missed": 0, "contact": event.time, "lost_by": lost_by}
    return _going_on(paid, plan.model_copy(update=update), (request,))


def _missed(state: RehabilitationState, when: datetime, at: datetime) -> RehabilitationStep:
    plan = state.plan
    if plan is None or when <= plan.contact:
        return Step(state)
    later = plan.model_copy(update={"missed": plan.missed + 1})
    if later.missed % MISSED_IN_A_ROW != 0 or at - when > TOLD_LATE:
        return _going_on(state, later, ())
    return _going_on(state, later, (milestone("overdue", plan, state.covers, when),))
