"""One member in one pathway's programme, while an event is being decided."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Literal

from services.contract.milestones import ManagementMilestone
from services.contract.step import Draft
from services.member.calendar import local_day
from services.member.record import Record
from services.pathways.guideline import Edition, Management
from services.pathways.index import Pathway, pathways

MilestoneName = Literal[
    "enrolled", "target_met", "target_lost", "overdue", "escalated", "graduated"
]  # fmt: skip


@dataclass(frozen=True)
class Programme:
    """What is decided with: the guideline of the day, and the member's record.

    time: when it happened. at: the log's clock.
    """

    pathway: Pathway
    edition: Edition
    record: Record
    time: datetime
    at: datetime

    @property
    def guideline(self) -> Management:
        """The guideline's part."""
        assert self.edition.management is not None  # only such pathways have programmes
        return self.edition.management

    @cached_property
    def day(self) -> date:
        """The business day on which it happened."""
        return local_day(self.time)

    @cached_property
    def today(self) -> date:
        """The business day of the log's clock."""
        return local_day(self.at)

    @property
    def age(self) -> int | None:
        """The member's age on the day, if it is known."""
        return self.record.age(self.day)

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


def programme(pathway: str, record: Record, time: datetime, at: datetime) -> Programme | None:
    """Return the programme of a pathway; None if it has none on the day of `time`."""
    found = pathways().get(pathway)
    edition = None if found is None else found.on(local_day(time))
    if found is None or edition is None or edition.management is None:
        return None
    return Programme(found, edition, record, time, at)


def programmes(record: Record, time: datetime, at: datetime) -> list[Programme]:
    """Return the programmes of all pathways that have one on the day of `time`."""
    return [
        found for name in pathways() if (found := programme(name, record, time, at)) is not None
    ]
