"""The payer's side of a bill, in percent: 90 means that it bears 90 of 100 and leaves 10."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from services.contract.visit import Network, VisitClass
from services.settlement.steps.step import Case, LineTerms, StepResult, Working, cap

Percent = Annotated[int, Field(ge=0, le=100)]


class Percentage(LineTerms):
    """Bear the payer's side for this visit class and network, rounded half-even, once.

    percent: by visit class (`any` for those not listed) and network, every network in each row.
    """

    step: Literal["percentage"]
    percent: Mapping[VisitClass | Literal["any"], Mapping[Network, Percent]]

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        networks = set(get_args(Network))
        if "any" not in self.percent or any(set(row) != networks for row in self.percent.values()):
            raise ValueError("percent needs a row `any`, and all networks in each row")
        return self

    def percent_for(self, visit_class: VisitClass, network: Network) -> int:
        """Return the payer's side, in percent."""
        row = self.percent.get(visit_class)
        return (self.percent["any"] if row is None else row)[network]

    def apply(self, case: Case, work: Working) -> StepResult:
        """Return the figures after the step, and why."""
        network, visit_class = case.request.provider.network, case.request.visit_class
        percent = self.percent_for(visit_class, network)
        payable = percent_of(work.payable, percent)
        note = (
            f"The payer's side is {percent} % ({visit_class}, network {network}): "
            f"{case.money(payable)} of {case.money(work.payable)}."
        )
        return cap(work, payable), note


def percent_of(amount: int, percent: int) -> int:
    """Return `percent` of an amount of minor units, rounded half-even to a whole one."""
    whole, rest = divmod(amount * percent, 100)
    up = rest > 50 or (rest == 50 and whole % 2 == 1)  # half of 100
    return whole + 1 if up else whole
