"""What is agreed with a member: targets by age and stratum, and how often to be seen.

Sources: 2018 Chinese Guidelines for Prevention and Treatment of Hypertension, section 5.1 (targets)
and 6 (the elderly); National Basic Public Health Service Specification, 3rd edition (2017): at
least four follow-ups a year.
"""

from datetime import date, datetime
from typing import Final

from services.contract.care import PlanSet, Stratum
from services.contract.days import days_after
from services.contract.step import Draft
from services.management.state import Enrolment, Plan

GENERAL_TARGET_MMHG: Final = (140, 90)

HIGH_RISK_TARGET_MMHG: Final = (130, 80)
"""For those of high and very high risk who tolerate it, diabetes included: it makes the stratum at
least high. Whether it is tolerated is for the clinic to say; the plan states the aim."""

OLDEST_TARGET_MMHG: Final = (150, 90)

ELDERLY_FROM_YEARS: Final = 65
"""From here on 140/90 is the aim whatever the stratum."""

OLDEST_FROM_YEARS: Final = 80

FOLLOW_UP_DAYS: Final[dict[Stratum, int]] = {
    "low": 91,
    "medium": 60,
    "high": 30,
    "very_high": 30,
}
"""A quarter is the specification's longest; the guideline's one to three months once at target are
read as shorter with higher risk."""

GRADUATED_FOLLOW_UP_DAYS: Final = 365
"""After a year at target at low risk. Our choice: the yearly fuller examination remains."""

STRATA: Final[tuple[Stratum, ...]] = ("low", "medium", "high", "very_high")

LOWERED_AFTER_DAYS: Final = 365
"""A stratum may rise on any day; it falls only at the yearly assessment, since a pressure lowered
by treatment does not lower the risk that it was treated for."""


def plan_for(stratum: Stratum, age: int | None, *, graduated: bool) -> Plan:
    """Return the plan for a stratum at an age (None: not known, taken as under 65)."""
    years = 0 if age is None else age
    if years >= OLDEST_FROM_YEARS:
        target = OLDEST_TARGET_MMHG
    elif years >= ELDERLY_FROM_YEARS or stratum in {"low", "medium"}:
        target = GENERAL_TARGET_MMHG
    else:
        target = HIGH_RISK_TARGET_MMHG
    return Plan(
        target_systolic=target[0],
        target_diastolic=target[1],
        follow_up_days=GRADUATED_FOLLOW_UP_DAYS if graduated else FOLLOW_UP_DAYS[stratum],
    )


def with_stratum(enrolment: Enrolment, stratum: Stratum, day: date) -> Enrolment:
    """Return the enrolment in a new stratum; the same enrolment if it has to stay as it is.

    Rising ends a graduation: it was granted to low risk.
    """
    rise = STRATA.index(stratum) - STRATA.index(enrolment.stratum)
    assessed = day >= days_after(enrolment.stratum_on, LOWERED_AFTER_DAYS)
    if rise == 0 or (rise < 0 and not assessed):
        return enrolment
    graduated = enrolment.graduated and rise < 0
    changes = {"stratum": stratum, "stratum_on": day, "graduated": graduated}
    return enrolment.model_copy(update=changes)


def replanned(
    enrolment: Enrolment, before: Enrolment | None, age: int | None, time: datetime, at: datetime
) -> tuple[Enrolment, tuple[Draft, ...]]:
    """Return the enrolment with the plan that fits it, published if it or the stratum changed.

    A shorter cadence brings an agreed follow-up forward; a longer one waits for the next reading.
    """
    plan = plan_for(enrolment.stratum, age, graduated=enrolment.graduated)
    if before is not None and (plan, enrolment.stratum) == (before.plan, before.stratum):
        return enrolment, ()
    due = enrolment.due
    if due is not None:
        due = min(due, days_after(at.date(), plan.follow_up_days))
    plan_set = PlanSet(
        programme="hypertension",
        stratum=enrolment.stratum,
        target_systolic=plan.target_systolic,
        target_diastolic=plan.target_diastolic,
        follow_up_days=plan.follow_up_days,
    )
    return enrolment.model_copy(update={"plan": plan, "due": due}), (Draft(plan_set, time),)
