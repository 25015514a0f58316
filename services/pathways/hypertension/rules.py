"""Cardiovascular risk of a blood pressure: the matrix of the 2018 Chinese guideline, section 4.2.

Source: 2018 Chinese Guidelines for Prevention and Treatment of Hypertension, section 4 (J Geriatr
Cardiol 2019;16:182-241): grades of blood pressure (4.1); risk factors, organ damage and clinical
complications; stratification (4.2). Only what arrives as codes and values is counted: family
history, waist, homocysteine and imaging are not read.
"""

from typing import Final

from services.member.reading import Reading
from services.pathways.criteria import Part, View
from services.pathways.guideline import Screening
from services.pathways.verdict import Verdict

GRADES: Final = ("below 130/85", "high-normal", "grade 1", "grade 2", "grade 3")
"""Columns of the matrix, from 0."""

GRADE_FROM_MMHG: Final = ((4, 180, 110), (3, 160, 100), (2, 140, 90), (1, 130, 85))
"""A column applies from this systolic or from this diastolic pressure on; the first that does."""

GRADE_1: Final = 2
"""The least column of confirmed hypertension: the guideline grades by the pressure before
treatment."""

RISK_TABLE: Final = (
    ("none", "none", "low", "medium", "high"),
    ("none", "low", "medium", "high", "very_high"),
    ("none", "high", "high", "high", "very_high"),
    ("none", "very_high", "very_high", "very_high", "very_high"),
)
"""Rows: no other risk factor; one or two; three or more, organ damage, kidney disease stage 3, or
diabetes; clinical complication, kidney disease from stage 4, or diabetes with complications.
Where the guideline leaves a cell between two strata (high-normal in the last two rows, grade 2
with one or two factors), the higher is taken: a stratum decides how closely one is followed."""

WEIGHTS: Final = ("risk_factor", "as_three", "complication")
"""What a factor of the guideline's table counts as."""

THREE_FACTORS: Final = 3


def cardiovascular_risk(view: View, screening: Screening) -> Verdict:
    """Return the stratum of the latest reading with everything known about the member."""
    parts: list[Part] = []
    column = 0
    reading = view.latest
    if reading is not None:
        column = column_of(reading)
        parts.append(Part(factor="blood pressure", value=f"{reading.text}, {GRADES[column]}"))
    if view.confirmed or view.record.has("hypertension"):
        column = max(column, GRADE_1)
        parts.append(Part(factor="hypertension", value="confirmed"))
    row, reasons = _row(view, screening)
    stratum = RISK_TABLE[row][column]
    return Verdict(f"{column}:{stratum}", stratum, (*parts, *reasons))


def column_of(reading: Reading) -> int:
    """Return the column of the matrix that a blood pressure falls into."""
    pressure, under = reading.values
    for column, systolic, diastolic in GRADE_FROM_MMHG:
        if pressure >= systolic or under >= diastolic:
            return column
    return 0


def _row(view: View, screening: Screening) -> tuple[int, list[Part]]:
    reasons: list[Part] = []
    count = dict.fromkeys(WEIGHTS, 0)
    for factor in screening.factors:
        found = factor.when.found(view)
        if found:
            count[factor.weight] += 1
            reasons += found
    if count["complication"]:
        return 3, reasons
    if count["as_three"] or count["risk_factor"] >= THREE_FACTORS:
        return 2, reasons
    return (1 if count["risk_factor"] else 0), reasons
