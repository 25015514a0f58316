"""One member in one pathway's programme, while an event is being decided."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Literal, NamedTuple

from services.contract.milestones import ManagementMilestone
from services.contract.step import Draft
from services.member.calendar import local_day
from services.member.record import MemberRecord
from services.pathways.guideline import Edition, Management
from services.pathways.index import Pathway, pathways

MilestoneName = Literal[
    "enrolled", "target_met", "target_lost", "overdue", "resumed", "escalated", "graduated",
    "left",
]  # fmt: skip


class Managed(NamedTuple):
    """A pathway with the edition of a day, which has a part for management."""

    pathway: Pathway
    edition: Edition
    guideline: Management


@lru_cache(maxsize=4096)
def managed_on(day: date) -> Mapping[str, Managed]:
    """Return the pathways with a management part on a day by name, in the order of their names."""
    editions = [(pathway, pathway.on(day)) for pathway in pathways().values()]
    return {
        pathway.id: Managed(pathway, edition, edition.management)
        for pathway, edition in editions
        if edition.management is not None
    }


class Programme(NamedTuple):
    """What is decided with: the guideline of the day, and the member's record.

    time: when it happened, and day: the business day of that. at: the log's clock, and today: its
    business day.
    """

    pathway: Pathway
    edition: Edition
    guideline: Management
    record: MemberRecord
    time: datetime
    at: datetime
    day: date
    today: date

    @property
    def age(self) -> int:
        """The age that the member is known to have reached on the day; 0 if it is not known."""
        age = self.record.age(self.day)
        return 0 if age is None else age.least

    def counts(self, day: date) -> bool:
        """Whether readings of that day are judged: not those of a child by adults' limits."""
        return not self.record.is_under(self.guideline.readings_from_years, day)

    @property
    def is_fresh(self) -> bool:
        """Whether what happened still calls for action on the log's clock."""
        return (self.at - self.time).total_seconds() <= self.guideline.fresh_days * _DAY_S

    def rule(self, line: str) -> str:
        """Return how a decision names the line that spoke."""
        return self.pathway.rule(self.edition, line)

    def milestone(self, name: MilestoneName, episode: str | None = None) -> Draft:
        """Return a milestone for the insurers whose cover is in force on its day."""
        told = ManagementMilestone(
            milestone=name,
            pathway=self.pathway.id,
            insurers=self.record.insurers_in_force(local_day(self.time)),
            episode=episode,
        )
        return Draft(told, self.time)


_DAY_S = 86_400


def programme(pathway: str, record: MemberRecord, time: datetime, at: datetime) -> Programme | None:
    """Return the programme of a pathway; None if it has none on the day of `time`."""
    day = local_day(time)
    found = managed_on(day).get(pathway)
    return None if found is None else Programme(*found, record, time, at, day, local_day(at))


def programmes(record: MemberRecord, time: datetime, at: datetime) -> list[Programme]:
    """Return the programmes of all pathways that have one on the day of `time`."""
    day, today = local_day(time), local_day(at)
    return [Programme(*one, record, time, at, day, today) for one in managed_on(day).values()]
