"""The table of the 2018 Chinese guideline, section 4.2, row by row; and what fills its rows."""

from datetime import UTC, date, datetime

import pytest
from services.contract.blood_pressure import Reading
from services.screening.rules.risk import column_of, stratify

from services.screening.state import Factor, Finding, ScreeningState

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAY = NOON.date()


def reading(systolic: int, diastolic: int) -> Reading:
    return Reading(time=NOON, systolic=systolic, diastolic=diastolic)


def member(systolic=150, diastolic=95, *, factors=(), findings=(), **known) -> ScreeningState:
    return ScreeningState(
        latest=reading(systolic, diastolic),
        factors=tuple(Factor(name=n, day=DAY, level=lv, value="read") for n, lv in factors),
        findings=tuple(Finding(name=name, day=DAY, active=True) for name in findings),
        **known,
    )


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
ONE = {"factors": (("smoking", 1),)}
TWO = {"factors": (("smoking", 1), ("LDL cholesterol", 1))}
THREE = {"factors": (("smoking", 1), ("HDL cholesterol", 1), ("body mass index", 2))}
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
        ({"findings": ("diabetes_with_complications",)}, ("very_high",) * 4),
    ],
)
def test_the_table_of_strata(row, strata):
    readings = ((135, 80), (150, 95), (170, 95), (190, 95))

    found = tuple(stratify(member(*pressure, **row), DAY).stratum for pressure in readings)

    assert found == strata


@pytest.mark.parametrize("row", [NOTHING, ONE, THREE, DIABETES, STROKE])
def test_a_pressure_below_the_table_has_no_stratum(row):
    assert stratify(member(118, 76, **row), DAY).stratum == "none"


@pytest.mark.parametrize(
    ("sex", "birth_date", "counts"),
    [
        ("male", date(1971, 1, 1), False),  # 4.2: men above 55
        ("male", date(1970, 1, 1), True),
        ("female", date(1961, 1, 1), False),  # 4.2: women above 65
        ("female", date(1960, 1, 1), True),
        ("unknown", date(1930, 1, 1), False),
        ("male", None, False),
    ],
)
def test_age_counts_by_sex(sex, birth_date, counts):
    verdict = stratify(member(sex=sex, birth_date=birth_date), DAY)

    assert (verdict.stratum == "medium") == counts
    assert any(part.factor == "age and sex" for part in verdict.parts) == counts


def test_three_raised_lipids_are_one_risk_factor_and_all_are_listed():
    lipids = (("total cholesterol", 1), ("LDL cholesterol", 1), ("HDL cholesterol", 1))

    verdict = stratify(member(150, 95, factors=lipids), DAY)

    assert verdict.stratum == "medium"
    assert [part.factor for part in verdict.parts[1:]] == [name for name, _ in lipids]


def test_overweight_is_not_yet_a_risk_factor():
    assert stratify(member(factors=(("body mass index", 1),)), DAY).stratum == "low"


def test_confirmed_hypertension_is_at_least_grade_1_however_low_the_pressure_now():
    verdict = stratify(member(118, 76, referred_on=DAY), DAY)

    assert verdict.stratum == "low"
    assert verdict.parts[0].value == "118/76 mmHg, below 130/85"
    assert verdict.parts[1].value == "confirmed"
