"""Readings: the numbers of one act of measuring, out of one observation or of several.

A blood pressure is one act with two numbers. They come as the components of one observation, or as
two observations; then the first is half a reading, and waits for the other.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from services.contract.clinical import Component, ObservationRecorded
from services.contract.frozen import Instant, Word
from services.contract.step import RuleRefusedError
from services.terminology.lookup import Measure, measure_of, measures, panel_of, panels


class Reading(NamedTuple):
    """One reading of a panel of `terminology/measures.toml`.

    values: in the order of the panel's measures. unit: of all of them (UCUM).
    """

    panel: Word
    time: Instant
    unit: str
    values: tuple[float, ...]

    @property
    def order(self) -> tuple[datetime, tuple[float, ...]]:
        """What decides which of two readings is the later; of one instant, the higher."""
        return self.time, self.values

    def value(self, measure: str) -> float | None:
        """Return the value of one measure, as reported; None if the panel does not have it."""
        place = _place(self.panel, measure)
        return None if place is None else self.values[place]

    def converted(self, measure: str) -> float | None:
        """Return the value of one measure in its own unit; None if the panel does not have it."""
        value = self.value(measure)
        if value is None:
            return None
        of = measures()[measure]
        return value if self.unit == of.unit else of.converted(value, self.unit)

    @property
    def text(self) -> str:
        """The reading for people, such as `150/95 mmHg`."""
        return f"{'/'.join(f'{value:.4g}' for value in self.values)} {self.shown_unit}"

    @property
    def shown_unit(self) -> str:
        """The unit for people."""
        return panels()[self.panel].shown or self.unit


@cache
def _place(panel: str, measure: str) -> int | None:
    """Return where a measure stands among the values of a panel's readings."""
    names = panels()[panel].measures
    return names.index(measure) if measure in names else None


class HalfReading(NamedTuple):
    """Some values of a reading, while the others have not been seen."""

    panel: Word
    time: Instant
    unit: str
    values: tuple[float | None, ...]


def read(
    data: ObservationRecorded,
    time: datetime,
    waiting: Iterable[HalfReading] = (),
) -> tuple[Reading | HalfReading, ...]:
    """Return the readings in an observation, whole or half; nothing if no table has its codes.

    A score is none: it is judged on the scale of an instrument, which a guideline names.

    waiting: halves seen before, which the other half completes when both are of one act.

    Raises:
        RuleRefusedError: an unknown unit, a value that no living person has, or values of a panel
            in the wrong order, such as a diastolic pressure not below the systolic.
    """
    found: dict[str, dict[str, tuple[float, str]]] = {}
    parts: tuple[ObservationRecorded | Component, ...] = (*data.components, data)
    for part in parts:
        measure = None if part.value is None else measure_of(part.codes)
        panel = None if measure is None or measures()[measure].is_score else panel_of(measure)
        if measure is not None and panel is not None:
            found.setdefault(panel, {})[measure] = _value(part, measure, data)
    return tuple([_read(panel, values, time, waiting, data) for panel, values in found.items()])


def check_units(data: ObservationRecorded) -> None:
    """Refuse an observation of which a value has no unit, or one that is not known for its measure.

    Raises:
        RuleRefusedError: says which value, and which units are known.
    """
    parts: tuple[ObservationRecorded | Component, ...] = (*data.components, data)
    for part in parts:
        name = None if part.value is None else measure_of(part.codes)
        if name is not None and not measures()[name].is_score:
            _unit(part, name, data)


def _read(
    panel: str,
    values: dict[str, tuple[float, str]],
    time: datetime,
    waiting: Iterable[HalfReading],
    data: ObservationRecorded,
) -> Reading | HalfReading:
    shape = panels()[panel]
    unit = next(iter(values.values()))[1]
    seen = tuple([values[name][0] if name in values else None for name in shape.measures])
    within = timedelta(minutes=shape.within_minutes)
    for half in waiting:
        if half.panel == panel and half.unit == unit and abs(time - half.time) <= within:
            both = zip(seen, half.values, strict=True)
            seen = tuple([known if value is None else value for value, known in both])
    whole = tuple([value for value in seen if value is not None])
    if len(whole) < len(seen):
        return HalfReading(panel, time, unit, seen)
    if shape.descending and any(a <= b for a, b in pairwise(whole)):
        upper, lower = shape.measures[:2]
        raise RuleRefusedError(
            f"observation {data.observation_id}: {lower} {whole[1]:g} is not below {upper} "
            f"{whole[0]:g} {shape.shown or unit}; check whether the two were swapped"
        )
    return Reading(panel, time, unit, whole)


def _value(
    part: ObservationRecorded | Component, name: str, data: ObservationRecorded
) -> tuple[float, str]:
    """Return a value in the measure's unit, or in the one it was reported in."""
    measure = measures()[name]
    assert part.value is not None  # the caller passes no other
    unit = _unit(part, name, data)
    value = measure.converted(part.value, unit)
    _check_range(value, name, measure, data)
    return (part.value, unit) if measure.keeps_unit else (value, measure.unit)


def _unit(part: ObservationRecorded | Component, name: str, data: ObservationRecorded) -> str:
    known = measures()[name].units
    if part.unit in known:
        return part.unit or ""
    has = f"has the unit {part.unit!r}" if part.unit else "has no unit"
    raise RuleRefusedError(
        f"observation {data.observation_id}: {name} {has}; known are {', '.join(known)}"
    )


def _check_range(value: float, name: str, measure: Measure, data: ObservationRecorded) -> None:
    if measure.range is None:
        return
    low, high = measure.range
    if not low <= value <= high:
        raise RuleRefusedError(
            f"observation {data.observation_id}: {name} is {value:g} {measure.unit}, outside "
            f"{low:g} to {high:g}; check the value and its unit"
        )
