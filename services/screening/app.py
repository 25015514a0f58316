"""Screening as a stage."""

from typing import Final, get_args

from services.contract.member import MemberMerged
from services.member.merged import until_merged
from services.runtime.stage import Stage
from services.screening.decide import Consumed, decide, wake
from services.screening.state import ScreeningState

STAGE: Final = Stage(
    name="screening",
    consumes=(*get_args(Consumed), MemberMerged),
    state=ScreeningState,
    begin=ScreeningState,
    decide=until_merged(decide, ScreeningState),
    wake=wake,
    gather_ms=100,
)
