"""What a product pays for only if the payer agreed beforehand (X12 278; 预授权)."""

from typing import Literal

from services.contract.visit import BillLine
from services.settlement.lines import Scope
from services.settlement.steps.step import Case, LineTerms, StepResult, Working, cap


class Approval(LineTerms):
    """Bear nothing of the lines that name no approval.

    A bill's line names the approval it was given under. Approvals are no events yet, so by whom it
    was given, for how much and until when is not looked at: the name is taken for the thing.
    """

    step: Literal["approval"]

    @property
    def scope(self) -> Scope:
        """The lines, of those that it is for, that name no approval."""
        return self._is_missing

    def _is_missing(self, line: BillLine) -> bool:
        return line.approval is None and (self.lines is None or self.lines.holds(line))

    def apply(self, case: Case, work: Working) -> StepResult:
        """Return the figures after the step, and why."""
        del case
        return cap(work, 0), "Not approved beforehand; it is left out."
