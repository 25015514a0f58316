"""Who is in a programme, in which stratum, and with which plan."""

from services.contract.care import PlanSet
from services.contract.step import Draft
from services.management.follow_up import armed
from services.management.programme import Programme
from services.management.state import Enrolment, Plan
from services.member.calendar import days_after
from services.pathways.strata import screening_view, verdict

Enrolled = tuple[Enrolment, tuple[Draft, ...]]
"""An enrolment, and what to say about it."""


def stratum_of(programme: Programme) -> str:
    """Return the stratum of a member with the diagnosis; the lowest where an input is missing."""
    strata, screening = programme.guideline.strata, programme.edition.screening
    if screening is None:
        return strata[0]
    view = screening_view(programme.record, screening, programme.day)
    found = verdict(programme.pathway, screening, view._replace(confirmed=True))
    return found.stratum if found is not None and found.stratum in strata else strata[0]


def enrolled(programme: Programme, stratum: str) -> Enrolled:
    """Take a member in."""
    day = programme.day
    plan = plan_for(programme, stratum, graduated=False)
    fresh = Enrolment(programme.pathway.id, day, stratum, day, plan)
    within = armed(programme, fresh, programme.guideline.above_target_days)
    enrolment, plan_set = replanned(programme, within, None)
    return enrolment, (*plan_set, programme.milestone("enrolled"))


def restratified(programme: Programme, before: Enrolment, stratum: str) -> Enrolled:
    """Move a member to another stratum, with the plan that belongs to it, where that may be."""
    moved = with_stratum(programme, before, stratum)
    return (before, ()) if moved is before else replanned(programme, moved, before)


def plan_for(programme: Programme, stratum: str, *, graduated: bool) -> Plan:
    """Return the plan for a stratum at the member's age (not known: as from no age on)."""
    guideline, years = programme.guideline, programme.age
    target = next(
        line for line in guideline.targets if stratum in line.strata and years >= line.age_from
    )
    days = guideline.follow_up_days[stratum]
    if graduated and guideline.graduation is not None:
        days = guideline.graduation.follow_up_days
    return Plan(tuple([limit.aim for limit in target.goals]), days)


def with_stratum(programme: Programme, enrolment: Enrolment, stratum: str) -> Enrolment:
    """Return the enrolment in a new stratum; the same enrolment if it has to stay as it is.

    A stratum rises on any day, and falls at the yearly assessment. Rising ends a graduation: it
    was granted to a low one. A stratum that the programme does not know, such as `none`, is none
    of its concern.
    """
    strata = programme.guideline.strata
    if stratum not in strata:
        return enrolment
    rise = strata.index(stratum) - strata.index(enrolment.stratum)
    assessed = programme.day >= days_after(
        enrolment.stratum_on, programme.guideline.lowered_after_days
    )
    if rise == 0 or (rise < 0 and not assessed):
        return enrolment
    graduated = enrolment.graduated and rise < 0
    return enrolment._replace(stratum=stratum, stratum_on=programme.day, graduated=graduated)


def replanned(programme: Programme, enrolment: Enrolment, before: Enrolment | None) -> Enrolled:
    """Return the enrolment with the plan that fits it, published if it or the stratum changed.

    A shorter cadence brings an agreed follow-up forward; a longer one waits for the next reading.
    """
    plan = plan_for(programme, enrolment.stratum, graduated=enrolment.graduated)
    if before is not None and (plan, enrolment.stratum) == (before.plan, before.stratum):
        return enrolment, ()
    due = enrolment.due
    if due is not None:
        due = min(due, days_after(programme.today, plan.follow_up_days))
    plan_set = PlanSet(
        pathway=programme.pathway.id,
        stratum=enrolment.stratum,
        goals=tuple([aim.goal for aim in plan.goals]),
        follow_up_days=plan.follow_up_days,
        rule=programme.rule("targets"),
    )
    return enrolment._replace(plan=plan, due=due), (Draft(plan_set, programme.time),)
