"""Quality of care: readmissions, and what other stages had said of the member meanwhile.

A readmission is an inpatient stay that begins within 30 days after another one ended.

The span is that of the CMS Hospital Readmissions Reduction Program (42 CFR 412.152); unlike there,
the cause and the hospital are not looked at: the flag asks a person to look. A stay that begins at
the very moment the other ends is a transfer.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Final, assert_never

from services.contract.care import (
    QualityFlagged,
    ReferredBackToTreatment,
    ReferredToTreatment,
    RehabilitationPlanned,
)
from services.contract.change import changed
from services.contract.step import Draft
from services.member.calendar import local_day
from services.treatment.milestones import milestone
from services.treatment.state import Remark, TreatmentState, Visit

READMISSION_WITHIN: Final = timedelta(days=30)

REMARKS_MAX: Final = 4
"""Remarks kept: a readmission looks back a month at most."""

StageWord = ReferredToTreatment | ReferredBackToTreatment | RehabilitationPlanned


def flag_readmissions(
    state: TreatmentState, visit: Visit, when: datetime
) -> tuple[TreatmentState, tuple[Draft, ...]]:
    """Flag what `visit` makes a readmission: itself, or a stay known earlier. Each once."""
    if not _is_stay(visit):
        return state, ()
    found = {
        later.visit_id: (earlier, later)
        for earlier, later in _pairs(visit, state.visits)
        if not later.readmission and _is_readmission(earlier, later)
    }
    if not found:
        return state, ()
    visits = tuple(
        known._replace(readmission=True) if known.visit_id in found else known
        for known in state.visits
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
    return changed(state, visits=visits), tuple(drafts)


def _detail(earlier: Visit, moment: datetime, remarks: tuple[Remark, ...]) -> str:
    text = f"admitted within 30 days after the discharge of visit {earlier.visit_id}"
    ended = earlier.discharged or moment
    said = _between(remarks, local_day(ended), local_day(moment))
    return f"{text}; in between, {said}"[:500] if said else text


def _pairs(visit: Visit, visits: Iterable[Visit]) -> Iterable[tuple[Visit, Visit]]:
    for other in visits:
        if other.visit_id != visit.visit_id:
            yield other, visit
            yield visit, other


def _is_readmission(earlier: Visit, later: Visit) -> bool:
    if not (_is_stay(earlier) and _is_stay(later)):
        return False
    began = later.admitted or later.registered
    if earlier.discharged is None or began is None:
        return False
    return timedelta(0) < began - earlier.discharged <= READMISSION_WITHIN


def _is_stay(visit: Visit) -> bool:
    return visit.visit_class == "inpatient" and visit.phase != "cancelled"


def with_remark(remarks: tuple[Remark, ...], word: StageWord, when: datetime) -> tuple[Remark, ...]:
    """Return the latest remarks, by the day they speak of, with one more."""
    remark = Remark(local_day(when), _text(word)[:150])
    return tuple(sorted((*remarks, remark), key=lambda known: known.day))[-REMARKS_MAX:]


def _between(remarks: tuple[Remark, ...], first: date, last: date) -> str:
    """Return what was said from `first` to `last`, both included; empty if nothing."""
    said = [f"{known.day}: {known.text}" for known in remarks if first <= known.day <= last]
    return "; ".join(said)


def _text(word: StageWord) -> str:
    match word:
        case ReferredToTreatment():
            return f"management referred, {word.urgency}: {word.reason}"
        case ReferredBackToTreatment():
            return f"rehabilitation referred back: {word.reason}"
        case RehabilitationPlanned():
            return (
                f"rehabilitation planned from {word.baseline:g} to {word.goal:g} "
                f"on {word.instrument.id}"
            )
        case _:
            assert_never(word)
