"""What treatment remembers about one member.

Its rows are named tuples, checked when they are read from the store: every fact makes a new one,
and nothing but treatment reads them.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from services.contract.frozen import Currency, Day, Id, Instant, Text, Word
from services.contract.step import State
from services.contract.visit import BillLine, Code, Provider, VisitClass
from services.member.covers import Covers, Ends

Phase = Literal["awaited", "registered", "admitted", "discharged", "reopened", "cancelled"]


class Remark(NamedTuple):
    """What another stage said of the member's care, and on which day."""

    day: Day
    text: Text


class Charge(NamedTuple):
    """A charge in force. The lines are in minor units of `currency`; category: of the charge."""

    charge_id: Id
    currency: Currency
    lines: tuple[BillLine, ...]
    category: Word

    @property
    def amount(self) -> int:
        """The sum of the lines, in minor units."""
        return sum([line.amount for line in self.lines])


class Diagnosis(NamedTuple):
    """A condition of a visit by its id, and those of its codes that count."""

    condition: Id
    codes: tuple[Code, ...]


class Need(NamedTuple):
    """What may need the rehabilitation of a pathway after a visit.

    diagnoses: of the visit, that leave it. referred: a referral stands.
    """

    pathway: Word
    diagnoses: tuple[Diagnosis, ...]
    referred: bool = False

    @property
    def codes(self) -> tuple[Code, ...]:
        """The codes of the diagnoses, each once, in the order in which they came."""
        return tuple(dict.fromkeys(code for one in self.diagnoses for code in one.codes))


class Unbilled(NamedTuple):
    """A charge that waits for the discharge; charge_id: None is the visit itself, open again.

    fact: id of the event that posted it, or opened the visit again.
    """

    charge_id: Id | None
    fact: Text


class Visit(NamedTuple):
    """One visit as far as it is known.

    touched: day of the log's clock when it last changed. phase: `awaited` until its registration,
    admission or discharge is known; `reopened` after its discharge was cancelled. registered,
    admitted, discharged: when, as stated by the events. needs: in the order of their pathways.
    version: number of the last payment request made for it. readmission: it was flagged as one.
    unbilled: while it is not discharged, what waits for that.
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
    needs: tuple[Need, ...] = ()
    version: int = 0
    readmission: bool = False
    unbilled: tuple[Unbilled, ...] = ()

    @property
    def is_closed(self) -> bool:
        """Whether only a correction can still change it."""
        return self.phase in {"discharged", "cancelled"}

    @property
    def began(self) -> Instant | None:
        """The earliest moment known of it."""
        moments = (self.registered, self.admitted, self.discharged)
        return min([moment for moment in moments if moment is not None], default=None)


class Withdrawal(NamedTuple):
    """A charge, a discharge or a whole visit that was declared never to have been, and when.

    name: of the charge, else of the visit. time: as the event states it. fact: id of the event.
    waits_until: the last day, by the log's clock, on which what is withdrawn may still come; None
    once it has.
    """

    what: Literal["charge", "discharge", "visit"]
    visit_id: Id
    name: Id
    time: Instant
    fact: Text
    waits_until: Day | None = None


@dataclass(frozen=True)
class TreatmentState(State):
    """A member's covers and visits.

    visits: the one that changed last stands last. remarks: the last few of other stages, for
    whoever reviews a readmission. forgotten: marks of visits that no correction
    can reach any more, so that one is refused and not taken for a new visit. withdrawals: of the
    visits remembered, and those that came first. ends: of covers that are not known yet. planned:
    visits that are announced and of which nothing else is known; a cancellation calls them off.
    refuted: the conditions that never were, also those that are not known.
    """

    covers: Covers = ()
    visits: tuple[Visit, ...] = ()
    remarks: tuple[Remark, ...] = ()
    forgotten: tuple[str, ...] = ()
    withdrawals: tuple[Withdrawal, ...] = ()
    ends: Ends = ()
    planned: tuple[Id, ...] = ()
    refuted: tuple[Id, ...] = ()
