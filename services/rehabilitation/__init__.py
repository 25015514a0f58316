"""Rehabilitation 康: from a referral after discharge to a goal on the Barthel index.

consumes  covers activated and ended; referrals from treatment and their withdrawal; Barthel scores
          among the observations; sessions attended and missed.
decides   goal and dose from the baseline; whether a score is progress, a plateau, a setback or the
          goal; which assessment is overdue; when a member is lost to follow-up; how a session is
          paid.
emits     the plan, its end with outcome and gain, referrals back to treatment; direct-pay and
          claim requests per session; rehabilitation milestones.
remembers the member's covers, the plan that is on, the last Barthel score, and marks of the
          sessions paid last.
"""
