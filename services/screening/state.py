"""What screening remembers about one member."""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from services.contract.frozen import Day, Id, Word
from services.contract.step import State
from services.member.record import NOBODY, MemberRecord

MET_DAYS_MAX: Final = 12
"""Days remembered on which a limit was passed. Guidelines confirm by two or three of them within a
year, so that more than a few never wait here."""

REHABILITATION_VISITS_MAX: Final = 4

VisitedStage = Literal["screening", "management", "rehabilitation"]


class Met(NamedTuple):
    """The days with a reading beyond the limit of one line of `confirm`, oldest first."""

    line: Word
    days: tuple[Day, ...]


class PathwayRow(NamedTuple):
    """One pathway, as far as the screening of one member goes.

    said: key of the verdict that was last published. referred_on: when the member was handed to
    management, until the diagnosis is withdrawn. visited, rehabilitation_visits: the loop so far;
    treatment counts as visited while a visit that led to rehabilitation stands. invited: the first
    invitation has been made. told: insurers that were told of the invitation that stands.
    """

    pathway: Word
    met: tuple[Met, ...] = ()
    said: str | None = None
    referred_on: Day | None = None
    visited: tuple[VisitedStage, ...] = ()
    rehabilitation_visits: tuple[Id, ...] = ()
    due: Day | None = None
    invited: bool = False
    told: tuple[Id, ...] = ()

    def met_on(self, line: str) -> tuple[Day, ...]:
        """Return the days on which the limit of a line was passed."""
        return next((met.days for met in self.met if met.line == line), ())


@dataclass(frozen=True)
class ScreeningState(State):
    """One member: the record, and a row for each pathway that concerns them, by name."""

    record: MemberRecord = NOBODY
    rows: tuple[PathwayRow, ...] = ()

    def row(self, pathway: str) -> PathwayRow:
        """Return the row of a pathway; an empty one if it has not concerned the member yet."""
        for row in self.rows:
            if row.pathway == pathway:
                return row
        return PathwayRow(pathway)
