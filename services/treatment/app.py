"""Treatment as a stage."""

from typing import Final, get_args

from services.runtime.stage import Stage
from services.treatment.decide import Consumed, decide, wake
from services.treatment.state import TreatmentState

STAGE: Final = Stage(
    name="treatment",
    consumes=get_args(Consumed),
    state=TreatmentState,
    begin=TreatmentState,
    decide=decide,
    wake=wake,
)
