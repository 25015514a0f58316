"""Management as a stage."""

from typing import Final, get_args

from services.contract.member import MemberMerged
from services.management.decide import Consumed, decide, wake
from services.management.state import ManagementState
from services.member.merged import until_merged
from services.runtime.stage import Stage

STAGE: Final = Stage(
    name="management",
    consumes=(*get_args(Consumed), MemberMerged),
    state=ManagementState,
    begin=ManagementState,
    decide=until_merged(decide, ManagementState),
    wake=wake,
    gather_ms=100,
)
