"""When hypertension counts as confirmed, so that the member is handed to management.

Sources: ISH 2020 Global Hypertension Practice Guidelines, section 2: office readings of 140/90 mmHg
or more on two to three visits, a single visit enough from 180/110 mmHg; 2018 Chinese guideline,
section 4.1, for the thresholds. A recorded diagnosis needs no further proof.
"""

from collections.abc import Iterable
from datetime import date, datetime
from itertools import pairwise
from typing import Final, cast

from services.contract.blood_pressure import Reading
from services.contract.care import ReferredToManagement, RiskStratified, Stratum
from services.contract.step import Draft, Step
from services.screening.rules.risk import GUIDELINE, HYPERTENSION, SEVERE, column_of, stratify
from services.screening.rules.schedule import ScreeningStep, is_child, milestone
from services.screening.state import RAISED_DAYS_MAX, ScreeningState, VisitedStage

CONFIRMED_WITHIN_DAYS: Final = 365
"""Two raised days this far apart at most confirm: yearly readings must be able to. Our choice;
the guideline repeats after 1 to 4 weeks, and so does the schedule."""


def with_raised_day(state: ScreeningState, reading: Reading) -> ScreeningState:
    """Return the state that remembers the day of a raised reading; the same state otherwise."""
    day = reading.time.date()
    if column_of(reading) < HYPERTENSION or day in state.raised_on:
        return state
    days = sorted({*state.raised_on, day})[-RAISED_DAYS_MAX:]
    return state.model_copy(update={"raised_on": tuple(days)})


def referred(
    state: ScreeningState, time: datetime, reading: Reading | None = None
) -> tuple[ScreeningState, str | None]:
    """Return the state with the referral made, and its reason; or the same state and None.

    Nobody is referred twice before the diagnosis is withdrawn, and no child.
    """
    if state.referred_on is not None or is_child(state, time.date()):
        return state, None
    reason = _confirmed(state, reading)
    if reason is None:
        return state, None
    return state.model_copy(update={"referred_on": time.date()}), reason


def _confirmed(state: ScreeningState, reading: Reading | None) -> str | None:
    if state.has("hypertension"):
        return "hypertension is diagnosed"
    since = state.resolved_on("hypertension") or date.min
    if reading is not None and column_of(reading) >= SEVERE and reading.time.date() > since:
        return (
            f"{reading.systolic}/{reading.diastolic} mmHg on {reading.time.date()}: "
            "one reading of 180/110 or more"
        )
    pair = _close_pair(day for day in state.raised_on if day > since)
    if pair is None:
        return None
    return f"140/90 mmHg or more on {pair[0]} and on {pair[1]}"


def _close_pair(days: Iterable[date]) -> tuple[date, date] | None:
    close = (pair for pair in pairwise(days) if (pair[1] - pair[0]).days <= CONFIRMED_WITHIN_DAYS)
    return next(close, None)


def referral(state: ScreeningState, reason: str, time: datetime) -> ScreeningStep:
    """Return the step that says so: the referral with the stratum of the day."""
    # A confirmed member stands at least in the column of grade 1, where no cell is "none".
    stratum = cast("Stratum", stratify(state, time.date()).stratum)
    order = ReferredToManagement(programme="hypertension", stratum=stratum, reason=reason)
    return Step(
        with_visit(state, "screening"),
        (Draft(order, time), milestone(state, "referred", time)),
    )


def judged(state: ScreeningState, time: datetime, episode: str | None = None) -> ScreeningStep:
    """Return the step that publishes the verdict on the latest reading, if it has changed."""
    if state.latest is None:
        return Step(state)
    verdict = stratify(state, time.date())
    if (verdict.column, verdict.stratum) == (state.column, state.stratum):
        return Step(state)
    moment = max(time, state.latest.time)
    stratified = RiskStratified(
        stratum=verdict.stratum,
        systolic=state.latest.systolic,
        diastolic=state.latest.diastolic,
        parts=verdict.parts,
        guideline=GUIDELINE,
    )
    return Step(
        state.model_copy(update={"column": verdict.column, "stratum": verdict.stratum}),
        (Draft(stratified, moment), milestone(state, "risk_stratified", moment, episode)),
    )


def with_visit(state: ScreeningState, stage: VisitedStage) -> ScreeningState:
    """Return the state in which the loop has been through a stage; the same if it had."""
    if stage in state.visited:
        return state
    return state.model_copy(update={"visited": (*state.visited, stage)})
