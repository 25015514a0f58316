"""Screening as a stage."""

from typing import Final, get_args

from services.runtime.stage import Stage
from services.screening.decide import Consumed, decide, wake
from services.screening.state import ScreeningState

STAGE: Final = Stage(
    name="screening",
    consumes=get_args(Consumed),
    state=ScreeningState,
    begin=ScreeningState,
    decide=decide,
    wake=wake,
    gather_ms=100,
)
