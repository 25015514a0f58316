"""What the others bear of each bill before the payer does."""

from collections.abc import Mapping
from typing import Literal

from services.contract.frozen import Amount, Currency
from services.contract.visit import VisitClass
from services.settlement.steps.step import Case, LineTerms, StepResult, Working, cap


class VisitDeductible(LineTerms):
    """Leave to others the deductible of this one bill; a visit class that is not listed has none."""

    step: Literal["visit_deductible"]
    amounts: Mapping[Currency, Mapping[VisitClass, Amount]]

    def apply(self, case: Case, work: Working) -> StepResult:
        """Return the figures after the step, and why."""
        deductible = self.amounts[case.request.currency].get(case.request.visit_class, 0)
        borne = min(deductible, work.payable)
        note = (
            f"Deductible of the visit: {case.money(deductible)}; {case.money(borne)} is left out."
        )
        return cap(work, work.payable - borne), note
