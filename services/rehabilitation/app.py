"""Rehabilitation as a stage."""

from typing import Final, get_args

from services.rehabilitation.decide import Consumed, decide, wake
from services.rehabilitation.state import RehabilitationState
from services.runtime.stage import Stage

STAGE: Final = Stage(
    name="rehabilitation",
    consumes=get_args(Consumed),
    state=RehabilitationState,
    begin=RehabilitationState,
    decide=decide,
    wake=wake,
    gather_ms=100,
)
