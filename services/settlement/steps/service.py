"""Which kinds of service a product pays for."""

from typing import Literal

from pydantic import Field

from services.settlement.state import Service
from services.settlement.steps.step import Case, StepResult, Terms, Working, stop


class CoveredServices(Terms):
    """Stop unless the product pays for this kind of service."""

    step: Literal["service"]
    services: tuple[Service, ...] = Field(min_length=1)

    def apply(self, case: Case, work: Working) -> StepResult:
        """Return the figures after the step, and why."""
        kind = case.request.service.replace("_", " ")
        if case.request.service in self.services:
            return work, f"A {kind} is a covered service."
        return stop(work, f"a {kind} is not among the services of this product")
