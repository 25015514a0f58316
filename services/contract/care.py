"""What the four stages say to one another on the health log."""

from typing import ClassVar, Literal

from pydantic import Field

from services.contract.event import EventData
from services.contract.frozen import Day, Frozen, Id, Text
from services.contract.visit import Code

Stratum = Literal["low", "medium", "high", "very_high"]


class ScorePart(Frozen):
    """One contribution to a risk stratum, in words and with the value it was read from."""

    factor: Text
    value: Text


class ScreeningScheduled(EventData):
    """The member's next screening falls due on `due`.

    closes_loop: the member has been through screening, management, treatment and rehabilitation
    since the loop began, and is back at its start.
    """

    TYPE: ClassVar[str] = "careloop.screening.scheduled.v1"

    screening: Literal["hypertension"]
    due: Day
    reason: Literal["first", "routine", "raised", "rehabilitation_finished"]
    closes_loop: bool


class RiskStratified(EventData):
    """A reading was turned into a stratum by a published rule, with the parts of the score."""

    TYPE: ClassVar[str] = "careloop.screening.risk-stratified.v1"

    stratum: Literal["none", "low", "medium", "high", "very_high"]
    systolic: int
    diastolic: int
    parts: tuple[ScorePart, ...]
    guideline: Text


class ReferredToManagement(EventData):
    """Screening found a condition to be managed."""

    TYPE: ClassVar[str] = "careloop.referral.to-management.v1"

    programme: Literal["hypertension"]
    stratum: Stratum
    reason: Text


class PlanSet(EventData):
    """Management enrolled the member, or changed the plan.

    targets: mmHg, to stay below. follow_up_days: longest time between two readings, in days.
    """

    TYPE: ClassVar[str] = "careloop.management.plan-set.v1"

    programme: Literal["hypertension"]
    stratum: Stratum
    target_systolic: int
    target_diastolic: int
    follow_up_days: int = Field(gt=0)


class ReferredToTreatment(EventData):
    """Management saw a red flag."""

    TYPE: ClassVar[str] = "careloop.referral.to-treatment.v1"

    reason: Text
    urgency: Literal["routine", "urgent"]


class QualityFlagged(EventData):
    """Treatment noticed something that a reviewer should look at."""

    TYPE: ClassVar[str] = "careloop.treatment.quality-flagged.v1"

    visit_id: Id
    flag: Literal["readmission_within_30_days", "charge_after_discharge", "charge_without_visit"]
    detail: Text


class ReferredToRehabilitation(EventData):
    """A discharge left a need for rehabilitation."""

    TYPE: ClassVar[str] = "careloop.referral.to-rehabilitation.v1"

    visit_id: Id
    discharged_on: Day
    codes: tuple[Code, ...] = Field(min_length=1)
    reason: Text


class ReferralWithdrawn(EventData):
    """The visit that led to a referral to rehabilitation was cancelled."""

    TYPE: ClassVar[str] = "careloop.referral.withdrawn.v1"

    visit_id: Id
    reason: Text


class RehabilitationPlanned(EventData):
    """Rehabilitation measured a baseline and set a goal on the same instrument (0 to 100)."""

    TYPE: ClassVar[str] = "careloop.rehabilitation.planned.v1"

    instrument: Literal["barthel"]
    baseline: int = Field(ge=0, le=100)
    goal: int = Field(ge=0, le=100)
    sessions_per_week: int = Field(gt=0)


class RehabilitationFinished(EventData):
    """Rehabilitation ended; the gain is `final - baseline` on the instrument."""

    TYPE: ClassVar[str] = "careloop.rehabilitation.finished.v1"

    outcome: Literal["goal_reached", "plateau", "lost_to_follow_up"]
    instrument: Literal["barthel"]
    baseline: int | None
    final: int | None
    sessions: int = Field(ge=0)


class ReferredBackToTreatment(EventData):
    """Rehabilitation saw a setback that needs treatment."""

    TYPE: ClassVar[str] = "careloop.referral.back-to-treatment.v1"

    reason: Text
    score_before: int
    score_after: int
