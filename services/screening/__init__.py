"""Screening (筛): finds raised blood pressure early, and says who needs to be managed.

Consumes: members, covers, diagnoses, observations; plans set by management; referrals to
    rehabilitation and their withdrawal by treatment; rehabilitations finished.
Decides: when an adult's blood pressure is to be read next; the cardiovascular stratum of the
    latest reading; whether hypertension is confirmed; whether a loop of care has closed.
Emits: ScreeningScheduled, RiskStratified, ReferredToManagement on `health-events`; the milestones
    invited, screened, risk_stratified, referred, overdue on `care-milestones`.
Remembers, per member: birth date and sex, covers, diagnoses and risk factors with their latest
    day, the latest reading, the days of raised ones, the verdict, the next due day, and the stages
    visited since the loop began.

Rules: `rules/risk.py` (2018 Chinese guideline), `rules/schedule.py` (National Basic Public Health
Service Specification, 3rd edition; USPSTF 2021), `rules/referral.py` (ISH 2020).
"""
