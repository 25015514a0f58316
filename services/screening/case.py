"""One member and one pathway, while an event is being decided."""

from datetime import date, datetime
from functools import lru_cache
from typing import Literal, NamedTuple

from services.contract.milestones import ScreeningMilestone
from services.contract.step import Draft
from services.member.calendar import local_day
from services.member.record import MemberRecord
from services.pathways.criteria import View
from services.pathways.guideline import Edition, Screening
from services.pathways.index import Pathway, pathways
from services.pathways.strata import verdict
from services.pathways.verdict import Verdict
from services.screening.state import PathwayRow

MilestoneName = Literal["invited", "screened", "risk_stratified", "referred", "overdue"]


class Screened(NamedTuple):
    """A pathway with the edition of a day, which has a part for screening."""

    pathway: Pathway
    edition: Edition
    screening: Screening


@lru_cache(maxsize=4096)
def screened_on(day: date) -> tuple[Screened, ...]:
    """Return the pathways with a screening part on a day, in the order of their names."""
    editions = [(pathway, pathway.on(day)) for pathway in pathways().values()]
    return tuple(
        [
            Screened(pathway, edition, edition.screening)
            for pathway, edition in editions
            if edition.screening is not None
        ]
    )


class Told(NamedTuple):
    """A row after something happened, and what to say about it."""

    row: PathwayRow
    outputs: tuple[Draft, ...] = ()


class Case(NamedTuple):
    """What is decided with: the guideline of the day, the record, and the row so far.

    time: when it happened, and day: the business day of that. at: the log's clock, and today: its
    business day. seen: what the guideline sees of the record, on the day.
    """

    pathway: Pathway
    edition: Edition
    screening: Screening
    record: MemberRecord
    row: PathwayRow
    time: datetime
    at: datetime
    day: date
    today: date
    seen: View

    def view(self, day: date) -> View:
        """Return what the guideline sees of the member as of a day."""
        return self.seen._replace(day=day, confirmed=self.is_confirmed)

    @property
    def is_confirmed(self) -> bool:
        """Whether the member was handed to management."""
        return self.row.referred_on is not None

    def verdict(self) -> Verdict | None:
        """Return the stratum of what is known; None where an input is missing."""
        return verdict(self.pathway, self.screening, self.view(self.day))

    def counts(self, day: date) -> bool:
        """Whether readings of that day are judged: not those of a child by adults' limits."""
        return not self.record.is_under(self.screening.readings_from_years, day)

    def after(self, told: Told) -> "Case":
        """Return the case with the row as it is now."""
        return self if told.row is self.row else self._replace(row=told.row)

    def rule(self, line: str) -> str:
        """Return how a decision names the line that spoke."""
        return self.pathway.rule(self.edition, line)

    def milestone(self, name: MilestoneName, time: datetime, episode: str | None = None) -> Draft:
        """Return a milestone for the insurers whose cover is in force on its day."""
        return self.milestone_for(self.insurers(time), name, time, episode)

    def insurers(self, time: datetime) -> tuple[str, ...]:
        """Return the insurers whose cover is in force on the day of `time`."""
        return self.record.insurers_in_force(local_day(time))

    def milestone_for(
        self,
        insurers: tuple[str, ...],
        name: MilestoneName,
        time: datetime,
        episode: str | None = None,
    ) -> Draft:
        """Return a milestone for some insurers alone."""
        told = ScreeningMilestone(
            milestone=name, pathway=self.pathway.id, insurers=insurers, episode=episode
        )
        return Draft(told, time)
