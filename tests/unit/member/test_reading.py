"""Readings: the numbers of one act of measuring, whole or half, and what is refused."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from services.contract.clinical import Component, ObservationRecorded
from services.contract.step import RuleRefusedError
from services.contract.visit import Code
from services.member.reading import HalfReading, Reading, read
from tests.unit.screening.facts import LOINC, MMHG, blood_pressure, observation

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HALF = HalfReading("blood_pressure", NOON, MMHG, (150, None))


def pressure(*values: float, time: datetime = NOON) -> Reading:
    return Reading("blood_pressure", time, MMHG, values)


def test_the_components_of_one_observation_are_one_reading_in_the_panels_order():
    assert read(blood_pressure(150, 95), NOON) == (pressure(150, 95),)


def test_several_panels_of_one_observation_are_several_readings():
    data = ObservationRecorded(
        observation_id="o",
        codes=(Code(system=LOINC, code="39156-5"),),
        value=24.0,
        unit="kg/m2",
        text=None,
        components=blood_pressure(150, 95).components,
        visit_id=None,
    )

    found = read(data, NOON)

    assert {one.panel: one.values for one in found} == {
        "blood_pressure": (150, 95), "body_mass_index": (24,),
    }  # fmt: skip


@pytest.mark.parametrize(
    "nothing",
    [observation("8302-2", 170, "cm"), observation("8480-6", None, None), observation("72166-2", 1, None)],
    ids=["no table has it", "no value", "a question"],
)  # fmt: skip
def test_what_no_table_measures_is_no_reading(nothing):
    assert read(nothing, NOON) == ()


def test_one_value_of_a_panel_is_half_a_reading():
    assert read(observation("8480-6", 150, MMHG), NOON) == (HALF,)


@pytest.mark.parametrize("minutes", [-10, 0, 10])
def test_the_other_half_within_ten_minutes_makes_it_whole(minutes):
    time = NOON + timedelta(minutes=minutes)

    assert read(observation("8462-4", 95, MMHG), time, [HALF]) == (pressure(150, 95, time=time),)


@pytest.mark.parametrize(
    ("other", "minutes"),
    [
        (observation("8462-4", 95, MMHG), 11),  # of another act
        (observation("8462-4", 95, MMHG), -11),
        (observation("8480-6", 140, MMHG), 1),  # the same half again
    ],
)
def test_what_does_not_complete_a_half_waits_itself(other, minutes):
    [found] = read(other, NOON + timedelta(minutes=minutes), [HALF])

    assert isinstance(found, HalfReading)


@pytest.mark.parametrize(
    ("fact", "reason"),
    [
        (blood_pressure(80, 120), "diastolic 120 is not below systolic 80 mmHg; check whether"),
        (blood_pressure(120, 120), "is not below systolic"),
        (blood_pressure(1200, 80), "systolic is 1200 mm.Hg., outside 40 to 320"),
        (blood_pressure(120, 19), "outside 20 to 220"),
        (blood_pressure(3.0, 2.0, "kPa"), "outside"),
        (blood_pressure(120, 80, "mmol/L"), "has the unit 'mmol/L'; known are"),
        (blood_pressure(120, 80, None), "has no unit"),
        (observation("2093-3", 5.0, "g/L"), "known are mmol/L, mg/dL"),
    ],
)
def test_what_cannot_be_true_is_refused_with_a_reason(fact, reason):
    with pytest.raises(RuleRefusedError, match=f"^observation (bp|o): .*{reason}"):
        read(fact, NOON)


def test_a_half_that_contradicts_the_other_is_refused():
    with pytest.raises(RuleRefusedError, match="not below systolic"):
        read(observation("8462-4", 151, MMHG), NOON, [HALF])


def test_a_pressure_in_kilopascals_becomes_the_pressure_it_is():
    assert read(blood_pressure(20.0, 12.0, "kPa"), NOON) == (pressure(150, 90),)


def test_a_lipid_stays_in_the_unit_in_which_it_was_reported():
    [found] = read(observation("2093-3", 200, "mg/dL"), NOON)

    assert (found.unit, found.value("total_cholesterol")) == ("mg/dL", 200)
    assert found.converted("total_cholesterol") == 5.17
    assert found.text == "200 mg/dL"


def test_a_measure_of_another_panel_has_no_value():
    assert pressure(150, 95).value("hba1c") is None
    assert pressure(150, 95).converted("hba1c") is None


def test_a_reading_is_written_for_people():
    assert pressure(150, 95).text == "150/95 mmHg"


def test_the_later_of_two_readings_counts_and_of_one_instant_the_higher():
    shanghai = timezone(timedelta(hours=8))
    earlier = pressure(180, 90, time=datetime(2026, 1, 1, 19, 59, tzinfo=shanghai))

    assert earlier.order < pressure(120, 80).order < pressure(121, 80).order


def test_a_component_of_a_panel_that_is_an_answer_is_no_number():
    answered = Component(codes=(Code(system=LOINC, code="8480-6"),), value=None, unit=None)
    data = blood_pressure(150, 95).model_copy(update={"components": (answered,)})

    assert read(data, NOON) == ()
