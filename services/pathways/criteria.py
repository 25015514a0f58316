"""Lines of a guideline's tables: does one hold for a member, and in what words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Self

from pydantic import Field, model_validator

from services.contract.frozen import Text, Word
from services.contract.member import Sex
from services.member.calendar import age_on, local_day
from services.member.reading import Reading
from services.member.record import Record
from services.terminology.lookup import Table, panel_of

Amount = float | Mapping[str, float]
"""A value in the measure's unit, or one for each unit that guidelines print one for."""


class Limit(Table):
    """A bound on one measure of `terminology/measures.toml`. Exactly one bound is stated."""

    measure: Word
    below: Amount | None = None
    at_most: Amount | None = None
    at_least: Amount | None = None
    above: Amount | None = None

    @model_validator(mode="after")
    def _has_one_bound(self) -> Self:
        if len(self._bounds) != 1:
            raise ValueError(f"{self.measure}: state one of below, at_most, at_least, above")
        panel_of(self.measure)
        return self

    @property
    def _bounds(self) -> dict[str, Amount]:
        stated = {name: getattr(self, name) for name in _HOLDS}
        return {name: amount for name, amount in stated.items() if amount is not None}

    @property
    def bound(self) -> str:
        """The bound that is stated, by its name."""
        return next(iter(self._bounds))

    def amount(self, unit: str) -> float | None:
        """Return the bound's value in a unit; None if none is printed for it."""
        amount = next(iter(self._bounds.values()))
        if isinstance(amount, Mapping):
            return amount.get(unit)
        return amount

    def holds(self, reading: Reading) -> bool:
        """Whether the reading has the measure, and its value lies on the bound's side."""
        value = reading.value(self.measure)
        amount = self.amount(reading.unit)
        return value is not None and amount is not None and _HOLDS[self.bound](value, amount)


_HOLDS = {
    "below": lambda value, amount: value < amount,
    "at_most": lambda value, amount: value <= amount,
    "at_least": lambda value, amount: value >= amount,
    "above": lambda value, amount: value > amount,
}
