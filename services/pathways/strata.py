"""Where a member stands by a guideline: the lines of its table of strata, then its score."""

from datetime import date

from services.contract.care import ScorePart
from services.member.calendar import local_day
from services.member.record import Record
from services.pathways.criteria import View
from services.pathways.guideline import Screening
from services.pathways.index import Pathway
from services.pathways.verdict import Verdict


def view_of(record: Record, screening: Screening, day: date, *, confirmed: bool) -> View:
    """Return what a guideline's screening part sees of a member as of a day."""
    return View(record, day, screening.watches, screening.readings_from_years, confirmed)


def verdict(
    pathway: Pathway, screening: Screening, record: Record, day: date, *, confirmed: bool
) -> Verdict | None:
    """Return the stratum of what is known; None where an input is missing.

    day: when to count the age if there is no reading. confirmed: the condition is known to be there.
    """
    view = view_of(record, screening, day, confirmed=confirmed)
    if view.latest is not None:
        read_on = local_day(view.latest.time)
        view = view_of(record, screening, read_on, confirmed=confirmed)
    for line in screening.strata:
        parts = line.when.found(view)
        if parts is not None:
            told = tuple(parts) or (ScorePart(factor=line.stratum, value=line.when.why),)
            return Verdict(line.stratum, line.stratum, told)
    if screening.score is None:
        return None
    return pathway.scores[screening.score](view, screening)
