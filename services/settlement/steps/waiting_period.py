"""How long a new cover waits before it pays."""

from typing import Literal

from pydantic import Field

from services.contract.visit import VisitClass
from services.member.calendar import written_day
from services.settlement.steps.step import Case, LineTerms, StepResult, Working, stop


class WaitingPeriod(LineTerms):
    """Stop while the cover is younger than the waiting period, save for exempt visits.

    days: from the cover's first day, on which it does not pay yet.
    """

    step: Literal["waiting_period"]
    days: int = Field(ge=1)
    exempt: tuple[VisitClass, ...] = ()

    def apply(self, case: Case, work: Working) -> StepResult:
        """Return the figures after the step, and why."""
        if case.request.visit_class in self.exempt:
            return work, f"An {case.request.visit_class} visit does not wait."
        first = case.cover.valid_from
        if (case.day - written_day(first)).days < self.days:
            return stop(work, f"the waiting period of {self.days} days from {first} is not over")
        return work, f"The waiting period of {self.days} days from {first} is over."
