"""Treatment 治: follows visits from the counter to the discharge, and asks that they be paid.

It names no disease: which discharges leave a need for rehabilitation, guidelines say.

consumes  covers activated and ended; visits planned, registered, admitted, discharged, cancelled;
          charges posted and voided; conditions recorded and procedures performed within a visit;
          referrals from management and rehabilitation, and rehabilitation plans.
decides   whether a move of a visit is legal; which bill is due for it, and whether it is paid at
          the counter or claimed; what a late correction undoes; who needs rehabilitation; whether
          an admission is a readmission within 30 days.
emits     payment requests and their reversals; referrals to rehabilitation and their
          withdrawal; quality flags; treatment milestones; that a withdrawal waits, was met, or
          was given up.
remembers the member's covers; every open visit with its charges; the closed visits that a
          correction may still reach (`window.py` says which); what was withdrawn of them, or
          before them; the last words of other stages, for the review of a readmission. Its one
          deadline is that of what waits.

A bill is a function of what is known: it is worked out before and after each event, and where the
two differ, the old request is reversed and a new one made. So the facts of a visit may come in any
order, and a late truth costs no rule of its own.

`decide.py` is the process, `visit.py` the legal moves of a visit, `billing.py` what is asked of
settlement, `needs.py` who needs rehabilitation, `quality.py` what a reviewer should look at,
`window.py` what is remembered, `withdrawals.py` what was withdrawn before it came, `waiting.py`
what is told of that, `plans.py` which visits are only announced.
"""
