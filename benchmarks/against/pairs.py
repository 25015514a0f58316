"""Ratios of paired measurements, round by round."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks import report

NOISE = 0.02
"""What a build differs from itself by, on a quiet machine; a goal is missed only beyond it."""


class Pair(NamedTuple):
    """What was measured of the two builds, one figure a round each; in the same order."""

    name: str
    base: Sequence[float]
    this: Sequence[float]
    at_most: float | None = None
    at_least: float | None = None

    @property
    def ratios(self) -> list[float]:
        """This build by the base, round by round."""
        return [this / base for base, this in zip(self.base, self.this, strict=True)]

    @property
    def best(self) -> float:
        """The ratio of the best figures: what else runs on the machine only makes them worse."""
        best = max if self.at_least else min
        return best(self.this) / best(self.base)

    @property
    def reached(self) -> bool:
        """Whether the median ratio or that of the best is within its bounds, but for the noise."""
        ratios = (report.median(self.ratios), self.best)
        most, least = self.at_most or max(ratios), self.at_least or min(ratios)
        return min(ratios) <= most + NOISE and max(ratios) >= least - NOISE


def tell(title: str, pairs: Sequence[Pair]) -> None:
    """Print a table of medians and ratios; nothing if there are none."""
    if not pairs:
        return
    head = ("measure", "base", "this", "x min", "x median", "x max", "x of best", "goal")
    report.table(title, head, [_row(pair) for pair in pairs])


def figures(pair: Pair) -> dict[str, Any]:
    """Return a pair as data."""
    return {
        "base": [round(each, 2) for each in pair.base],
        "this": [round(each, 2) for each in pair.this],
        "ratio_min": round(min(pair.ratios), 3),
        "ratio_median": round(report.median(pair.ratios), 3),
        "ratio_max": round(max(pair.ratios), 3),
        "ratio_of_best": round(pair.best, 3),
        "at_most": pair.at_most,
        "at_least": pair.at_least,
        "reached": pair.reached,
    }


def _row(pair: Pair) -> tuple[Any, ...]:
    ratios = pair.ratios
    middle = (report.median(pair.base), report.median(pair.this))
    spread = (min(ratios), report.median(ratios), max(ratios), pair.best)
    bounds = ((pair.at_most, "<="), (pair.at_least, ">="))
    goals = [f"{sign} {bound:g}: {report.goal(pair.reached)}" for bound, sign in bounds if bound]
    return (pair.name, *middle, *(f"{each:.3f}" for each in spread), " ".join(goals))
