"""What the others bear of a benefit year before the payer does."""

from collections.abc import Mapping
from typing import Literal

from services.contract.frozen import Amount, Currency
from services.settlement.steps.step import Case, LineTerms, StepResult, Working


class AnnualDeductible(LineTerms):
    """Leave to others what is not yet used of the benefit year's deductible, and use it.

    There is one accumulator for a product and year: where the step stands twice, both count on it.
    """

    step: Literal["annual_deductible"]
    amounts: Mapping[Currency, Amount]

    def apply(self, case: Case, work: Working) -> StepResult:
        """Return the figures after the step, and why."""
        deductible, used = self.amounts[case.request.currency], case.used.deductible
        borne = min(max(0, deductible - used - work.deductible), work.payable)
        note = (
            f"Deductible of the benefit year from {case.used.year}: {case.money(deductible)}, "
            f"{case.money(used + work.deductible)} used before; {case.money(borne)} is left out."
        )
        payable = work.payable - borne
        return work._replace(payable=payable, deductible=work.deductible + borne), note
