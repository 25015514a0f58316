"""Treatment as a stage."""

from typing import Final

from services.contract.care import (
    ReferredBackToTreatment,
    ReferredToTreatment,
    RehabilitationPlanned,
)
from services.contract.clinical import ConditionRecorded, ProcedurePerformed
from services.contract.member import CoverActivated, CoverEnded
from services.contract.visit import (
    ChargePosted,
    ChargeVoided,
    VisitAdmitted,
    VisitCancelled,
    VisitDischarged,
    VisitRegistered,
)
from services.runtime.stage import Stage
from services.treatment.rules import decide, wake
from services.treatment.state import TreatmentState

STAGE: Final = Stage(
    name="treatment",
    consumes=(
        CoverActivated,
        CoverEnded,
        VisitRegistered,
        VisitAdmitted,
        VisitDischarged,
        VisitCancelled,
        ChargePosted,
        ChargeVoided,
        ConditionRecorded,
        ProcedurePerformed,
        ReferredToTreatment,
        ReferredBackToTreatment,
        RehabilitationPlanned,
    ),
    state=TreatmentState,
    begin=TreatmentState,
    decide=decide,
    wake=wake,
)
