"""Lines of a guideline's tables: does one hold for a member, and in what words."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Final, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from services.contract.care import Goal, ScorePart
from services.contract.frozen import Text, Word
from services.contract.member import Sex
from services.member.calendar import local_day
from services.member.reading import Reading
from services.member.record import Record
from services.terminology.lookup import Table, known_diagnoses, measures, panel_of, questions

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
        value = amount[measures()[self.measure].unit] if isinstance(amount, Mapping) else amount
        return Aim(self.measure, self.bound, value)

    @cached_property
    def _amounts(self) -> Amount:
        amount: Amount = getattr(self, self.bound)
        return amount

    def holds(self, reading: Reading) -> bool:
        """Whether the reading has the measure, and its value lies on the bound's side."""
        if reading.panel != self.panel:
            return False
        amount = self._amounts
        if isinstance(amount, Mapping):
            value, limit = reading.value(self.measure), amount.get(reading.unit)
        else:
            value, limit = reading.converted(self.measure), amount
        return value is not None and limit is not None and _HOLDS[self.bound](value, limit)


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


@dataclass(frozen=True)
class View:
    """What a guideline sees of a member: the record, as of a day.

    readings_from_years: what is watched does not count before that age. confirmed: the condition is
    known to be there. watches: the panels whose readings the pathway waits for.
    """

    record: Record
    day: date
    watches: tuple[str, ...]
    readings_from_years: int
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

    @cached_property
    def latest(self) -> Reading | None:
        """The latest reading of the panels that are watched."""
        found = [one for panel in self.watches if (one := self.reading(panel)) is not None]
        return max(found, key=lambda one: one.time, default=None)


class Criterion(Table):
    """One line of a table: all that is stated must hold; what is not stated does not limit.

    why: in words that a decision repeats. Ages are in full years; an unknown age or sex meets no
    condition on it. diagnosed: one of these stands. latest: one of these limits holds of the
    latest reading. answered: the latest answer to each of these questions is one of these.
    any_of: one of these lines holds.
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
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: in no table of services/terminology")
        return self

    def holds(self, view: View) -> bool:
        """Whether the line holds."""
        return self.found(view) is not None

    def found(self, view: View) -> list[ScorePart] | None:
        """Return what makes the line hold, with the values it was read from; None if it does not."""
        if self.confirmed is not None and view.confirmed != self.confirmed:
            return None
        parts: list[ScorePart] = []
        for stated, look in (
            (self.age_from is not None or self.age_below is not None, self._age),
            (bool(self.diagnosed), self._diagnoses),
            (bool(self.latest), self._readings),
            (bool(self.answered), self._answers),
            (bool(self.any_of), self._alternatives),
        ):
            if stated:
                seen = look(view)
                if not seen:
                    return None
                parts += seen
        if self.sex is not None and view.record.sex != self.sex:
            return None
        return parts

    def _age(self, view: View) -> list[ScorePart]:
        age = view.record.age(view.day)
        if age is None or age < (self.age_from or 0):
            return []
        if self.age_below is not None and age >= self.age_below:
            return []
        if self.sex is None:
            return [ScorePart(factor="age", value=f"{age} years")]
        return [ScorePart(factor="age and sex", value=f"{age} years, {self.sex}")]

    def _diagnoses(self, view: View) -> list[ScorePart]:
        standing = [name for name in self.diagnosed if view.record.has(name)]
        return [ScorePart(factor=name.replace("_", " "), value="diagnosed") for name in standing]

    def _readings(self, view: View) -> list[ScorePart]:
        parts = []
        for limit in self.latest:
            reading = view.reading(limit.panel)
            if reading is not None and limit.holds(reading):
                name = measures()[limit.measure].name or limit.measure.replace("_", " ")
                parts.append(ScorePart(factor=name, value=reading.text))
        return parts

    def _answers(self, view: View) -> list[ScorePart]:
        parts = []
        for question, meanings in self.answered.items():
            answer = view.record.answer(question)
            if answer is None or answer.meaning not in meanings:
                return []
            name = questions()[question].name or question.replace("_", " ")
            parts.append(ScorePart(factor=name, value=answer.words))
        return parts

    def _alternatives(self, view: View) -> list[ScorePart]:
        return [part for line in self.any_of for part in line.found(view) or ()]


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
        if (self.days > 1) != (self.within_days is not None):
            raise ValueError(f"{self.id}: several days need within_days, and one day has none")
        return self

    def is_met(self, reading: Reading) -> bool:
        """Whether a reading is beyond one of the limits."""
        return any(limit.holds(reading) for limit in self.reading)
