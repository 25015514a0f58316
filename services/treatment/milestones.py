"""What insurers may see of a visit."""

from datetime import datetime
from typing import Literal

from services.contract.milestones import TreatmentMilestone
from services.contract.step import Draft
from services.contract.visit import VisitAdmitted, VisitCancelled, VisitDischarged
from services.member.calendar import local_day
from services.member.covers import Covers, insurers_in_force
from services.treatment.visit import VisitFact

MilestoneName = Literal[
    "admitted", "procedure_done", "discharged", "discharge_cancelled", "readmitted", "quality_flag"
]


def milestone(name: MilestoneName, covers: Covers, visit_id: str, when: datetime) -> Draft:
    """Return a milestone for the insurers with a cover in force on the day of `when`.

    With no such insurer it is said all the same, to nobody: the funnel counts every member. A visit
    is of no pathway: it is told whatever its reason.
    """
    insurers = insurers_in_force(covers, local_day(when))
    told = TreatmentMilestone(milestone=name, pathway=None, insurers=insurers, episode=visit_id)
    return Draft(told, when)


def milestones_of(fact: VisitFact, when: datetime, covers: Covers) -> tuple[Draft, ...]:
    """Return the milestone that a legal move of a visit is, if it is one."""
    match fact:
        case VisitAdmitted():
            return (milestone("admitted", covers, fact.visit_id, when),)
        case VisitDischarged():
            return (milestone("discharged", covers, fact.visit_id, when),)
        case VisitCancelled(cancels="discharge"):
            return (milestone("discharge_cancelled", covers, fact.visit_id, when),)
        case _:
            return ()
