"""What a step is: terms out of a product file, and a pure function of a case and its figures.

A step answers with new figures and a note. Limiting steps lower `payable`; only `pay` takes. Steps
may come in any order that a product states, and one kind may stand twice.
"""

from abc import abstractmethod
from typing import NamedTuple

from services.contract.frozen import Frozen, Word
from services.contract.member import CoverTerms
from services.contract.money import as_text
from services.contract.payment import PaymentRequested
from services.member.calendar import BusinessDay
from services.settlement.accumulators import Used
from services.settlement.lines import LineFilter, Scope


class Case(NamedTuple):
    """All that a step may look at besides its own terms.

    day: of the service, in the product's time zone. used: what is used up of the benefit year.
    """

    request: PaymentRequested
    cover: CoverTerms
    day: BusinessDay
    used: Used

    def money(self, amount: int) -> str:
        """Write an amount of the bill for people."""
        return as_text(amount, self.request.currency)


class Working(NamedTuple):
    """The figures between two steps, in minor units.

    open: left of the bill by all steps so far. payable: what this payer would bear of it, or of the
    lines that the step is for. deductible, sessions: to be counted as used. stopped: the cover does
    not pay this bill.
    """

    open: int
    payable: int
    taken: int = 0
    deductible: int = 0
    sessions: int = 0
    stopped: bool = False


StepResult = tuple[Working, str]
"""The figures after a step, and why, in plain words."""


class Terms(Frozen):
    """The terms of one step. id: its name in the trace, where its kind stands twice."""

    step: str
    id: Word | None = None

    @property
    def name(self) -> str:
        """What the trace calls the step."""
        return self.id or self.step

    @property
    def scope(self) -> Scope | None:
        """The lines that it is for; None is the bill as a whole."""
        return None

    @abstractmethod
    def apply(self, case: Case, work: Working) -> StepResult:
        """Return the figures after the step, and why."""


class LineTerms(Terms):
    """The terms of a step that can be for some lines alone: then `payable` is what is on these."""

    lines: LineFilter | None = None

    @property
    def scope(self) -> Scope | None:
        """The lines that it is for; None is the bill as a whole."""
        return None if self.lines is None else self.lines.holds


def stop(work: Working, why: str) -> StepResult:
    """Pay nothing of what the step is for."""
    return work._replace(payable=0, stopped=True), f"Pays nothing: {why}."


def cap(work: Working, most: int) -> Working:
    """Bear no more than `most`."""
    return work if work.payable <= most else Working(work.open, most, *work[2:])
