"""Wiring: settlement as a stage, with the shipped products."""

from datetime import datetime
from typing import Final

from services.contract.event import Event
from services.contract.payment import PaymentRequested, ReversalRequested
from services.contract.step import Step
from services.runtime.stage import Stage, by_household
from services.settlement import decide as rules
from services.settlement.catalogue import shipped_catalogue
from services.settlement.state import SettlementState


def decide(
    state: SettlementState, event: Event[PaymentRequested | ReversalRequested], at: datetime
) -> Step[SettlementState]:
    """Decide by the shipped products; they are read at the first event, not at import."""
    return rules.decide(shipped_catalogue(), state, event, at)


STAGE: Final = Stage(
    name="settlement",
    consumes=(PaymentRequested, ReversalRequested),
    state=SettlementState,
    begin=rules.begin,
    decide=decide,
    wake=rules.wake,
    key=by_household,
)
