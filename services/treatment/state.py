"""What treatment remembers about one member.

Charges and visits are bare rows, checked when they are read from the store: every fact makes a new
one, and nothing but treatment reads them.
"""

from typing import Literal, NamedTuple

from services.contract.frozen import Currency, Day, Frozen, Id, Instant, Text
from services.contract.member import CoverTerms
from services.contract.step import State
from services.contract.visit import BillLine, Code, Provider, VisitClass

Phase = Literal["awaited", "registered", "admitted", "discharged", "reopened", "cancelled"]


class Remark(Frozen):
    """What another stage said of the member's care, and on which day (UTC)."""

    day: Day
    text: Text


class Charge(NamedTuple):
    """A charge in force. The lines are in minor units of `currency`."""

    charge_id: Id
    currency: Currency
    lines: tuple[BillLine, ...]

    @property
    def amount(self) -> int:
        """The sum of the lines, in minor units."""
        return sum([line.amount for line in self.lines])


class Visit(NamedTuple):
    """One visit as far as it is known.

    phase: `awaited` until its registration, admission or discharge is known; `reopened` after
    its discharge was cancelled. registered, admitted, discharged: when, as stated by the events.
    stroke: the codes among its diagnoses that stand for a stroke. version: number of the last
    payment request made for it. referred: a referral to rehabilitation stands. readmission: it was
    flagged as one. touched: day of the log's clock when it last changed.
    """

    visit_id: Id
    touched: Day
    phase: Phase = "awaited"
    visit_class: VisitClass | None = None
    provider: Provider | None = None
    registered: Instant | None = None
    admitted: Instant | None = None
    discharged: Instant | None = None
    charges: tuple[Charge, ...] = ()
    stroke: tuple[Code, ...] = ()
    version: int = 0
    referred: bool = False
    readmission: bool = False

    @property
    def is_closed(self) -> bool:
        """Whether only a correction can still change it."""
        return self.phase in {"discharged", "cancelled"}

    @property
    def began(self) -> Instant | None:
        """The earliest moment known of it."""
        moments = (self.registered, self.admitted, self.discharged)
        return min([moment for moment in moments if moment is not None], default=None)


class TreatmentState(State):
    """A member's covers and visits.

    visits: the one that changed last stands last. remarks: the last few of other stages, for
    whoever reviews a readmission. forgotten: marks of visits that no correction
    can reach any more, so that one is refused and not taken for a new visit.
    """

    covers: tuple[CoverTerms, ...] = ()
    visits: tuple[Visit, ...] = ()
    remarks: tuple[Remark, ...] = ()
    forgotten: tuple[str, ...] = ()
