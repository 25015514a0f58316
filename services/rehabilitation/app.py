"""Rehabilitation as a stage."""

from typing import Final, get_args

from services.contract.member import MemberMerged
from services.member.merged import until_merged
from services.rehabilitation.decide import Consumed, decide, wake
from services.rehabilitation.state import RehabilitationState
from services.runtime.stage import Stage

STAGE: Final = Stage(
    name="rehabilitation",
    consumes=(*get_args(Consumed), MemberMerged),
    state=RehabilitationState,
    begin=RehabilitationState,
    decide=until_merged(decide, RehabilitationState),
    wake=wake,
    gather_ms=100,
)
