"""The process of screening: from an event to a state and what to say about it."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import assert_never

from services.contract.care import (
    PlanSet,
    ReferralWithdrawn,
    ReferredToRehabilitation,
    RehabilitationFinished,
)
from services.contract.change import changed
from services.contract.clinical import (
    ConditionRecorded,
    ConditionWithdrawn,
    ObservationRecorded,
)
from services.contract.event import Event
from services.contract.member import CoverActivated, CoverEnded, MemberRegistered
from services.contract.step import Draft, Step
from services.member.calendar import local_day, start_of_day_after
from services.member.reading import Reading
from services.member.record import (
    MemberRecord,
    noted,
    relearnt,
    with_condition,
    with_cover,
    with_member,
    without_condition,
)
from services.pathways.strata import screening_view
from services.screening.case import Case, Screened, Told, screened_on
from services.screening.confirm import (
    confirmation,
    referral,
    with_met_days,
    without_unfounded,
    without_withdrawn,
)
from services.screening.due import (
    after_reading,
    due_passed,
    first,
    settles,
    sooner,
    told_to_new_insurers,
    wake_at,
)
from services.screening.loop import gone_round, rehabilitated, with_stage
from services.screening.state import PathwayRow, ScreeningState
from services.screening.strata import judged

Consumed = (
    MemberRegistered
    | CoverActivated
    | CoverEnded
    | ConditionRecorded
    | ConditionWithdrawn
    | ObservationRecorded
    | PlanSet
    | ReferredToRehabilitation
    | ReferralWithdrawn
    | RehabilitationFinished
)
ScreeningStep = Step[ScreeningState]


def decide(state: ScreeningState, event: Event[Consumed], at: datetime) -> ScreeningStep:
    """Return what an event changes, judged as of its own time; deadlines count from `at`.

    Raises:
        RuleRefusedError: the event cannot be true, such as a diastolic pressure above the systolic.
    """
    time = event.time
    match event.data:
        case MemberRegistered() as data:
            return _registered(state, data, time, at)
        case CoverActivated() | CoverEnded() as data:
            known = with_cover(state.record, data, event.id, local_day(at))
            return _covered(state, known, max(time, at))
        case ConditionRecorded() as data:
            known = with_condition(state.record, data, local_day(time))
            names = relearnt(state.record, known)
            return _each(state, known, _weighing(names, time), _learnt, time, at)
        case ConditionWithdrawn() as data:
            known = without_condition(state.record, data)
            names = relearnt(state.record, known)
            return _each(state, known, _weighing(names, time), _unlearnt, time, at)
        case ObservationRecorded() as data:
            return _observed(state, data, time, at)
        case PlanSet() | ReferredToRehabilitation() | ReferralWithdrawn() as data:
            moved = [gone_round(state.row(one.pathway.id), data) for one in _in_loop(data, time)]
            return Step(_with_rows(state, state.record, moved, at))
        case RehabilitationFinished() as data:
            back = partial(rehabilitated, outcome=data.outcome)
            return _each(state, state.record, _in_loop(data, time), back, time, at)
        case _:
            assert_never(event.data)


def wake(state: ScreeningState, at: datetime) -> ScreeningStep:
    """Return what the passing of deadlines changes: the age of invitation, or an unheard one."""
    if state.wake_at is None or at < state.wake_at:
        return Step(state)
    at = at.astimezone(UTC)
    return _each(state, state.record, _screened(at), _woken, at, at)


def _registered(
    state: ScreeningState, data: MemberRegistered, time: datetime, at: datetime
) -> ScreeningStep:
    known = with_member(state.record, data)
    if known is state.record:
        return Step(state)
    now = max(time, at)

    def meet(case: Case) -> Told:
        if not case.counts(local_day(now)):
            # No adult after all: what was said of one, and from then on, does not stand.
            row = case.row._replace(due=None, invited=False, told=(), said=None, referred_on=None)
            return Told(row)
        is_invited = case.row.due is not None or case.row.invited
        if is_invited or not known.is_from(case.screening.invites_from_years, local_day(now)):
            return _learnt(case, case.seen.latest)
        return _and_then(case, first(case, now), partial(_learnt, reading=case.seen.latest))

    return _each(state, known, _screened(time), meet, time, at)


def _covered(state: ScreeningState, known: MemberRecord, now: datetime) -> ScreeningStep:
    if known is state.record:
        return Step(state)

    def tell(case: Case) -> Told:
        return told_to_new_insurers(case, now)

    return _each(state, known, _screened(now), tell, now, now)


def _observed(
    state: ScreeningState, data: ObservationRecorded, time: datetime, at: datetime
) -> ScreeningStep:
    seen = noted(state.record, data, time)
    by_panel = {reading.panel: reading for reading in seen.readings}

    def hear(case: Case) -> Told:
        told = Told(case.row)
        for panel in case.screening.watches:
            if panel in by_panel:
                before = screening_view(state.record, case.screening, case.day).latest
                read = partial(_read, reading=by_panel[panel], before=before, episode=data.visit_id)
                told = _and_then(case, told, read)
        weighed = not seen.learnt.isdisjoint(case.screening.weighs)
        return _and_then(case, told, _learnt) if weighed else told

    touched = frozenset(by_panel) | seen.learnt
    return _each(state, seen.record, _weighing(touched, time), hear, time, at)


def _read(case: Case, reading: Reading, before: Reading | None, episode: str | None) -> Told:
    """Judge a reading. before: the latest one known until now."""
    case = case.after(Told(with_met_days(case, reading)))
    if not case.counts(case.day):
        return Told(case.row)  # by what is known now; its day is kept for what may become known
    newest = before is None or reading.order > before.order
    confirmed = confirmation(case, reading)
    if confirmed is not None:
        case = case.after(Told(case.row._replace(referred_on=case.day)))
    outputs: list[Draft] = []
    settling = before is None or settles(case, case.day)
    if newest:
        if settling:
            outputs.append(case.milestone("screened", case.time, episode))
        case = case.after(Told(with_stage(case.row, "screening")))
    told = judged(case, episode)
    outputs += told.outputs
    if confirmed is not None:
        told = referral(case.after(told), *confirmed)
        outputs += told.outputs
    if newest:
        told = after_reading(case.after(told), case.time, settling=settling)
        outputs += told.outputs
    return Told(told.row, tuple(outputs))


def _learnt(case: Case, reading: Reading | None = None) -> Told:
    """Judge the latest reading anew in the light of a diagnosis, a risk factor or an age.

    reading: one that may not have counted until now.
    """
    case = case.after(Told(without_withdrawn(case)))
    confirmed = confirmation(case, reading)
    if confirmed is not None:
        case = case.after(Told(case.row._replace(referred_on=case.day)))
    told = judged(case)
    if confirmed is not None:
        told = _and_then(case, told, lambda now: referral(now, *confirmed))
    return _and_then(case, told, sooner)


def _unlearnt(case: Case) -> Told:
    """Judge the latest reading as if a diagnosis had never been, and take back what it confirmed."""
    return _and_then(case, Told(without_unfounded(case)), _learnt)


def _woken(case: Case) -> Told:
    if case.row.due is not None:
        is_over = start_of_day_after(case.row.due) <= case.at
        return due_passed(case, case.row.due) if is_over else Told(case.row)
    of_age = case.record.is_from(case.screening.invites_from_years, case.today)
    if case.row.invited or not of_age:
        return Told(case.row)
    return _and_then(case, first(case, case.at), _learnt)


def _and_then(case: Case, told: Told, act: Callable[[Case], Told]) -> Told:
    """Act on the row as it is now, and say what both say."""
    then = act(case.after(told))
    return Told(then.row, (*told.outputs, *then.outputs))


def _each(
    state: ScreeningState,
    record: MemberRecord,
    chosen: Iterable[Screened],
    act: Callable[[Case], Told],
    time: datetime,
    at: datetime,
) -> ScreeningStep:
    """Let each of some pathways act, in the order of their names."""
    day, today = local_day(time), local_day(at)
    rows: list[PathwayRow] = []
    outputs: list[Draft] = []
    for one in chosen:
        row = state.row(one.pathway.id)
        seen = screening_view(record, one.screening, day)
        told = act(Case(*one, record, row, time, at, day, today, seen))
        if told.row is not row:
            rows.append(told.row)
        outputs += told.outputs
    return Step(_with_rows(state, record, rows, at), tuple(outputs))


def _with_rows(
    state: ScreeningState, record: MemberRecord, rows: Iterable[PathwayRow], at: datetime
) -> ScreeningState:
    """Return the state with some rows in place of theirs; the same state if nothing changes."""
    moved = {row.pathway: row for row in rows if row != state.row(row.pathway)}
    if not moved and record is state.record:
        return state
    known = state.rows
    if moved:
        by_name = {row.pathway: row for row in known} | moved
        known = tuple([by_name[name] for name in sorted(by_name)])
    after = changed(state, record=record, rows=known)
    if all(_is_due_as_before(row, state) for row in moved.values()) and (
        record.birth_date == state.record.birth_date
    ):
        return after
    moments = [
        moment
        for one in screened_on(local_day(at))
        if (moment := wake_at(after.row(one.pathway.id), record, one.screening)) is not None
    ]
    soonest = min(moments, default=None)
    return after if soonest == state.wake_at else changed(after, wake_at=soonest)


def _is_due_as_before(row: PathwayRow, state: ScreeningState) -> bool:
    before = state.row(row.pathway)
    return (row.due, row.invited) == (before.due, before.invited)


def _screened(time: datetime) -> tuple[Screened, ...]:
    """Return the pathways with a screening part on the day of `time`."""
    return screened_on(local_day(time))


def _weighing(names: frozenset[str], time: datetime) -> list[Screened]:
    """Return the pathways that look at one of these diagnoses, panels or questions."""
    if not names:
        return []
    return [one for one in _screened(time) if not names.isdisjoint(one.screening.concerns)]


def _in_loop(
    data: PlanSet | ReferredToRehabilitation | ReferralWithdrawn | RehabilitationFinished,
    time: datetime,
) -> list[Screened]:
    """Return the pathways whose loop a stage's word belongs to."""
    found = []
    for one in _screened(time):
        after = one.screening.after_rehabilitation
        others = after.pathways if after is not None else ()
        if data.pathway in others or (isinstance(data, PlanSet) and data.pathway == one.pathway.id):
            found.append(one)
    return found
