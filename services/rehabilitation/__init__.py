"""Rehabilitation 康: from a referral after discharge to a goal on an instrument's scale.

It names no disease and no instrument: guidelines do.

consumes  covers activated and ended; referrals from treatment and their withdrawal; scores among
          the observations; sessions attended and missed.
decides   for each pathway with a rehabilitation part: goal and dose from the baseline; whether a
          score is a gain, a plateau, a setback or the goal; which assessment is overdue; when a
          member is lost to follow-up; and how a session is paid.
emits     the plan, its end with outcome and gain, referrals back to treatment; payment requests
          per session; rehabilitation milestones.
remembers the member's covers, the course that is on and the last score in each pathway, and marks
          of the sessions paid last; of the latest, what it takes to ask anew.

`decide.py` is the process, `course.py` what a score says about a course, `instrument.py` how a
score is read, `programme.py` which guideline speaks, `sessions.py` how a session is paid.
"""
