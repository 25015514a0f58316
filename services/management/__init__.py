"""Management 管: follows members between one reading and the next. It names no disease.

consumes  members, covers, diagnoses, observations; strata and referrals from screening; referrals
          to rehabilitation and their withdrawal by treatment; rehabilitations finished.
decides   for each pathway with a management part: who is enrolled, the plan (goals and the longest
          time between readings), whether the target is met or lost, when a follow-up was missed,
          which reading needs treatment, and when a member has been well for long enough.
emits     PlanSet, ReferredToTreatment on `health-events`; the milestones enrolled, target_met,
          target_lost, overdue, resumed, escalated, graduated, left on `care-milestones`.
remembers one record of the member; for each pathway the enrolment: stratum and plan, the readings
          of the last four days that had one, control, the next follow-up and how many were missed;
          withdrawals and urgent referrals.

Nobody but management enrols: on a diagnosis in the stratum that the record shows, and on screening's
referral in the stratum that it brings. Both reckon alike, so one condition leads to one plan.

`decide.py` is the process, `enrol.py` who is in and with which plan, `control.py` what readings
say, `follow_up.py` when a member is seen next.
"""
