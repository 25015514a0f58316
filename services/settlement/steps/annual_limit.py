"""The most that a payer bears in a benefit year."""

from collections.abc import Mapping
from typing import Literal

from services.contract.frozen import Amount, Currency
from services.settlement.steps.step import Case, StepResult, Terms, Working, cap


class AnnualLimit(Terms):
    """Bear no more than what is left of the benefit year's limit.

    What was paid is counted for a product as a whole, so the step is never for some lines alone.
    """

    step: Literal["annual_limit"]
    amounts: Mapping[Currency, Amount]

    def apply(self, case: Case, work: Working) -> StepResult:
        """Return the figures after the step, and why."""
        most = self.amounts[case.request.currency]
        left = max(0, most - case.used.paid)
        note = (
            f"Limit of the benefit year from {case.used.year}: {case.money(most)}, "
            f"{case.money(left)} left."
        )
        return cap(work, left), note
