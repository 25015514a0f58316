"""Treatment as a stage."""

from typing import Final, get_args

from services.contract.member import MemberMerged
from services.member.merged import until_merged
from services.runtime.stage import Stage
from services.treatment.decide import Consumed, decide, wake
from services.treatment.released import released
from services.treatment.state import TreatmentState

STAGE: Final = Stage(
    name="treatment",
    consumes=(*get_args(Consumed), MemberMerged),
    state=TreatmentState,
    begin=TreatmentState,
    decide=until_merged(decide, TreatmentState, released),
    wake=wake,
)
