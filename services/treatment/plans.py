"""Planned visits: announced, so that calling one off is understood, and nothing else follows."""

from datetime import datetime
from typing import Final

from services.contract.change import changed
from services.contract.step import RuleRefusedError
from services.contract.visit import VisitPlanned
from services.treatment.state import TreatmentState
from services.treatment.window import find
from services.treatment.withdrawals import cancellation, met

PLANS_MAX: Final = 32
"""Planned visits remembered of one member; the cancellation of an older one waits in vain."""


def announced(
    state: TreatmentState, data: VisitPlanned, when: datetime, at: datetime
) -> TreatmentState:
    """Return the state that knows of a plan; the same state if it knows more of the visit.

    A plan that had been called off before it came counts for nothing.

    Raises:
        RuleRefusedError: the visit was cancelled before it was planned again.
    """
    called_off = cancellation(state, data.visit_id)
    if called_off is not None and when <= called_off.time:
        return met(state, called_off)
    if find(state, data.visit_id, at).phase == "cancelled":
        raise RuleRefusedError(
            f"cannot plan visit {data.visit_id}: it is cancelled; use a new visit id"
        )
    is_known = any(visit.visit_id == data.visit_id for visit in state.visits)
    if is_known or data.visit_id in state.planned:
        return state
    return changed(state, planned=(*state.planned, data.visit_id)[-PLANS_MAX:])


def without_plan(state: TreatmentState, visit_id: str) -> TreatmentState:
    """Return the state in which a visit is no longer only planned; the same if it was not."""
    if visit_id not in state.planned:
        return state
    return changed(state, planned=tuple([one for one in state.planned if one != visit_id]))
