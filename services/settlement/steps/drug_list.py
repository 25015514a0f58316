"""Which drugs a product pays for."""

from typing import Literal

from services.contract.visit import BillLine
from services.settlement.lines import LineFilter, Scope
from services.settlement.steps.step import Case, StepResult, Terms, Working, cap


class DrugList(Terms):
    """Bear nothing of the lines that are not on the product's list of drugs.

    drugs: by code, with the system (ATC, RxNorm, a list of the house). A version of the product
    holds a version of the list.
    """

    step: Literal["drug_list"]
    drugs: LineFilter

    @property
    def scope(self) -> Scope:
        """The lines that are not on the list."""
        return self._is_missing

    def _is_missing(self, line: BillLine) -> bool:
        return not self.drugs.holds(line)

    def apply(self, case: Case, work: Working) -> StepResult:
        """Return the figures after the step, and why."""
        del case
        return cap(work, 0), "Not on the drug list of the product; it is left out."
