"""How long rehabilitation waits, and for what. All are Careloop's own, except where named."""

from datetime import datetime, timedelta
from typing import Final

BASELINE_WITHIN: Final = timedelta(days=14)
"""From the referral to the first assessment."""

ASSESSMENT_WITHIN: Final = timedelta(days=42)
"""From one assessment to the next: monthly, with two weeks' grace."""

REASSESSMENT_APART: Final = timedelta(days=14)
"""Two scores closer than this are one look at the same function (Granger measured every two
weeks)."""

FOLLOW_UP_AFTER: Final = timedelta(days=28)
"""From reaching the goal to the end of the plan, if nothing is lost meanwhile."""

CONTACT_WITHIN: Final = timedelta(days=90)
"""From the last score or attended session to being lost to follow-up."""

MISSED_IN_A_ROW: Final = 3
"""Missed sessions that call for someone to ask."""

BASELINE_BEFORE_DISCHARGE: Final = timedelta(days=7)
"""A score taken on the ward this long before the discharge still serves as the baseline."""

TOLD_LATE: Final = timedelta(days=30)
"""What happened longer ago than this, as of the log's clock, calls nobody to act any more."""


def due_after(start: datetime, span: timedelta, at: datetime) -> datetime:
    """Return the first of `start + span`, `start + 2 * span`, ... that lies beyond `at`.

    History that is published late so sets off no deadline that had passed before it came.
    """
    elapsed = max((at - start) // span, 0)
    return start + span * (elapsed + 1)
