"""Rehabilitation as a stage."""

from typing import Final

from services.contract.care import ReferralWithdrawn, ReferredToRehabilitation
from services.contract.clinical import ObservationRecorded, SessionAttended, SessionMissed
from services.contract.member import CoverActivated, CoverEnded
from services.rehabilitation.rules import decide, wake
from services.rehabilitation.state import RehabilitationState
from services.runtime.stage import Stage

STAGE: Final = Stage(
    name="rehabilitation",
    consumes=(
        CoverActivated,
        CoverEnded,
        ReferredToRehabilitation,
        ReferralWithdrawn,
        ObservationRecorded,
        SessionAttended,
        SessionMissed,
    ),
    state=RehabilitationState,
    begin=RehabilitationState,
    decide=decide,
    wake=wake,
    gather_ms=100,
)
