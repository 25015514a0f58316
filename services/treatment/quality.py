"""Readmission: an inpatient stay that begins within 30 days after another one ended.

The span is that of the CMS Hospital Readmissions Reduction Program (42 CFR 412.152); unlike there,
the cause and the hospital are not looked at: the flag asks a person to look. A stay that begins at
the very moment the other ends is a transfer.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from services.contract.care import QualityFlagged
from services.contract.step import Draft
from services.treatment.rules.milestones import milestone
from services.treatment.rules.remarks import between
from services.treatment.state import Remark, TreatmentState, Visit

READMISSION_WITHIN: Final = timedelta(days=30)


def flag_readmissions(
    state: TreatmentState, changed: Visit, when: datetime
) -> tuple[TreatmentState, tuple[Draft, ...]]:
    """Flag what `changed` makes a readmission: itself, or a stay known earlier. Each once."""
    if not _is_stay(changed):
        return state, ()
    found = {
        later.visit_id: (earlier, later)
        for earlier, later in _pairs(changed, state.visits)
        if not later.readmission and _is_readmission(earlier, later)
    }
    if not found:
        return state, ()
    visits = tuple(
        visit._replace(readmission=True) if visit.visit_id in found else visit
        for visit in state.visits
    )
    drafts: list[Draft] = []
    for earlier, later in found.values():
        moment = max(when, later.began or when)
        flagged = QualityFlagged(
            visit_id=later.visit_id,
            flag="readmission_within_30_days",
            detail=_detail(earlier, moment, state.remarks),
        )
        drafts += [
            milestone("readmitted", state.covers, later.visit_id, moment),
            Draft(flagged, moment),
            milestone("quality_flag", state.covers, later.visit_id, moment),
        ]
    return state.model_copy(update={"visits": visits}), tuple(drafts)


def _detail(earlier: Visit, moment: datetime, remarks: tuple[Remark, ...]) -> str:
    text = f"admitted within 30 days after the discharge of visit {earlier.visit_id}"
    ended = earlier.discharged or moment
    said = between(remarks, ended.date(), moment.date())
    return f"{text}; in between, {said}"[:500] if said else text


def _pairs(changed: Visit, visits: Iterable[Visit]) -> Iterable[tuple[Visit, Visit]]:
    for other in visits:
        if other.visit_id != changed.visit_id:
            yield other, changed
            yield changed, other


def _is_readmission(earlier: Visit, later: Visit) -> bool:
    if not (_is_stay(earlier) and _is_stay(later)):
        return False
    began = later.admitted or later.registered
    if earlier.discharged is None or began is None:
        return False
    return timedelta(0) < began - earlier.discharged <= READMISSION_WITHIN


def _is_stay(visit: Visit) -> bool:
    return visit.visit_class == "inpatient" and visit.phase != "cancelled"
