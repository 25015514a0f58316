"""Management (管): follows members with hypertension between one reading and the next.

Consumes: members, covers, diagnoses, observations; risk strata and referrals from screening;
    referrals to rehabilitation and their withdrawal by treatment; rehabilitations finished.
Decides: who is enrolled, the plan (targets and the longest time between readings), whether the
    target is met or lost, when a follow-up was missed, which reading needs treatment, and when a
    member has been well for long enough to be seen once a year.
Emits: PlanSet, ReferredToTreatment on `health-events`; the milestones enrolled, target_met,
    target_lost, overdue, escalated, graduated on `care-milestones`.
Remembers, per member: birth date, covers, enrolment, stratum and plan, the readings of the last
    four days that had one, whether the target is met and since when, the next follow-up and how
    many were missed, the last referrals to treatment. Of members who are not enrolled: no readings.

Rules: `rules/plan.py` and `rules/control.py` (2018 Chinese guideline; National Basic Public Health
Service Specification, 3rd edition), `rules/follow_up.py`.
"""
