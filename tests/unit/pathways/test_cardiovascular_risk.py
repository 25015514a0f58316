"""The table of the 2018 Chinese guideline, section 4.2, row by row; and what fills its rows."""

from datetime import UTC, datetime

import pytest

from services.member.reading import Reading
from services.member.record import Answer, Finding, MemberRecord
from services.pathways.hypertension.rules import cardiovascular_risk, column_of
from services.pathways.index import pathways
from services.pathways.strata import screening_view

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAY = NOON.date()
SCREENING = pathways()["hypertension"].on(DAY).screening
SMOKES = Answer("smoking_status", DAY, "current", "daily")


def reading(systolic: int, diastolic: int) -> Reading:
    return Reading("blood_pressure", NOON, "mm[Hg]", (systolic, diastolic))


def measured(panel: str, value: float, unit: str = "mmol/L") -> Reading:
    return Reading(panel, NOON, unit, (value,))


LDL = measured("ldl_cholesterol", 3.4)
HDL = measured("hdl_cholesterol", 0.9)
TOTAL = measured("total_cholesterol", 5.2)
OBESE = measured("body_mass_index", 28, "kg/m2")


def stratified(systolic=150, diastolic=95, *, factors=(), findings=(), confirmed=False, **known):
    """The verdict on a reading of a member with these factors, answers and diagnoses."""
    record = MemberRecord(
        readings=(
            reading(systolic, diastolic),
            *[one for one in factors if isinstance(one, Reading)],
        ),
        answers=tuple(one for one in factors if isinstance(one, Answer)),
        findings=tuple(Finding(name, name, DAY, active=True) for name in findings),
        **known,
    )
    view = screening_view(record, SCREENING, DAY)._replace(confirmed=confirmed)
    return cardiovascular_risk(view, SCREENING)


@pytest.mark.parametrize(
    ("systolic", "diastolic", "column"),
    [
        (129, 84, 0),  # 4.1: below high-normal as the table counts it
        (130, 84, 1),  # 4.2: 130 to 139
        (129, 85, 1),  # 4.2: or 85 to 89
        (139, 89, 1),
        (140, 89, 2),  # 4.1: grade 1 from 140
        (139, 90, 2),  # 4.1: or from 90
        (159, 99, 2),
        (160, 80, 3),  # 4.1: grade 2; of two grades the higher counts
        (150, 100, 3),
        (179, 109, 3),
        (180, 100, 4),  # 4.1: grade 3
        (150, 110, 4),
    ],
)
def test_a_reading_falls_into_the_column_of_its_higher_part(systolic, diastolic, column):
    assert column_of(reading(systolic, diastolic)) == column


NOTHING = {}
ONE = {"factors": (SMOKES,)}
TWO = {"factors": (SMOKES, LDL)}
THREE = {"factors": (SMOKES, HDL, OBESE)}
DIABETES = {"findings": ("diabetes",)}
STROKE = {"findings": ("stroke",)}


@pytest.mark.parametrize(
    ("row", "strata"),
    [
        # 4.2, table, first row: no other risk factor
        (NOTHING, ("none", "low", "medium", "high")),
        # second row: one or two; grade 2 lies between medium and high, the higher is taken
        (ONE, ("low", "medium", "high", "very_high")),
        (TWO, ("low", "medium", "high", "very_high")),
        # third row: three, organ damage or diabetes; high-normal lies between medium and high
        (THREE, ("high", "high", "high", "very_high")),
        (DIABETES, ("high", "high", "high", "very_high")),
        ({"findings": ("chronic_kidney_disease",)}, ("high", "high", "high", "very_high")),
        # fourth row: clinical complications; high-normal lies between high and very high
        (STROKE, ("very_high",) * 4),
        ({"findings": ("stroke_sequelae",)}, ("very_high",) * 4),
        ({"findings": ("transient_ischaemic_attack",)}, ("very_high",) * 4),
        ({"findings": ("diabetes_with_complications",)}, ("very_high",) * 4),
    ],
)
def test_the_table_of_strata(row, strata):
    readings = ((135, 80), (150, 95), (170, 95), (190, 95))

    found = tuple(stratified(*pressure, **row).stratum for pressure in readings)

    assert found == strata


@pytest.mark.parametrize("row", [NOTHING, ONE, THREE, DIABETES, STROKE])
def test_a_pressure_below_the_table_has_no_stratum(row):
    assert stratified(118, 76, **row).stratum == "none"


@pytest.mark.parametrize(
    ("sex", "birth_date", "counts"),
    [
        ("male", "1971-01-01", False),  # 4.2: men above 55
        ("male", "1970-01-01", True),
        ("female", "1961-01-01", False),  # 4.2: women above 65
        ("female", "1960-01-01", True),
        ("unknown", "1930-01-01", False),
        ("male", None, False),
    ],
)
def test_age_counts_by_sex(sex, birth_date, counts):
    verdict = stratified(sex=sex, birth_date=birth_date)

    assert (verdict.stratum == "medium") == counts
    assert any(part.factor == "age and sex" for part in verdict.parts) == counts


def test_three_raised_lipids_are_one_risk_factor_and_all_are_listed():
    verdict = stratified(150, 95, factors=(TOTAL, LDL, HDL))

    assert verdict.stratum == "medium"
    assert [part.factor for part in verdict.parts[1:]] == [
        "total cholesterol",
        "LDL cholesterol",
        "HDL cholesterol",
    ]


def test_overweight_is_not_yet_a_risk_factor():
    assert stratified(factors=(measured("body_mass_index", 27.9, "kg/m2"),)).stratum == "low"


def test_confirmed_hypertension_is_at_least_grade_1_however_low_the_pressure_now():
    verdict = stratified(118, 76, confirmed=True)

    assert verdict.stratum == "low"
    assert verdict.parts[0].value == "118/76 mmHg, below 130/85"
    assert verdict.parts[1].value == "confirmed"
