"""What insurers may see: that something was reached, when, and under whose cover."""

from typing import ClassVar, Literal

from services.contract.event import EventData
from services.contract.frozen import Id, Word


class Milestone(EventData):
    """The minimum an insurer follows care by.

    insurers: those with a cover of the member in force at the milestone's time; nobody else is
    told. pathway: the condition that is followed; None where a visit is, whatever its reason.
    episode: id of the visit or of the plan it belongs to.
    """

    pathway: Word | None
    insurers: tuple[Id, ...]
    episode: Id | None


class ScreeningMilestone(Milestone):
    """A step of screening."""

    TYPE: ClassVar[str] = "careloop.screening.milestone-reached.v1"

    milestone: Literal["invited", "screened", "risk_stratified", "referred", "overdue"]


class ManagementMilestone(Milestone):
    """A step of disease management.

    overdue: a follow-up went by, told once for each; resumed: the member was seen after that.
    left: the diagnosis holds no more.
    """

    TYPE: ClassVar[str] = "careloop.management.milestone-reached.v1"

    milestone: Literal[
        "enrolled", "target_met", "target_lost", "overdue", "resumed", "escalated", "graduated",
        "left",
    ]  # fmt: skip


class TreatmentMilestone(Milestone):
    """A step of treatment."""

    TYPE: ClassVar[str] = "careloop.treatment.milestone-reached.v1"

    milestone: Literal[
        "admitted", "procedure_done", "discharged", "discharge_cancelled", "readmitted",
        "quality_flag",
    ]  # fmt: skip


class RehabilitationMilestone(Milestone):
    """A step of rehabilitation."""

    TYPE: ClassVar[str] = "careloop.rehabilitation.milestone-reached.v1"

    milestone: Literal[
        "started", "baseline", "goal_reached", "plateau", "relapsed", "completed", "overdue"
    ]
