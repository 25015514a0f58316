"""Which visits are remembered, so that the state of a member stays bounded.

Open visits are all kept, up to a number that no member reaches. Of the closed ones, a correction
can reach the 16 that changed last, however old, and of the 128 that changed last those which did
so within two years of the log's clock. A correction of any other is refused by name; it needs a
person. The count is in the order of the log, so that ten years published in one go can still be
corrected in the same breath.
"""

from datetime import datetime, timedelta
from typing import Final

from services.contract.change import changed
from services.contract.ids import stable_id
from services.contract.step import RuleRefusedError
from services.member.calendar import local_day
from services.treatment.state import TreatmentState, Visit
from services.treatment.withdrawals import without_visits

CLOSED_KEPT_ALWAYS: Final = 16
CLOSED_KEPT_MAX: Final = 128
CLOSED_KEPT_FOR: Final = timedelta(days=730)
OPEN_MAX: Final = 128
FORGOTTEN_MAX: Final = 1_024
"""Marks of forgotten visits. Some 15 bytes each; the oldest give way."""


def find(state: TreatmentState, visit_id: str, at: datetime) -> Visit:
    """Return the visit, or one of which nothing is known yet.

    Raises:
        RuleRefusedError: it was known, and is beyond the window of corrections.
    """
    for visit in reversed(state.visits):
        if visit.visit_id == visit_id:
            return visit
    if state.forgotten and mark(visit_id) in state.forgotten:
        raise RuleRefusedError(
            f"visit {visit_id} closed too long ago to be corrected: only the last "
            f"{CLOSED_KEPT_ALWAYS} visits, and those of the last two years, can be; "
            "settle the difference by hand"
        )
    return Visit(visit_id=visit_id, touched=local_day(at))


def mark(visit_id: str) -> str:
    """Return 12 hexadecimal digits that stand for a forgotten visit."""
    return stable_id("treatment", "forgotten", visit_id)[-12:]


def remember(state: TreatmentState, visit: Visit, at: datetime) -> TreatmentState:
    """Return the state with `visit` as the one that changed last, within the bounds.

    Raises:
        RuleRefusedError: too many visits are open.
    """
    today = local_day(at)
    touched = visit if visit.touched == today else visit._replace(touched=today)
    name = visit.visit_id
    visits = (*[known for known in state.visits if known.visit_id != name], touched)
    if len(visits) <= CLOSED_KEPT_ALWAYS:
        return changed(state, visits=visits)
    closed = [known for known in visits if known.is_closed]
    if not visit.is_closed and len(visits) - len(closed) > OPEN_MAX:
        raise RuleRefusedError(
            f"visit {visit.visit_id} would be the member's {OPEN_MAX + 1}th open one; "
            "discharge or cancel those that are over"
        )
    since = today - CLOSED_KEPT_FOR
    dropped = {
        known.visit_id
        for age, known in enumerate(reversed(closed))
        if age >= CLOSED_KEPT_MAX or (age >= CLOSED_KEPT_ALWAYS and known.touched < since)
    }
    if not dropped:
        return changed(state, visits=visits)
    kept = tuple(known for known in visits if known.visit_id not in dropped)
    marks = [mark(known.visit_id) for known in visits if known.visit_id in dropped]
    left = without_visits(state, dropped)
    return changed(left, visits=kept, forgotten=(*state.forgotten, *marks)[-FORGOTTEN_MAX:])
