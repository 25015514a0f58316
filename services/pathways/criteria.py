"""Lines of a guideline's tables: does one hold for a member, and in what words."""

import operator
from collections.abc import Callable, Mapping
from datetime import date
from functools import cached_property, lru_cache
from typing import Final, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from services.contract.care import Goal, ScorePart
from services.contract.frozen import Text, Word
from services.contract.member import Sex
from services.member.calendar import local_day
from services.member.reading import Reading
from services.member.record import MemberRecord
from services.terminology.lookup import (
    Table,
    known_diagnoses,
    measures,
    panel_of,
    panels,
    questions,
)

Amount = float | Mapping[str, float]
"""A value in the measure's unit, or one for each unit that guidelines print one for."""

Bound = Literal["below", "at_most", "at_least", "above"]

_HOLDS: Final[Mapping[Bound, Callable[[float, float], bool]]] = {
    "below": operator.lt,
    "at_most": operator.le,
    "at_least": operator.ge,
    "above": operator.gt,
}


class Limit(Table):
    """A bound on one measure of `terminology/measures.toml`. Exactly one bound is stated."""

    measure: Word
    below: Amount | None = None
    at_most: Amount | None = None
    at_least: Amount | None = None
    above: Amount | None = None

    @model_validator(mode="after")
    def _has_one_bound(self) -> Self:
        stated = [bound for bound in _HOLDS if getattr(self, bound) is not None]
        if len(stated) != 1:
            raise ValueError(f"{self.measure}: state one of {', '.join(_HOLDS)}")
        if self.measure not in measures():
            raise ValueError(f"{self.measure} is not in terminology/measures.toml")
        amount = getattr(self, stated[0])
        if isinstance(amount, Mapping) and measures()[self.measure].unit not in amount:
            raise ValueError(
                f"{self.measure}: state the bound in {measures()[self.measure].unit} too"
            )
        return self

    @cached_property
    def bound(self) -> Bound:
        """The bound that is stated, by its name."""
        return next(bound for bound in _HOLDS if getattr(self, bound) is not None)

    @cached_property
    def panel(self) -> str:
        """The panel that the measure is read in."""
        return panel_of(self.measure)

    @cached_property
    def aim(self) -> "Aim":
        """The bound as a plan agrees on it, in the measure's own unit."""
        amount = self._amounts
        value = amount[self._unit] if isinstance(amount, dict) else amount
        return Aim(self.measure, self.bound, value)

    @cached_property
    def _amounts(self) -> float | dict[str, float]:
        amount: Amount = getattr(self, self.bound)
        return dict(amount) if isinstance(amount, Mapping) else amount

    def holds(self, reading: Reading) -> bool:
        """Whether the reading has the measure, and its value lies on the bound's side."""
        if reading.panel != self.panel:
            return False
        amount = self._amounts
        if isinstance(amount, dict):
            value, limit = reading.values[self._place], amount.get(reading.unit)
            return limit is not None and self._compare(value, limit)
        value = reading.values[self._place]
        if reading.unit != self._unit:
            value = measures()[self.measure].converted(value, reading.unit)
        return self._compare(value, amount)

    @cached_property
    def _place(self) -> int:
        return panels()[self.panel].measures.index(self.measure)

    @cached_property
    def _unit(self) -> str:
        return measures()[self.measure].unit

    @cached_property
    def _compare(self) -> Callable[[float, float], bool]:
        return _HOLDS[self.bound]


class Aim(NamedTuple):
    """A bound that was agreed on, in the measure's own unit."""

    measure: Word
    bound: Bound
    value: float

    @property
    def goal(self) -> Goal:
        """The same as the contract states it."""
        unit = measures()[self.measure].unit
        return Goal(measure=self.measure, bound=self.bound, value=self.value, unit=unit)

    def is_met(self, reading: Reading) -> bool:
        """Whether a reading meets it; one of other measures does."""
        value = reading.converted(self.measure)
        return value is None or _HOLDS[self.bound](value, self.value)


class Part(NamedTuple):
    """One contribution to a stratum: what, the value it was read from, and its points."""

    factor: str
    value: str
    points: float | None = None

    @property
    def told(self) -> ScorePart:
        """The same as the contract states it."""
        return ScorePart(factor=self.factor, value=self.value, points=self.points)


class View(NamedTuple):
    """What a guideline sees of a member: the record, as of a day.

    readings_from_years: what is watched does not count before that age. confirmed: the condition is
    known to be there. watches: the panels whose readings the pathway waits for. latest: of these the
    latest reading that counts.
    """

    record: MemberRecord
    day: date
    watches: tuple[str, ...]
    readings_from_years: int
    latest: Reading | None = None
    confirmed: bool = False

    def reading(self, panel: str) -> Reading | None:
        """Return the latest reading of a panel, if it counts; what is only weighed does at any age."""
        found = self.record.reading(panel)
        if found is None or (panel in self.watches and not self.counts(local_day(found.time))):
            return None
        return found

    def counts(self, day: date) -> bool:
        """Whether a reading of that day counts."""
        return not self.record.is_under(self.readings_from_years, day)


def view_of(
    record: MemberRecord, day: date, watches: tuple[str, ...], readings_from_years: int
) -> View:
    """Return what a guideline sees of a member as of a day, while nothing is confirmed."""
    view = View(record, day, watches, readings_from_years)
    latest = None
    for panel in watches:
        one = view.reading(panel)
        if one is not None and (latest is None or one.time > latest.time):
            latest = one
    return view if latest is None else view._replace(latest=latest)


