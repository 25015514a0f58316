"""Management as a stage."""

from typing import Final, get_args

from services.management.decide import Consumed, decide, wake
from services.management.state import ManagementState
from services.runtime.stage import Stage

STAGE: Final = Stage(
    name="management",
    consumes=get_args(Consumed),
    state=ManagementState,
    begin=ManagementState,
    decide=decide,
    wake=wake,
    gather_ms=100,
)
