"""Screening 筛: finds conditions early, and says who needs to be managed. It names no disease.

consumes  members, covers, diagnoses, observations; plans set by management; referrals to
          rehabilitation and their withdrawal by treatment; rehabilitations finished.
decides   for each pathway with a screening part: when a member is to be looked at next, the
          stratum of what is known, whether the condition is confirmed, whether a loop has closed.
emits     ScreeningScheduled, RiskStratified, ReferredToManagement on `health-events`; the
          milestones invited, screened, risk_stratified, referred, overdue on `care-milestones`.
remembers one record of the member, and for each pathway a row: days of readings beyond a limit,
          the last verdict, the referral, the next due day, the stages visited in the loop.

`decide.py` is the process, `due.py` when, `confirm.py` what confirms, `strata.py` the verdicts,
`loop.py` the way round. What they decide by stands in `services/pathways/<pathway>/guideline.toml`.
"""
