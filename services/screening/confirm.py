"""When a condition counts as confirmed, so that the member is handed to management."""

from collections.abc import Iterable
from datetime import date

from services.contract.care import ReferredToManagement
from services.contract.step import Draft
from services.member.calendar import local_day
from services.member.reading import Reading
from services.pathways.criteria import Repeated
from services.screening.case import Case, Told
from services.screening.loop import with_stage
from services.screening.state import MET_DAYS_MAX, Met, PathwayRow


def with_met_days(case: Case, reading: Reading) -> PathwayRow:
    """Return the row that remembers which limits a reading is beyond; the same row otherwise.

    What confirms by a single day is remembered only while it does not count: an age may be wrong.
    """
    row, day = case.row, local_day(reading.time)
    for line in case.screening.confirm:
        if not line.is_met(reading) or day in row.met_on(line.id):
            continue
        if line.days == 1 and case.counts(day):
            continue
        days = tuple(sorted({*row.met_on(line.id), day})[-MET_DAYS_MAX:])
        others = [met for met in row.met if met.line != line.id]
        row = row._replace(met=tuple(sorted([*others, Met(line.id, days)])))
    return row


def without_withdrawn(case: Case) -> PathwayRow:
    """Return the row without a referral that a withdrawn diagnosis has overtaken."""
    referred_on, since = case.row.referred_on, _resolved_on(case)
    if referred_on is not None and since is not None and referred_on <= since:
        return case.row._replace(referred_on=None)
    return case.row


def without_unfounded(case: Case) -> PathwayRow:
    """Return the row without a referral, as the diagnosis that may have led to it never was.

    What readings confirm by themselves is confirmed anew.
    """
    named = [name for line in case.screening.confirm for name in line.diagnosed]
    if not named or any(map(case.record.has, named)):
        return case.row
    return case.row._replace(referred_on=None)


def confirmation(case: Case, reading: Reading | None = None) -> tuple[Repeated, str] | None:
    """Return the line that confirms the condition now, and in which words; else None.

    reading: one that is just being made. Nobody is referred twice before the diagnosis is
    withdrawn, and nobody whose readings are not judged.
    """
    if case.row.referred_on is not None or not case.counts(case.day):
        return None
    since = _resolved_on(case) or date.min
    for line in case.screening.confirm:
        reason = _reason(case, line, reading, since)
        if reason is not None:
            return line, reason
    return None


def referral(case: Case, line: Repeated, reason: str) -> Told:
    """Hand the member to management, with the stratum of the day."""
    found = case.verdict()
    assert found is not None, f"{case.pathway.id}: whoever is confirmed has a stratum"
    order = ReferredToManagement(
        pathway=case.pathway.id,
        stratum=found.stratum,
        reason=reason,
        rule=case.rule(f"confirm.{line.id}"),
    )
    return Told(
        with_stage(case.row, "screening"),
        (Draft(order, case.time), case.milestone("referred", case.time)),
    )


def _reason(case: Case, line: Repeated, reading: Reading | None, since: date) -> str | None:
    if line.diagnosed:
        return line.why if any(map(case.record.has, line.diagnosed)) else None
    if line.days > 1:
        days = [day for day in case.row.met_on(line.id) if day > since and case.counts(day)]
        close = _close(days, line)
        return None if close is None else f"{line.why} {' and '.join(f'on {day}' for day in close)}"
    if reading is not None and line.is_met(reading) and local_day(reading.time) > since:
        return f"{reading.text} on {local_day(reading.time)}: {line.why}"
    days = [day for day in case.row.met_on(line.id) if day > since and case.counts(day)]
    return f"{line.why} on {days[0]}" if days else None


def _close(days: list[date], line: Repeated) -> list[date] | None:
    """Return the first days in a row that are enough and lie close enough together."""
    rows = (days[start : start + line.days] for start in range(len(days) - line.days + 1))
    return next((row for row in rows if (row[-1] - row[0]).days <= (line.within_days or 0)), None)


def _resolved_on(case: Case) -> date | None:
    """Return the day on which the condition's diagnosis was last declared resolved."""
    return max(_resolutions(case), default=None)


def _resolutions(case: Case) -> Iterable[date]:
    for line in case.screening.confirm:
        for name in line.diagnosed:
            found = case.record.resolved_on(name)
            if found is not None:
                yield found
