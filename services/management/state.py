"""What management remembers about one member."""

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, NamedTuple

from services.contract.frozen import Day, Id, Word
from services.contract.step import State
from services.member.reading import Reading
from services.member.record import NOBODY, MemberRecord
from services.pathways.criteria import Aim

READING_DAYS_MAX: Final = 4
"""Days with a reading that are remembered, of each panel."""

REHABILITATION_VISITS_MAX: Final = 4

Control = Literal["unknown", "met", "lost"]


class Plan(NamedTuple):
    """What was last agreed: the goals, and the most days between two readings."""

    goals: tuple[Aim, ...]
    follow_up_days: int


class Enrolment(NamedTuple):
    """A member in the programme of one pathway.

    since: day of enrolment. stratum_on: day from which the stratum holds. readings: the last one of
    each of the latest days, oldest first. control: what two readings in a row last agreed on.
    met_since: day the target was met. missed: follow-ups missed in a row. due: day of the next one;
    None is lost to follow-up. referred_on: last routine referral to treatment.
    """

    pathway: Word
    since: Day
    stratum: Word
    stratum_on: Day
    plan: Plan
    readings: tuple[Reading, ...] = ()
    control: Control = "unknown"
    met_since: Day | None = None
    graduated: bool = False
    missed: int = 0
    due: Day | None = None
    referred_on: Day | None = None


class Dated(NamedTuple):
    """Something that happened last on a day, in one pathway."""

    pathway: Word
    day: Day


class RehabilitationVisit(NamedTuple):
    """A visit that led to a rehabilitation not yet finished."""

    pathway: Word
    visit_id: Id


@dataclass(frozen=True)
class ManagementState(State):
    """One member, as far as management goes.

    record: of it the stratum is reckoned when a diagnosis enrols. left: when a diagnosis was
    withdrawn. escalated: last urgent referrals to treatment.
    """

    record: MemberRecord = NOBODY
    enrolments: tuple[Enrolment, ...] = ()
    left: tuple[Dated, ...] = ()
    escalated: tuple[Dated, ...] = ()
    rehabilitation_visits: tuple[RehabilitationVisit, ...] = ()

    def enrolment(self, pathway: str) -> Enrolment | None:
        """Return the enrolment in a pathway's programme."""
        return next((one for one in self.enrolments if one.pathway == pathway), None)

    def left_on(self, pathway: str) -> date | None:
        """Return the day on which the pathway's diagnosis was last withdrawn."""
        return next((one.day for one in self.left if one.pathway == pathway), None)

    def escalated_on(self, pathway: str) -> date | None:
        """Return the day of the last urgent referral of the pathway."""
        return next((one.day for one in self.escalated if one.pathway == pathway), None)


def with_day(rows: tuple[Dated, ...], pathway: str, day: date) -> tuple[Dated, ...]:
    """Return the rows in which something of a pathway last happened on `day`."""
    others = [row for row in rows if row.pathway != pathway]
    return tuple(sorted([*others, Dated(pathway, day)]))