class Criterion(Table):
    """One line of a table: all that is stated must hold; what is not stated does not limit.

    why: in words that a decision repeats. Ages are in full years; an unknown age or sex meets no
    condition on it, nor does an age known in part that may lie on either side. diagnosed: one of
    these stands. latest: one of these limits holds of the latest reading. answered: the latest
    answer to each of these questions is one of these. any_of: one of these lines holds.
    """

    why: Text
    confirmed: bool | None = None
    age_from: int | None = None
    age_below: int | None = None
    sex: Sex | None = None
    diagnosed: tuple[Word, ...] = ()
    latest: tuple[Limit, ...] = ()
    answered: Mapping[Word, tuple[Word, ...]] = Field(default_factory=dict)
    any_of: tuple["Criterion", ...] = ()

    @model_validator(mode="after")
    def _names_what_is_known(self) -> Self:
        unknown = [name for name in self.diagnosed if name not in known_diagnoses()]
        unknown += [name for name in self.answered if name not in questions()]
        unknown += [
            f"{meaning} of {name}"
            for name, meanings in self.answered.items()
            if name in questions()
            for meaning in meanings
            if meaning not in questions()[name].answers
        ]
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: in no table of services/terminology")
        return self

    @property
    def is_always(self) -> bool:
        """Whether the line states nothing, and so holds of everybody."""
        return self.model_fields_set == {"why"}

    def holds(self, view: View) -> bool:
        """Whether the line holds."""
        return (
            (self.confirmed is None or view.confirmed == self.confirmed)
            and (self.sex is None or view.record.sex == self.sex)
            and (not self._limits_age or self._is_of_age(view))
            and (not self.diagnosed or self._is_diagnosed(view))
            and (not self.latest or self._is_beyond(view))
            and (not self.answered or self._is_answered(view))
            and (not self.any_of or self._has_alternative(view))
        )

    def found(self, view: View) -> list[Part] | None:
        """Return what makes the line hold, with the values it was read from; None if it does not."""
        if not self.holds(view):
            return None
        return [
            *self._age(view),
            *self._diagnoses(view),
            *self._readings(view),
            *self._answers(view),
            *[part for line in self.any_of for part in line.found(view) or ()],
        ]

    @cached_property
    def _limits_age(self) -> bool:
        return self.age_from is not None or self.age_below is not None

    def _is_of_age(self, view: View) -> bool:
        age = view.record.age(view.day)
        return (
            age is not None
            and age.least >= (self.age_from or 0)
            and (self.age_below is None or age.most < self.age_below)
        )

    def _is_diagnosed(self, view: View) -> bool:
        for finding in view.record.findings:
            if finding.active and finding.name in self.diagnosed:
                return True
        return False

    def _is_beyond(self, view: View) -> bool:
        for limit in self.latest:
            reading = view.reading(limit.panel)
            if reading is not None and limit.holds(reading):
                return True
        return False

    def _is_answered(self, view: View) -> bool:
        for question, meanings in self.answered.items():
            answer = view.record.answer(question)
            if answer is None or answer.meaning not in meanings:
                return False
        return True

    def _has_alternative(self, view: View) -> bool:
        return any(line.holds(view) for line in self.any_of)

    def _age(self, view: View) -> list[Part]:
        if not self._limits_age:
            return []
        age = view.record.age(view.day)
        if self.sex is None:
            return [_part("age", f"{age} years")]
        return [_part("age and sex", f"{age} years, {self.sex}")]

    def _diagnoses(self, view: View) -> list[Part]:
        standing = filter(view.record.has, self.diagnosed)
        return [_part(name.replace("_", " "), "diagnosed") for name in standing]

    def _readings(self, view: View) -> list[Part]:
        parts = []
        for limit in self.latest:
            reading = view.reading(limit.panel)
            if reading is not None and limit.holds(reading):
                name = measures()[limit.measure].name or limit.measure.replace("_", " ")
                parts.append(_part(name, reading.text))
        return parts

    def _answers(self, view: View) -> list[Part]:
        parts = []
        for question in self.answered:
            answer = view.record.answer(question)
            name = questions()[question].name or question.replace("_", " ")
            parts += [] if answer is None else [_part(name, answer.words)]
        return parts


@lru_cache(maxsize=4096)
def _part(factor: str, value: str) -> Part:
    """Return a part of a decision; the same few are said of many members."""
    return Part(factor=factor, value=value)


class Repeated(Table):
    """What confirms a condition: a diagnosis, or readings beyond a limit on so many days.

    within_days: the first and the last of the days lie no further apart. One day needs a reading
    that is just being made.
    """

    id: Word
    why: Text
    diagnosed: tuple[Word, ...] = ()
    reading: tuple[Limit, ...] = ()
    days: int = Field(default=1, ge=1)
    within_days: int | None = None

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> Self:
        if bool(self.diagnosed) == bool(self.reading):
            raise ValueError(f"{self.id}: state either diagnosed or reading")
        unknown = [name for name in self.diagnosed if name not in known_diagnoses()]
        if unknown:
            raise ValueError(f"{self.id}: {', '.join(unknown)} is not in diagnoses.toml")
        if (self.days > 1) != (self.within_days is not None):
            raise ValueError(f"{self.id}: several days need within_days, and one day has none")
        return self

    def is_met(self, reading: Reading) -> bool:
        """Whether a reading is beyond one of the limits."""
        return any(limit.holds(reading) for limit in self.reading)
