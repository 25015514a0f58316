"""Which currencies a product is offered in."""

from typing import Literal

from pydantic import Field, field_validator

from services.contract.frozen import Currency
from services.contract.money import minor_digits
from services.settlement.steps.step import Case, StepResult, Terms, Working, stop


class OfferedCurrencies(Terms):
    """Stop unless the product states its amounts in the bill's currency."""

    step: Literal["currency"]
    currencies: tuple[Currency, ...] = Field(min_length=1)

    @field_validator("currencies")
    @classmethod
    def _exist(cls, currencies: tuple[Currency, ...]) -> tuple[Currency, ...]:
        for currency in currencies:
            minor_digits(currency)
        return currencies

    def apply(self, case: Case, work: Working) -> StepResult:
        """Return the figures after the step, and why."""
        if case.request.currency in self.currencies:
            return work, f"The product is offered in {case.request.currency}."
        return stop(work, f"the product is not offered in {case.request.currency}")
