"""The wiring of management: which events, which state, which rules."""

from typing import Final

from services.contract.care import (
    ReferralWithdrawn,
    ReferredToManagement,
    ReferredToRehabilitation,
    RehabilitationFinished,
    RiskStratified,
)
from services.contract.clinical import ConditionRecorded, ObservationRecorded
from services.contract.member import CoverActivated, CoverEnded, MemberRegistered
from services.management.rules import decide, wake
from services.management.state import ManagementState
from services.runtime.stage import Stage

STAGE: Final = Stage(
    name="management",
    consumes=(
        MemberRegistered,
        CoverActivated,
        CoverEnded,
        ConditionRecorded,
        ObservationRecorded,
        RiskStratified,
        ReferredToManagement,
        ReferredToRehabilitation,
        ReferralWithdrawn,
        RehabilitationFinished,
    ),
    state=ManagementState,
    begin=ManagementState,
    decide=decide,
    wake=wake,
    gather_ms=100,
)
