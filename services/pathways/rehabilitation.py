"""The shape of the rehabilitation part of a guideline: need, instrument, goal, dose, deadlines.

Scores are on the instrument's scale; spans are of days. Every line says why it is as it is, or
names its source.
"""

from datetime import timedelta
from functools import cached_property
from itertools import pairwise
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from services.contract import care
from services.contract.frozen import Text, Word
from services.contract.visit import VisitClass
from services.terminology.lookup import Table, known_diagnoses, measures

SCORE_DIGITS: Final = 6
"""Decimals that count: enough for any scale, and few enough to forget how floats add up."""


class Needs(Table):
    """Which discharges leave a need: visits of these classes with one of these diagnoses.

    within_days: a discharge longer ago than this makes no referral when it becomes known. reason:
    what the referral says.
    """

    why: Text
    diagnoses: frozenset[Word] = Field(min_length=1)
    visit_classes: frozenset[VisitClass] = Field(min_length=1)
    within_days: int = Field(gt=0)
    reason: Text

    @model_validator(mode="after")
    def _names_known_diagnoses(self) -> Self:
        unknown = sorted(self.diagnoses - known_diagnoses())
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: not in terminology/diagnoses.toml")
        return self

    @cached_property
    def within(self) -> timedelta:
        """The span of `within_days`."""
        return timedelta(days=self.within_days)


class Instrument(Table):
    """What function is measured with: one form of it, since forms of one name differ in scale.

    name: in a sentence for people. measure: of `terminology/measures.toml`. form: the scale in
    words. score_name, advice: words for a score that is not on the scale. least_change: the
    smallest change that a patient notices, on this form.
    """

    id: Word
    name: Text
    measure: Word
    form: Text
    score_name: Text
    advice: Text
    low: float
    high: float
    step: float = Field(gt=0)
    better: Literal["higher", "lower"]
    least_change: float = Field(gt=0)
    why: Text

    @model_validator(mode="after")
    def _is_a_scale(self) -> Self:
        if self.measure not in measures():
            raise ValueError(f"{self.measure}: not in terminology/measures.toml")
        if self.low >= self.high:
            raise ValueError(f"low {self.low:g} must be below high {self.high:g}")
        for end in (self.low, self.high):
            if not self._is_a_step(end):
                raise ValueError(f"{end:g} is no multiple of the step {self.step:g}")
        if self.least_change > self.high - self.low:
            raise ValueError(f"least_change {self.least_change:g} is more than the whole scale")
        return self

    @cached_property
    def told(self) -> care.Instrument:
        """The instrument as the contract names it."""
        return care.Instrument(id=self.id, name=self.name, form=self.form)

    @property
    def best(self) -> float:
        """The end of the scale that is best."""
        return self.high if self.better == "higher" else self.low

    def has(self, score: float) -> bool:
        """Whether a score is on the scale."""
        return self.low <= score <= self.high and self._is_a_step(score)

    def gain(self, before: float, after: float) -> float:
        """Return how much better `after` is than `before`; negative if it is worse."""
        change = after - before if self.better == "higher" else before - after
        return round(change, SCORE_DIGITS)

    def _is_a_step(self, score: float) -> bool:
        steps = score / self.step
        return abs(steps - round(steps)) <= 10**-SCORE_DIGITS


class Mark(Table):
    """A score that marks a way of living; why: which."""

    score: float
    why: Text


class Goal(Table):
    """The marks to aim at, each better than the one before.

    The goal is the next one that is a noticeable change away; `otherwise` if none is.
    """

    marks: tuple[Mark, ...] = ()
    otherwise: Mark


class Dose(Table):
    """How often practice is needed in one band of scores; to: the last score of the band."""

    band: Word
    to: float
    sessions_per_week: int = Field(gt=0)
    why: Text


class Plateau(Table):
    """How many reassessments in a row without a noticeable gain are a plateau."""

    reassessments: int = Field(gt=0)
    why: Text


class Days(Table):
    """A span, and where it is from."""

    days: int = Field(gt=0)
    why: Text

    @cached_property
    def span(self) -> timedelta:
        """The span itself."""
        return timedelta(days=self.days)


class Times(Table):
    """A count, and where it is from."""

    times: int = Field(gt=0)
    why: Text


class Deadlines(Table):
    """How long rehabilitation waits, and for what.

    baseline_within: from the referral to the first assessment. assessment_within: from one to the
    next. reassessment_apart: two scores closer than this are one look at the same function.
    follow_up_after: from reaching the goal to the end, if nothing is lost meanwhile.
    contact_within: from the last score or attended session to being lost to follow-up.
    missed_in_a_row: missed sessions that call for someone to ask. baseline_before_discharge: a
    score this long before the discharge still serves as the baseline. told_late: what happened
    longer ago than this, as of the log's clock, calls nobody to act any more.
    """

    baseline_within: Days
    assessment_within: Days
    reassessment_apart: Days
    follow_up_after: Days
    contact_within: Days
    missed_in_a_row: Times
    baseline_before_discharge: Days
    told_late: Days


class Rehabilitation(Table):
    """Who needs rehabilitation after a discharge, what it is measured with, and what it aims at.

    dose: bands from the lowest scores to the highest, without a gap.
    """

    source: Text
    needs: Needs
    instrument: Instrument
    goal: Goal
    dose: tuple[Dose, ...] = Field(min_length=1)
    plateau: Plateau
    deadlines: Deadlines

    @model_validator(mode="after")
    def _aims_at_scores_of_the_instrument(self) -> Self:
        scores = [mark.score for mark in (*self.goal.marks, self.goal.otherwise)]
        self._on_the_scale("goal", scores)
        for before, after in pairwise(scores):
            if self.instrument.gain(before, after) <= 0:
                raise ValueError(f"goal: {after:g} is not better than {before:g} before it")
        return self

    @model_validator(mode="after")
    def _has_a_dose_for_every_score(self) -> Self:
        ends = [line.to for line in self.dose]
        self._on_the_scale("dose", ends)
        for before, after in pairwise(ends):
            if after <= before:
                raise ValueError(f"dose: the band to {after:g} follows the band to {before:g}")
        if ends[-1] != self.instrument.high:
            raise ValueError(
                f"dose: the last band ends at {ends[-1]:g}, not at {self.instrument.high:g}"
            )
        return self

    def _on_the_scale(self, part: str, scores: list[float]) -> None:
        for score in scores:
            if not self.instrument.has(score):
                raise ValueError(f"{part}: {score:g} is not on the scale {self.instrument.form}")
