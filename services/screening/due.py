"""When a member is to be looked at next: due, invited, reminded, overdue."""

from datetime import date, datetime
from typing import Literal

from services.contract.care import ScreeningScheduled
from services.contract.step import Draft
from services.member.age import days_of
from services.member.calendar import (
    birthday,
    days_after,
    local_day,
    start_of,
    start_of_day_after,
)
from services.member.record import MemberRecord
from services.pathways.guideline import Cadence, Screening
from services.screening.case import Case, Told
from services.screening.state import PathwayRow

Reason = Literal["first", "routine", "raised", "rehabilitation_finished"]


def cadence(case: Case, day: date, *, rechecks: bool = True) -> Cadence | None:
    """Return the line that says how soon a reading on `day` is followed; None if none is needed.

    rechecks: also lines that ask to repeat a reading.
    """
    view = case.view(day)
    lines = (line for line in case.screening.cadence if rechecks or not line.recheck)
    return next((line for line in lines if line.when.holds(view)), None)


def settles(case: Case, day: date) -> bool:
    """Whether a reading on `day` is the one that was due: in the interval's second half.

    Earlier ones are known and move nothing, so that weekly readings do not mean weekly schedules.
    """
    if case.row.due is None:
        return True
    line = cadence(case, day)
    return line is None or day >= days_after(case.row.due, -(line.every_days // 2))


def after_reading(case: Case, time: datetime, *, settling: bool) -> Told:
    """Set the next due day after a reading at `time`, if it moves.

    settling: the reading is the one that was due; any other can only bring the day forward.
    A day already past on the log's clock is not set: an earlier appointment that still lies ahead
    stays, or the member is invited anew.
    """
    day = local_day(time)
    line = cadence(case, day)
    if line is None:
        return Told(case.row._replace(due=None) if settling else case.row)
    due = days_after(day, line.every_days)
    if due > case.today:
        is_sooner = case.row.due is not None and due < case.row.due
        return schedule(case, due, line.reason, time) if is_sooner or settling else Told(case.row)
    if case.row.due is not None:
        return Told(case.row)
    return schedule(case, _invitation(case, case.today), line.reason, case.at)


def sooner(case: Case) -> Told:
    """Bring the due day forward when a risk that was just learnt of asks for it."""
    latest = case.seen.latest
    if latest is None or case.row.due is None:
        return Told(case.row)
    day = local_day(latest.time)
    line = cadence(case, day)
    if line is None:
        return Told(case.row)
    due = days_after(day, line.every_days)
    if case.today < due < case.row.due:
        return schedule(case, due, line.reason, case.time)
    return Told(case.row)


def first(case: Case, time: datetime) -> Told:
    """Invite a member for the first time."""
    return schedule(case, _invitation(case, local_day(time)), "first", time)


def after_rehabilitation(case: Case, within_days: int, *, closes_loop: bool) -> Told:
    """Bring the member back to the start of the loop."""
    line = cadence(case, case.day)
    days = within_days if line is None else min(line.every_days, within_days)
    due: date = days_after(case.day, days)
    if due <= case.today:
        due = _invitation(case, case.today)
    return schedule(case, due, "rehabilitation_finished", case.time, closes_loop=closes_loop)


def due_passed(case: Case, due: date) -> Told:
    """Say once that a due day went by without a reading, and move on."""
    line = cadence(case, case.today, rechecks=False)
    days = case.screening.invitation_days if line is None else line.every_days
    moved = schedule(case, days_after(case.today, days), "routine", case.at)
    if case.at >= start_of(days_after(due, case.screening.reminder_days_max)):
        return moved
    return Told(moved.row, (case.milestone("overdue", case.at), *moved.outputs))


def schedule(
    case: Case, due: date, reason: Reason, time: datetime, *, closes_loop: bool = False
) -> Told:
    """Set `due`, which lies ahead, and invite to it."""
    scheduled = ScreeningScheduled(
        pathway=case.pathway.id, due=due, reason=reason, closes_loop=closes_loop
    )
    insurers = case.insurers(time)
    return Told(
        case.row._replace(due=due, invited=True, told=insurers),
        (Draft(scheduled, time), case.milestone_for(insurers, "invited", time)),
    )


def told_to_new_insurers(case: Case, now: datetime) -> Told:
    """Tell the invitation that stands to insurers who have not been told: each hears of it once."""
    fresh = tuple([name for name in case.insurers(now) if name not in case.row.told])
    if case.row.due is None or not fresh:
        return Told(case.row)
    row = case.row._replace(told=tuple(sorted({*case.row.told, *fresh})))
    return Told(row, (case.milestone_for(fresh, "invited", now),))


def wake_at(row: PathwayRow, record: MemberRecord, screening: Screening) -> datetime | None:
    """Return when a pathway wants to be looked at: a due day is over, or the first invitation."""
    if row.due is not None:
        return start_of_day_after(row.due)
    if row.invited or record.birth_date is None:
        return None
    _, last = days_of(record.birth_date)
    return start_of(birthday(last, screening.invites_from_years))


def _invitation(case: Case, day: date) -> date:
    return days_after(day, case.screening.invitation_days)
