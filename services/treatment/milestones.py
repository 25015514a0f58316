"""What insurers may see of a visit."""

from datetime import datetime
from typing import Literal

from services.contract.cover_terms import KnownCovers
from services.contract.covers import insurers_in_force
from services.contract.milestones import TreatmentMilestone
from services.contract.step import Draft
from services.contract.visit import VisitAdmitted, VisitCancelled, VisitDischarged
from services.treatment.rules.moves import VisitFact

Kind = Literal[
    "admitted", "procedure_done", "discharged", "discharge_cancelled", "readmitted", "quality_flag"
]


def milestone(kind: Kind, covers: KnownCovers, visit_id: str, when: datetime) -> Draft:
    """Return a milestone for the insurers with a cover in force on the day of `when` (UTC).

    With no such insurer it is said all the same, to nobody: the funnel counts every member.
    """
    insurers = insurers_in_force(covers, when.date())
    told = TreatmentMilestone(milestone=kind, insurers=insurers, episode=visit_id)
    return Draft(told, when)


def milestones_of(fact: VisitFact, when: datetime, covers: KnownCovers) -> tuple[Draft, ...]:
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
