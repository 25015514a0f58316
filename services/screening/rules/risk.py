"""Cardiovascular risk of a blood pressure, by the 2018 Chinese hypertension guideline.

Source: 2018 Chinese Guidelines for Prevention and Treatment of Hypertension, section 4 (J Geriatr
Cardiol 2019;16:182-241): grades of blood pressure (4.1); risk factors, organ damage and clinical
complications; stratification (4.2). Only what arrives as codes and values is counted: family
history, waist, homocysteine and imaging are not read.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

from services.contract.blood_pressure import Reading
from services.contract.care import ScorePart
from services.contract.diagnoses import Diagnosis
from services.contract.member import age_on
from services.screening.state import FactorName, RiskStratum, ScreeningState

GUIDELINE: Final = "2018 Chinese hypertension guideline, section 4.2"

GRADES: Final = ("below 130/85", "high-normal", "grade 1", "grade 2", "grade 3")
"""Columns of the table, from 0."""

GRADE_FROM_MMHG: Final = ((4, 180, 110), (3, 160, 100), (2, 140, 90), (1, 130, 85))
"""A column applies from this systolic or from this diastolic pressure on; the first that does."""

HYPERTENSION: Final = 2
"""Column from which on a reading is raised (140/90 mmHg)."""

SEVERE: Final = 4
"""Column of grade 3 (180/110 mmHg)."""

RISK_TABLE: Final[tuple[tuple[RiskStratum, ...], ...]] = (
    ("none", "none", "low", "medium", "high"),
    ("none", "low", "medium", "high", "very_high"),
    ("none", "high", "high", "high", "very_high"),
    ("none", "very_high", "very_high", "very_high", "very_high"),
)
"""Rows: no other risk factor; one or two; three or more, organ damage, kidney disease stage 3, or
diabetes; clinical complication, kidney disease from stage 4, or diabetes with complications.
Where the guideline leaves a cell between two strata (high-normal in the last two rows, grade 2
with one or two factors), the higher is taken: a stratum decides how closely one is followed."""

AGE_FACTOR_ABOVE: Final = {"male": 55, "female": 65}
"""Years of age above which age is a risk factor."""

THREE_FACTORS: Final = 3

MEASURED_FACTORS: Final[tuple[tuple[tuple[FactorName, int], ...], ...]] = (
    (("smoking", 1),),
    (("body mass index", 2),),
    (("total cholesterol", 1), ("LDL cholesterol", 1), ("HDL cholesterol", 1)),
)
"""Each row is one risk factor: present when any of its values has reached the level."""

LIKE_THREE_FACTORS: Final[tuple[Diagnosis, ...]] = ("diabetes", "chronic_kidney_disease")

COMPLICATIONS: Final[tuple[Diagnosis, ...]] = (
    "stroke",
    "coronary_disease",
    "heart_failure",
    "atrial_fibrillation",
    "peripheral_artery_disease",
    "advanced_kidney_disease",
    "diabetes_with_complications",
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where a member stands in the table, and what put them there."""

    column: int
    stratum: RiskStratum
    parts: tuple[ScorePart, ...]


def column_of(reading: Reading) -> int:
    """Return the column of the table that a reading falls into."""
    for column, systolic, diastolic in GRADE_FROM_MMHG:
        if reading.systolic >= systolic or reading.diastolic >= diastolic:
            return column
    return 0


def stratify(state: ScreeningState, day: date) -> Verdict:
    """Return the stratum of the member's latest reading with everything known about them.

    day: when to count the age if there is no reading. A member with confirmed hypertension is at
    least of grade 1: the guideline grades by the pressure before treatment.
    """
    parts: list[ScorePart] = []
    column = 0
    if state.latest is not None:
        column, day = column_of(state.latest), state.latest.time.date()
        pressure = f"{state.latest.systolic}/{state.latest.diastolic} mmHg, {GRADES[column]}"
        parts.append(ScorePart(factor="blood pressure", value=pressure))
    if state.referred_on is not None or state.has("hypertension"):
        column = max(column, HYPERTENSION)
        parts.append(ScorePart(factor="hypertension", value="confirmed"))
    row, reasons = _row(state, day)
    return Verdict(column, RISK_TABLE[row][column], (*parts, *reasons))


def _row(state: ScreeningState, day: date) -> tuple[int, list[ScorePart]]:
    groups = [_age(state, day), _prediabetes(state)]
    for group in MEASURED_FACTORS:
        parts = [
            ScorePart(factor=name, value=factor.value)
            for name, level in group
            if (factor := state.factor(name)) is not None and factor.level >= level
        ]
        if "body mass index" in {name for name, _ in group} and state.has("obesity"):
            parts.append(ScorePart(factor="obesity", value="diagnosed"))
        groups.append(parts)
    present = [group for group in groups if group]
    like_three = _diagnosed(state, LIKE_THREE_FACTORS) + _diabetic_by_hba1c(state)
    complications = _diagnosed(state, COMPLICATIONS)
    reasons = [part for group in present for part in group] + like_three + complications
    if complications:
        return 3, reasons
    if like_three or len(present) >= THREE_FACTORS:
        return 2, reasons
    return (1 if present else 0), reasons


def _age(state: ScreeningState, day: date) -> list[ScorePart]:
    limit = AGE_FACTOR_ABOVE.get(state.sex)
    if limit is None or state.birth_date is None:
        return []
    age = age_on(state.birth_date, day)
    if age <= limit:
        return []
    return [ScorePart(factor="age and sex", value=f"{age} years, {state.sex}")]


def _prediabetes(state: ScreeningState) -> list[ScorePart]:
    return _diagnosed(state, ("prediabetes",))


def _diagnosed(state: ScreeningState, names: tuple[Diagnosis, ...]) -> list[ScorePart]:
    return [
        ScorePart(factor=name.replace("_", " "), value="diagnosed")
        for name in names
        if state.has(name)
    ]


def _diabetic_by_hba1c(state: ScreeningState) -> list[ScorePart]:
    factor = state.factor("HbA1c")
    if factor is None or factor.level == 0:
        return []
    return [ScorePart(factor="HbA1c", value=factor.value)]
