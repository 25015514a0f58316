"""The one step that takes."""

from typing import Literal

from services.settlement.steps.step import Case, StepResult, Terms, Working


class Pay(Terms):
    """Take what is payable, and no more than the bill still has open."""

    step: Literal["pay"]

    def apply(self, case: Case, work: Working) -> StepResult:
        """Return the figures after the step, and why."""
        taken = min(work.payable, work.open)
        after = Working(work.open - taken, 0, taken, *work[3:])
        return after, f"{case.cover.insurer} pays {case.money(taken)}."
