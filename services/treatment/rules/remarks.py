"""What other stages say of a member, kept in a few words for the review of a readmission."""

from datetime import date, datetime
from typing import Final, assert_never

from services.contract.care import (
    ReferredBackToTreatment,
    ReferredToTreatment,
    RehabilitationPlanned,
)
from services.treatment.state import Remark

REMARKS_MAX: Final = 4
"""Remarks kept: a readmission looks back a month at most."""

StageWord = ReferredToTreatment | ReferredBackToTreatment | RehabilitationPlanned


def with_remark(remarks: tuple[Remark, ...], word: StageWord, when: datetime) -> tuple[Remark, ...]:
    """Return the latest remarks, by the day they speak of, with one more."""
    remark = Remark(day=when.date(), text=_text(word)[:150])
    return tuple(sorted((*remarks, remark), key=lambda known: known.day))[-REMARKS_MAX:]


def between(remarks: tuple[Remark, ...], first: date, last: date) -> str:
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
                f"rehabilitation planned from {word.baseline} to {word.goal} on {word.instrument}"
            )
        case _:
            assert_never(word)
