"""Where a member stands: the verdict of a guideline, said when it changes."""

from datetime import date

from services.contract.care import RiskStratified, ScorePart
from services.contract.step import Draft
from services.member.calendar import local_day
from services.pathways.verdict import Verdict
from services.screening.case import Case, Told


def verdict(case: Case, day: date) -> Verdict | None:
    """Return the stratum of what is known; None where an input is missing.

    day: when to count the age if there is no reading.
    """
    latest = case.view(day).latest
    view = case.view(day if latest is None else local_day(latest.time))
    for line in case.screening.strata:
        parts = line.when.found(view)
        if parts is not None:
            told = tuple(parts) or (ScorePart(factor=line.stratum, value=line.when.why),)
            return Verdict(line.stratum, line.stratum, told)
    if case.screening.score is None:
        return None
    return case.pathway.scores[case.screening.score](view, case.screening)


def judged(case: Case, episode: str | None = None) -> Told:
    """Publish the verdict, if it has changed since it was last said."""
    latest = case.view(case.day).latest
    if latest is None and not case.screening.stratifies_unread:
        return Told(case.row)
    found = verdict(case, case.day)
    if found is None or found.key == case.row.said:
        return Told(case.row)
    moment = case.time if latest is None else max(case.time, latest.time)
    stratified = RiskStratified(
        pathway=case.pathway.id,
        stratum=found.stratum,
        parts=found.parts,
        rule=case.rule(case.screening.score or "strata"),
        guideline=case.screening.source,
    )
    return Told(
        case.row._replace(said=found.key),
        (Draft(stratified, moment), case.milestone("risk_stratified", moment, episode)),
    )
