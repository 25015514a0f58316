"""Amounts over the lines of a bill: one stated way to divide them, and which lines a step is for.

**Apportioning.** A total is divided over lines in proportion to what stands on each of them: every
line gets the whole units of its quota, and the units still left go one each to the lines with the
largest remainders, the earlier line first (largest remainder, Hamilton's method). So parts sum to
the total exactly, and no part is further from nought than its line, reductions included.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Self

from pydantic import Field, model_validator

from services.contract.frozen import Frozen, Word
from services.contract.visit import BillLine
from services.terminology.lookup import system_of

Figures = tuple[int, ...]
"""An amount of each line, in minor units, in the order of the bill."""

Scope = Callable[[BillLine], bool]
"""Which lines a step is for."""


def apportion(total: int, figures: Sequence[int]) -> Figures:
    """Return the part of each line in `total`, in proportion to `figures`; both in minor units.

    Raises:
        ValueError: the total is below zero or more than the figures sum to.
    """
    if total == 0:
        return (0,) * len(figures)
    whole = sum(figures)
    if not 0 < total <= whole:
        raise ValueError(f"{total} cannot be apportioned over {whole}")
    quotas = [divmod(total * figure, whole) for figure in figures]
    left = total - sum([units for units, _ in quotas])
    largest = sorted(range(len(quotas)), key=lambda place: -quotas[place][1])[:left]
    parts = [units for units, _ in quotas]
    for place in largest:
        parts[place] += 1
    return tuple(parts)


class Coding(Frozen):
    """Codes of one system, named as `services/terminology/systems.toml` does, or by its URI."""

    system: str
    codes: tuple[str, ...] = Field(min_length=1)


class LineFilter(Frozen):
    """Lines of one of these categories and with one of these codes; what is left out is not asked.

    A code is compared as a whole.
    """

    category: tuple[Word, ...] = ()
    codes: tuple[Coding, ...] = ()

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not (self.category or self.codes):
            raise ValueError("name at least one category or code")
        return self

    @cached_property
    def _known(self) -> frozenset[tuple[str, str]]:
        return frozenset(
            (system_of(coding.system) or coding.system, code)
            for coding in self.codes
            for code in coding.codes
        )

    def holds(self, line: BillLine) -> bool:
        """Whether the line is one of these."""
        if self.category and line.category not in self.category:
            return False
        if not self.codes:
            return True
        code = line.code
        return (
            code is not None and (system_of(code.system) or code.system, code.code) in self._known
        )
