"""The most that a payer bears of one session."""

from collections.abc import Mapping
from typing import Literal

from services.contract.frozen import Amount, Currency
from services.settlement.steps.step import Case, LineTerms, StepResult, Working, cap


class SessionLimit(LineTerms):
    """Bear no more of one session than the product's amount."""

    step: Literal["session_limit"]
    amounts: Mapping[Currency, Amount]

    def apply(self, case: Case, work: Working) -> StepResult:
        """Return the figures after the step, and why."""
        most = self.amounts[case.request.currency]
        return cap(work, most), f"At most {case.money(most)} of one session is borne."
