"""The wiring of screening: which events, which state, which rules."""

from typing import Final

from services.contract.care import (
    PlanSet,
    ReferralWithdrawn,
    ReferredToRehabilitation,
    RehabilitationFinished,
)
from services.contract.clinical import ConditionRecorded, ObservationRecorded
from services.contract.member import CoverActivated, CoverEnded, MemberRegistered
from services.runtime.stage import Stage
from services.screening.rules import decide, wake
from services.screening.state import ScreeningState

STAGE: Final = Stage(
    name="screening",
    consumes=(
        MemberRegistered,
        CoverActivated,
        CoverEnded,
        ConditionRecorded,
        ObservationRecorded,
        PlanSet,
        ReferredToRehabilitation,
        ReferralWithdrawn,
        RehabilitationFinished,
    ),
    state=ScreeningState,
    begin=ScreeningState,
    decide=decide,
    wake=wake,
    gather_ms=100,
)
