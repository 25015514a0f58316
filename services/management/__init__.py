"""Management 管: follows members between one reading and the next. It names no disease.

consumes  members, covers, diagnoses, observations; strata and referrals from screening; referrals
          to rehabilitation and their withdrawal by treatment; rehabilitations finished.
decides   for each pathway with a management part: who is enrolled, the plan (goals and the longest
          time between readings), whether the target is met or lost, when a follow-up was missed,
          which reading needs treatment, and when a member has been well for long enough.
emits     PlanSet, ReferredToTreatment on `health-events`; the milestones enrolled, target_met,
          target_lost, overdue, escalated, graduated on `care-milestones`.
remembers who the member is and their covers; for each pathway the enrolment: stratum and plan, the
          readings of the last four days that had one, control, the next follow-up and how many were
          missed; withdrawals and urgent referrals.

Nobody but management enrols. Screening refers whom it has confirmed, by readings or by a diagnosis,
and with their stratum: so one condition leads to one plan.

`decide.py` is the process, `enrol.py` who is in and with which plan, `control.py` what readings
say, `follow_up.py` when a member is seen next.
"""
