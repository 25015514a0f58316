"""What counts of all that is told: limits, answers, ages, and the later of two words."""

from datetime import date, timedelta

import pytest

from services.contract.care import ReferredToManagement, RiskStratified
from services.screening.app import STAGE
from tests.unit.screening.facts import (
    blood_pressure,
    condition,
    observation,
    registered,
    smoking,
)
from tests.unit.treatment.journey import Journey, day, milestones

AGED_30 = registered(date(1995, 6, 1))
AGED_45 = registered(date(1980, 6, 1))


@pytest.fixture
def journey():
    return Journey(STAGE)


def test_a_stale_diagnosis_does_not_refer_again_and_a_newer_one_does(journey):
    journey.publish(AGED_45, day(0))
    journey.publish(condition("59621000"), day(2))
    journey.publish(condition("59621000", "resolved"), day(30))

    assert "referred" not in milestones(journey.publish(condition("59621000"), day(20)))
    assert "referred" in milestones(journey.publish(condition("59621000"), day(60)))


@pytest.mark.parametrize("reading", [blood_pressure(150, 95), blood_pressure(190, 120)])
def test_the_readings_of_a_child_do_not_count_when_the_member_is_grown_up(journey, reading):
    journey.publish(registered(date(2008, 1, 10)), day(0))
    journey.publish(reading, day(1))

    journey.tick(day(9))
    journey.publish(smoking("Current every day smoker"), day(10))
    journey.publish(blood_pressure(150, 95), day(30))

    assert [parts.parts[0].value for parts in journey.heard(RiskStratified)] == [
        "150/95 mmHg, grade 1"
    ]
    assert journey.heard(ReferredToManagement) == []


@pytest.mark.parametrize(
    ("fact", "raised"),
    [
        (observation("2093-3", 5.2, "mmol/L"), True),  # 2018 guideline, 4.2: total cholesterol
        (observation("2093-3", 5.19, "mmol/L"), False),
        (observation("2093-3", 200, "mg/dL"), True),
        (observation("18262-6", 3.4, "mmol/L"), True),  # LDL
        (observation("18262-6", 129, "mg/dL"), False),
        (observation("2085-9", 0.99, "mmol/L"), True),  # HDL: the low one is the risk
        (observation("2085-9", 40, "mg/dL"), False),
        (observation("39156-5", 28, "kg/m2"), True),  # obesity
        (observation("39156-5", 27.9, "kg/m2"), False),
        (observation("4548-4", 6.5, "%"), True),  # diabetes by HbA1c
        (observation("4548-4", 47, "mmol/mol"), False),
        (smoking("Heavy tobacco smoker"), True),
        (smoking("Former smoker"), False),
        (smoking("Unknown if ever smoked"), False),
        (smoking("No current tobacco use"), False),  # a phrase with "current" in it
        (smoking("Current tobacco use: none"), False),  # no whole phrase of the table
        (smoking("tobacco daily", "449868002"), True),  # smokes tobacco daily
        (smoking(None, "449868002"), True),
        (smoking(None, "77176002"), True),  # smoker
        # 266919005 is who never smoked: a code goes before words.
        (smoking("Current every day smoker", "266919005"), False),
        (smoking("current", "266919005"), False),
        (smoking("Never smoker", "449868002"), True),
        (smoking("current smoker", "0"), True),  # an unknown code leaves it to the words
    ],
)
def test_a_risk_factor_raises_the_stratum_from_its_limit_on(journey, fact, raised):
    journey.publish(blood_pressure(150, 95), day(0))

    journey.publish(fact, day(0))

    assert (journey.heard(RiskStratified)[-1].stratum != "low") == raised


@pytest.mark.parametrize("hours", [(1, 2), (2, 1)], ids=["in time's order", "the later one first"])
def test_of_two_readings_of_one_day_the_later_in_time_counts(journey, hours):
    masses = {1: 30, 2: 22}
    journey.publish(AGED_30, day(0))
    journey.publish(blood_pressure(150, 95), day(0))

    for hour in hours:
        body_mass = observation("39156-5", masses[hour], "kg/m2")
        journey.publish(body_mass, day(0) + timedelta(hours=hour))

    assert journey.state.record.reading("body_mass_index").values == (22,)
    assert journey.heard(RiskStratified)[-1].stratum == "low"
