"""How many sessions a payer bears in a benefit year."""

from typing import Literal

from pydantic import Field

from services.settlement.steps.step import Case, StepResult, Terms, Working, stop


class Sessions(Terms):
    """Stop when the benefit year's sessions are used up; otherwise use one if it is paid for."""

    step: Literal["sessions"]
    most: int = Field(ge=0)

    def apply(self, case: Case, work: Working) -> StepResult:
        """Return the figures after the step, and why."""
        used, year = case.used.sessions, case.used.year
        if used >= self.most:
            return stop(work, f"all {self.most} sessions of the year from {year} are used up")
        uses = 1 if work.payable else 0
        note = f"{used} sessions used before since {year}; this uses {uses}."
        return work._replace(sessions=uses), note
