"""What the four stages say to one another on the health log.

`pathway` names a folder of `services/pathways`, listed in `events/pathways.toml`. `rule` names the
line of its guideline that spoke: `<pathway>@<edition>/<line>`.
"""

from typing import ClassVar, Literal

from pydantic import Field

from services.contract.event import EventData
from services.contract.frozen import Day, Frozen, Id, Text, Word
from services.contract.visit import Code

Outcome = Literal["goal_reached", "plateau", "lost_to_follow_up"]
"""How a course of rehabilitation ends: the first two are measured, the third is a silence."""


class ScorePart(Frozen):
    """One contribution to a stratum, in words, with the value it was read from, and its points."""

    factor: Text
    value: Text
    points: float | None = None


class Goal(Frozen):
    """A bound on one measure of `services/terminology/measures.toml`, in its unit (UCUM)."""

    measure: Word
    bound: Literal["below", "at_most", "at_least", "above"]
    value: float
    unit: str = Field(min_length=1, max_length=50)


class Instrument(Frozen):
    """What function is measured with. form: which of its forms, since their scales differ."""

    id: Word
    name: Text
    form: Text


class ScreeningScheduled(EventData):
    """The member's next screening of a pathway falls due on `due`.

    closes_loop: the member has been through screening, management, treatment and rehabilitation
    since the loop began, and is back at its start. One who was lost to follow-up is not.
    """

    TYPE: ClassVar[str] = "careloop.screening.scheduled.v1"

    pathway: Word
    due: Day
    reason: Literal["first", "routine", "raised", "rehabilitation_finished"]
    closes_loop: bool


class RiskStratified(EventData):
    """What is known of a member was turned into a stratum, with the parts of the score.

    guideline: the source of the rule, for people.
    """

    TYPE: ClassVar[str] = "careloop.screening.risk-stratified.v1"

    pathway: Word
    stratum: Word
    parts: tuple[ScorePart, ...]
    rule: Text
    guideline: Text


class ReferredToManagement(EventData):
    """Screening found a condition to be managed."""

    TYPE: ClassVar[str] = "careloop.referral.to-management.v1"

    pathway: Word
    stratum: Word
    reason: Text
    rule: Text


class PlanSet(EventData):
    """Management enrolled the member, or changed the plan.

    goals: all of them are to be met. follow_up_days: longest time between two readings, in days.
    """

    TYPE: ClassVar[str] = "careloop.management.plan-set.v1"

    pathway: Word
    stratum: Word
    goals: tuple[Goal, ...] = Field(min_length=1)
    follow_up_days: int = Field(gt=0)
    rule: Text


class ReferredToTreatment(EventData):
    """Management saw a red flag, or a target that stays lost."""

    TYPE: ClassVar[str] = "careloop.referral.to-treatment.v1"

    pathway: Word
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

    pathway: Word
    visit_id: Id
    discharged_on: Day
    codes: tuple[Code, ...] = Field(min_length=1)
    reason: Text


class ReferralWithdrawn(EventData):
    """The visit that led to a referral to rehabilitation was cancelled."""

    TYPE: ClassVar[str] = "careloop.referral.withdrawn.v1"

    pathway: Word
    visit_id: Id
    reason: Text


class WithdrawalNoted(EventData):
    """A withdrawal came before what it withdraws, and waits for it; or has met it.

    fact: id of the withdrawal's event. what, name: what is withdrawn, and its id; a discharge is
    named by its visit. visit_id: the visit that it belongs to. status: it waits, until the end of the
    day `until` at most; or it was met, so that what it withdraws never took effect (the same is said
    where a later withdrawal of the same takes its place).
    """

    TYPE: ClassVar[str] = "careloop.withdrawal.noted.v1"

    fact: Text
    what: Literal["visit", "discharge", "charge", "cover"]
    name: Id
    visit_id: Id | None
    status: Literal["waits", "met"]
    until: Day


class RehabilitationPlanned(EventData):
    """Rehabilitation measured a baseline and set a goal, both on the instrument's scale."""

    TYPE: ClassVar[str] = "careloop.rehabilitation.planned.v1"

    pathway: Word
    instrument: Instrument
    baseline: float
    goal: float
    sessions_per_week: int = Field(gt=0)
    rule: Text


class RehabilitationFinished(EventData):
    """Rehabilitation ended; the gain is `final - baseline` on the instrument's scale."""

    TYPE: ClassVar[str] = "careloop.rehabilitation.finished.v1"

    pathway: Word
    outcome: Outcome
    instrument: Instrument
    baseline: float | None
    final: float | None
    sessions: int = Field(ge=0)


class ReferredBackToTreatment(EventData):
    """Rehabilitation saw a setback that needs treatment; the scores are the instrument's."""

    TYPE: ClassVar[str] = "careloop.referral.back-to-treatment.v1"

    pathway: Word
    instrument: Instrument
    reason: Text
    score_before: float
    score_after: float
