"""Where a member stands by a guideline: the lines of its table of strata, then its score."""

from datetime import date

from services.member.calendar import local_day
from services.member.record import MemberRecord
from services.pathways.criteria import Part, View, view_of
from services.pathways.guideline import Screening
from services.pathways.index import Pathway
from services.pathways.verdict import Verdict


def screening_view(record: MemberRecord, screening: Screening, day: date) -> View:
    """Return what a guideline's screening part sees of a member as of a day."""
    return view_of(record, day, screening.watches, screening.readings_from_years)


def verdict(pathway: Pathway, screening: Screening, view: View) -> Verdict | None:
    """Return the stratum of what is known; None where an input is missing.

    The age counts on the day of the latest reading; on the view's day if there is none.
    """
    if view.latest is not None:
        view = view._replace(day=local_day(view.latest.time))
    for line in screening.strata:
        parts = line.when.found(view)
        if parts is not None:
            told = tuple(parts) or (Part(line.stratum, line.when.why),)
            return Verdict(line.stratum, line.stratum, told)
    if screening.score is None:
        return None
    return pathway.scores[screening.score](view, screening)
