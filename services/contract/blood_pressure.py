"""A blood pressure as observations carry it: one panel, or two observations of one act."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from services.contract.clinical import ObservationRecorded
from services.contract.frozen import Frozen, Instant
from services.contract.step import RuleRefusedError
from services.contract.visit import Code

LOINC: Final = "http://loinc.org"
SYSTOLIC: Final = "8480-6"
DIASTOLIC: Final = "8462-4"

SAME_ACT: Final = timedelta(minutes=10)
"""Systolic and diastolic published as two observations this close together are one reading."""

SYSTOLIC_RANGE_MMHG: Final = (40, 320)
DIASTOLIC_RANGE_MMHG: Final = (20, 220)
"""Outside of these no cuff reads: a typing error, swapped columns, or another unit."""

MMHG_PER_UNIT: Final = {"mm[Hg]": 1.0, "mmHg": 1.0, "kPa": 7.50062}
"""UCUM units of pressure, and the common spelling of the first."""


class Reading(Frozen):
    """One blood pressure, in mmHg."""

    time: Instant
    systolic: int
    diastolic: int

    @property
    def order(self) -> tuple[datetime, int, int]:
        """What decides which of two readings is the later; of one instant, the higher."""
        return self.time, self.systolic, self.diastolic


class HalfReading(Frozen):
    """One of the two values of a reading, while the other has not been seen."""

    time: Instant
    systolic: int | None
    diastolic: int | None


def read_blood_pressure(
    data: ObservationRecorded, time: datetime, waiting: HalfReading | None
) -> Reading | HalfReading | None:
    """Return the reading in an observation; half of one if that is all; None if it has none.

    waiting: a half seen before, which the other half completes when both are of one act.

    Raises:
        RuleRefusedError: a unit that is not a pressure, a value that no living person has, or a
            diastolic pressure not below the systolic.
    """
    systolic = _value(data, SYSTOLIC, SYSTOLIC_RANGE_MMHG)
    diastolic = _value(data, DIASTOLIC, DIASTOLIC_RANGE_MMHG)
    if systolic is None and diastolic is None:
        return None
    if waiting is not None and abs(time - waiting.time) <= SAME_ACT:
        systolic = waiting.systolic if systolic is None else systolic
        diastolic = waiting.diastolic if diastolic is None else diastolic
    if systolic is None or diastolic is None:
        return HalfReading(time=time, systolic=systolic, diastolic=diastolic)
    if diastolic >= systolic:
        raise RuleRefusedError(
            f"observation {data.observation_id}: diastolic {diastolic} is not below systolic "
            f"{systolic} mmHg; check whether the two were swapped"
        )
    return Reading(time=time, systolic=systolic, diastolic=diastolic)


def has_code(codes: Iterable[Code], loinc: str) -> bool:
    """Whether one of `codes` is this LOINC code."""
    return any(code.code == loinc and code.system == LOINC for code in codes)


def _value(data: ObservationRecorded, loinc: str, possible: tuple[int, int]) -> int | None:
    if data.value is not None and has_code(data.codes, loinc):
        value, unit = data.value, data.unit
    else:
        part = next((part for part in data.components if has_code(part.codes, loinc)), None)
        if part is None:
            return None
        value, unit = part.value, part.unit
    factor = MMHG_PER_UNIT.get(unit or "")
    if factor is None:
        raise RuleRefusedError(
            f"observation {data.observation_id}: LOINC {loinc} has the unit {unit!r}; "
            f"known are {', '.join(MMHG_PER_UNIT)}"
        )
    pressure = round(value * factor)
    low, high = possible
    if not low <= pressure <= high:
        raise RuleRefusedError(
            f"observation {data.observation_id}: LOINC {loinc} is {pressure} mmHg, outside "
            f"{low} to {high}; check the value and its unit"
        )
    return pressure
