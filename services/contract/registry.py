"""Every event type that exists, and how an older version becomes the newest."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from services.contract import care, clinical, clock, member, milestones, payment, visit, waiting
from services.contract.event import EventData

EVENT_TYPES: Final[tuple[type[EventData], ...]] = (
    member.MemberRegistered,
    member.MemberMerged,
    member.MemberReleased,
    member.CoverActivated,
    member.CoverEnded,
    visit.VisitPlanned,
    visit.VisitRegistered,
    visit.VisitAdmitted,
    visit.VisitDischarged,
    visit.VisitCancelled,
    visit.ChargePosted,
    visit.ChargeVoided,
    clinical.ConditionRecorded,
    clinical.ConditionWithdrawn,
    clinical.ProcedurePerformed,
    clinical.ObservationRecordedV1,
    clinical.ObservationRecorded,
    clinical.MedicationPrescribed,
    clinical.SessionAttended,
    clinical.SessionMissed,
    clock.ClockTicked,
    care.ScreeningScheduled,
    care.RiskStratified,
    care.ReferredToManagement,
    care.PlanSet,
    care.ReferredToTreatment,
    care.QualityFlagged,
    care.ReferredToRehabilitation,
    care.ReferralWithdrawn,
    care.WithdrawalNoted,
    care.RehabilitationPlanned,
    care.RehabilitationFinished,
    care.ReferredBackToTreatment,
    payment.PaymentRequested,
    payment.ReversalRequested,
    payment.DirectPayDecided,
    payment.ClaimDecided,
    payment.PaymentReversed,
    milestones.ScreeningMilestone,
    milestones.ManagementMilestone,
    milestones.TreatmentMilestone,
    milestones.RehabilitationMilestone,
    waiting.WaitExpired,
)

BY_TYPE: Final[Mapping[str, type[EventData]]] = MappingProxyType(
    {data.TYPE: data for data in EVENT_TYPES}
)


def _observation_v2(old: EventData) -> EventData:
    assert isinstance(old, clinical.ObservationRecordedV1)  # by the table below
    return clinical.ObservationRecorded(
        observation_id=old.observation_id,
        codes=old.codes,
        value=old.value,
        unit=old.unit,
        text=None,
        components=(),
        visit_id=old.visit_id,
    )


UPCASTS: Final[
    Mapping[type[EventData], tuple[type[EventData], Callable[[EventData], EventData]]]
] = MappingProxyType(
    {clinical.ObservationRecordedV1: (clinical.ObservationRecorded, _observation_v2)}
)
"""From a superseded type to its successor. Consumers only ever see the newest version."""


def newest(data_type: type[EventData]) -> type[EventData]:
    """Return the type that events of `data_type` are read as."""
    while data_type in UPCASTS:
        data_type = UPCASTS[data_type][0]
    return data_type


def upcast(data: EventData) -> EventData:
    """Return `data` in the newest version of its type."""
    while (successor := UPCASTS.get(type(data))) is not None:
        data = successor[1](data)
    return data
