"""Journeys through screening."""

from datetime import UTC, date, datetime, timedelta

import pytest

from services.contract.care import ReferredToManagement, RiskStratified, ScreeningScheduled
from services.contract.milestones import ScreeningMilestone
from services.contract.step import RuleRefusedError
from services.screening.app import STAGE
from tests.unit.screening.facts import (
    ICD_10,
    blood_pressure,
    condition,
    observation,
    plan_set,
    registered,
    rehabilitated,
    sent_to_rehabilitation,
    smoking,
    withdrawn,
)
from tests.unit.treatment.journey import Journey, cover, day, milestones

AGED_30 = registered(date(1995, 6, 1))
AGED_45 = registered(date(1980, 6, 1))
AGED_60 = registered(date(1965, 6, 1))
BIRTHDAY = datetime(2026, 2, 28, 16, tzinfo=UTC)
"""1 March 2026 begins in Asia/Shanghai."""


@pytest.fixture
def journey():
    return Journey(STAGE)


def row(journey):
    return journey.state.row("hypertension")


def scheduled(journey):
    return [(event.due, event.reason) for event in journey.heard(ScreeningScheduled)]


def test_an_adult_is_invited_when_they_become_known(journey):
    said = journey.publish(AGED_45, day(0))

    assert scheduled(journey) == [(date(2026, 1, 31), "first")]
    assert milestones(said) == ["invited"]


def test_only_insurers_with_a_cover_in_force_on_the_day_are_told(journey):
    journey.publish(cover("a", date(2025, 1, 1), date(2025, 12, 31), "past"), day(0))
    journey.publish(cover("b", date(2025, 1, 1), None, "present"), day(0))

    journey.publish(AGED_45, day(0))

    assert journey.heard(ScreeningMilestone)[0].insurers == ("present",)


def test_each_insurer_is_told_once_of_an_invitation_that_came_before_its_cover(journey):
    journey.publish(AGED_45, day(0))

    for number, insurer in enumerate(["first", "second", "first"]):
        journey.publish(cover(f"{number}", date(2025, 1, 1), None, insurer), day(number))
    journey.publish(cover("0", date(2025, 1, 1), date(2025, 12, 31), "first"), day(4))
    journey.publish(cover("0", date(2025, 1, 1), None, "first"), day(5))

    insurers = [event.insurers for event in journey.heard(ScreeningMilestone)]
    assert insurers == [(), ("first",), ("second",)]


@pytest.mark.parametrize(
    ("birth_date", "systolic", "diastolic", "days", "reason"),
    [
        (date(1995, 6, 1), 115, 75, 3 * 365, "routine"),  # USPSTF 2021: 18 to 39, no raised risk
        (date(1990, 6, 1), 115, 75, 365, "routine"),  # specification: yearly from 35
        (date(1995, 6, 1), 132, 80, 182, "raised"),  # specification: high-normal, half a year
        (date(1965, 6, 1), 115, 75, 182, "raised"),  # specification: from 55, half a year
        (date(1980, 6, 1), 145, 80, 28, "raised"),  # ISH 2020: repeat within 4 weeks
    ],
)
def test_the_next_reading_is_due_by_age_and_risk(
    journey, birth_date, systolic, diastolic, days, reason
):
    journey.publish(registered(birth_date), day(0))

    journey.publish(blood_pressure(systolic, diastolic), day(10))

    assert scheduled(journey)[-1] == (day(10 + days).date(), reason)


def test_overweight_brings_the_next_reading_forward(journey):
    journey.publish(AGED_30, day(0))
    journey.publish(blood_pressure(115, 75), day(1))

    journey.publish(observation("39156-5", 25.0, "kg/m2"), day(2))

    assert scheduled(journey)[-1] == (day(183).date(), "raised")


def test_a_first_reading_is_screened_and_stratified_with_its_parts(journey):
    journey.publish(AGED_45, day(0))
    journey.publish(smoking("Current every day smoker"), day(1))

    said = journey.publish(blood_pressure(150, 95, visit_id="visit-1"), day(1))

    verdict = journey.heard(RiskStratified)[0]
    assert (verdict.pathway, verdict.stratum) == ("hypertension", "medium")
    assert verdict.rule == "hypertension@cn-2018/cardiovascular_risk"
    assert [(part.factor, part.value) for part in verdict.parts] == [
        ("blood pressure", "150/95 mmHg, grade 1"),
        ("smoking", "Current every day smoker"),
    ]
    assert milestones(said) == ["screened", "risk_stratified", "invited"]


def test_two_raised_readings_some_weeks_apart_lead_to_management_once(journey):
    journey.publish(AGED_45, day(0))
    journey.publish(blood_pressure(150, 95), day(1))

    said = journey.publish(blood_pressure(148, 92), day(22))
    journey.publish(blood_pressure(155, 95), day(40))

    assert "referred" in milestones(said)
    [referral] = journey.heard(ReferredToManagement)
    assert referral.stratum == "low"
    assert referral.reason == "140/90 mmHg or more on 2026-01-02 and on 2026-01-23"


def test_two_raised_readings_of_one_day_confirm_nothing(journey):
    journey.publish(AGED_45, day(0))

    journey.publish(blood_pressure(150, 95), day(1))
    journey.publish(blood_pressure(152, 95), day(1.2))

    assert journey.heard(ReferredToManagement) == []


def test_two_raised_readings_more_than_a_year_apart_confirm_nothing(journey):
    journey.publish(blood_pressure(150, 95), day(0))
    journey.publish(blood_pressure(150, 95), day(366))

    assert journey.heard(ReferredToManagement) == []


def test_one_reading_of_grade_3_is_enough(journey):
    journey.publish(AGED_45, day(0))

    journey.publish(blood_pressure(182, 95), day(1))

    [referral] = journey.heard(ReferredToManagement)
    assert referral.stratum == "high"


@pytest.mark.parametrize(
    ("code", "system"),
    [("59621000", "http://snomed.info/sct"), ("I10.x00", ICD_10), ("I11.9", ICD_10)],
)
def test_a_diagnosis_is_enough(journey, code, system):
    journey.publish(AGED_45, day(0))

    journey.publish(condition(code, system=system), day(1))

    [referral] = journey.heard(ReferredToManagement)
    assert referral.reason == "hypertension is diagnosed"


def test_after_the_diagnosis_was_withdrawn_only_newer_evidence_refers_again(journey):
    journey.publish(AGED_45, day(0))
    journey.publish(blood_pressure(150, 95), day(1))
    journey.publish(condition("59621000"), day(2))
    journey.publish(condition("59621000", "resolved"), day(30))

    journey.publish(blood_pressure(150, 95), day(31))
    assert len(journey.heard(ReferredToManagement)) == 1
    journey.publish(blood_pressure(150, 95), day(45))
    journey.publish(smoking("Never smoker"), day(46))

    assert len(journey.heard(ReferredToManagement)) == 2


def test_a_due_day_that_passes_is_said_once_and_moved_on(journey):
    journey.publish(AGED_45, day(0))

    before = journey.tick(day(30))
    passed = journey.tick(day(31))
    later = journey.tick(day(60))

    assert before == []
    assert later == []
    assert milestones(passed) == ["overdue", "invited"]
    assert scheduled(journey)[-1] == (day(31 + 365).date(), "routine")


def test_a_reading_in_the_first_half_of_an_interval_moves_nothing(journey):
    journey.publish(AGED_45, day(0))
    journey.publish(blood_pressure(115, 75), day(1))

    said = journey.publish(blood_pressure(118, 74), day(100))

    assert said == []


def test_an_unchanged_verdict_is_not_published_again(journey):
    journey.publish(AGED_45, day(0))
    journey.publish(blood_pressure(115, 75), day(1))

    said = journey.publish(blood_pressure(112, 74), day(300))

    assert milestones(said) == ["screened", "invited"]
    assert len(journey.heard(RiskStratified)) == 1


def test_a_child_is_invited_on_the_eighteenth_birthday(journey):
    journey.publish(registered(date(2008, 2, 29)), day(0))

    assert journey.publish(blood_pressure(150, 95), day(1)) == []
    assert journey.tick(day(58)) == []
    assert milestones(journey.tick(BIRTHDAY)) == ["invited"]
    assert journey.heard(RiskStratified) == []


def test_a_birthday_that_passed_before_the_clock_began_is_an_invitation_at_its_first_tick(journey):
    journey.publish(registered(date(2008, 2, 29)), day(0))
    journey.publish(condition("73211009"), day(100))

    assert milestones(journey.tick(day(101))) == ["invited"]


def test_what_was_measured_in_childhood_counts_but_for_the_pressure(journey):
    journey.publish(registered(date(2008, 2, 29)), day(0))
    journey.publish(observation("2093-3", 7.0, "mmol/L"), day(1))
    journey.tick(BIRTHDAY)

    journey.publish(blood_pressure(150, 95), day(90))

    assert journey.heard(RiskStratified)[0].stratum == "medium"


@pytest.mark.parametrize(
    ("fact", "reason"),
    [
        (blood_pressure(80, 120), "not below systolic"),
        (blood_pressure(1200, 80), "outside 40 to 320"),
        (blood_pressure(120, 80, "mmol/L"), "has the unit 'mmol/L'"),
        (blood_pressure(120, 80, None), "has no unit"),
        (observation("2093-3", 5.0, "g/L"), "known are mmol/L, mg/dL"),
        (observation("39156-5", 25.0, None), "known are kg/m2"),
    ],
)
def test_what_cannot_be_true_is_refused_with_a_reason(journey, fact, reason):
    journey.publish(AGED_45, day(0))

    with pytest.raises(RuleRefusedError, match=reason):
        journey.publish(fact, day(1))


def test_kilopascals_are_read_as_what_they_are(journey):
    journey.publish(blood_pressure(20.0, 12.0, "kPa"), day(0))

    verdict = journey.heard(RiskStratified)[0]
    assert verdict.parts[0].value == "150/90 mmHg, grade 1"


def test_two_observations_of_one_act_are_one_reading(journey):
    journey.publish(observation("8480-6", 150, "mm[Hg]"), day(0))
    assert journey.heard(RiskStratified) == []

    journey.publish(observation("8462-4", 95, "mm[Hg]"), day(0) + timedelta(minutes=1))

    assert journey.heard(RiskStratified)[0].parts[0].value == "150/95 mmHg, grade 1"


def gone_round(journey):
    journey.publish(AGED_60, day(0))
    journey.publish(blood_pressure(150, 95), day(1))
    journey.publish(blood_pressure(150, 95), day(20))
    journey.publish(plan_set(), day(20))
    journey.publish(sent_to_rehabilitation(), day(60))


def test_the_loop_closes_when_rehabilitation_ends_after_all_other_stages(journey):
    gone_round(journey)

    journey.publish(rehabilitated(), day(120))
    journey.publish(rehabilitated(), day(130))

    last_two = journey.heard(ScreeningScheduled)[-2:]
    assert [event.closes_loop for event in last_two] == [True, False]
    assert last_two[0].due == day(120 + 91).date()
    assert last_two[0].reason == "rehabilitation_finished"


@pytest.mark.parametrize(
    ("outcome", "closes"),
    [("goal_reached", True), ("plateau", True), ("lost_to_follow_up", False)],
)
def test_only_what_was_measured_closes_the_loop(journey, outcome, closes):
    gone_round(journey)

    journey.publish(rehabilitated(outcome=outcome), day(120))

    back = journey.heard(ScreeningScheduled)[-1]
    assert (back.reason, back.closes_loop) == ("rehabilitation_finished", closes)


def test_who_was_lost_closes_the_loop_when_the_next_course_ends(journey):
    gone_round(journey)
    journey.publish(rehabilitated(outcome="lost_to_follow_up"), day(120))
    journey.publish(rehabilitated(), day(130))
    stray = journey.heard(ScreeningScheduled)[-1]

    journey.publish(sent_to_rehabilitation(), day(200))
    journey.publish(rehabilitated(), day(260))

    assert stray.closes_loop is False
    assert journey.heard(ScreeningScheduled)[-1].closes_loop is True


def test_a_withdrawn_referral_leaves_the_loop_open(journey):
    gone_round(journey)
    journey.publish(withdrawn(), day(61))

    journey.publish(rehabilitated(), day(120))

    assert journey.heard(ScreeningScheduled)[-1].closes_loop is False


def test_ten_years_published_late_are_judged_by_their_dates_and_set_off_no_reminders():
    journey = Journey(STAGE, clock=day(0))
    journey.publish(registered(date(1960, 6, 1)), datetime(2015, 1, 1, tzinfo=UTC))
    for year in range(2015, 2025):
        systolic = 150 if year in {2018, 2019} else 120
        journey.publish(blood_pressure(systolic, 80), datetime(year, 6, 1, tzinfo=UTC))

    said = [journey.tick(day(number)) for number in range(1, 30)]

    assert [
        draft.time.year for draft in journey.said if draft.data.__class__ is ReferredToManagement
    ] == [2019]
    assert all(event.due > date(2026, 1, 1) for event in journey.heard(ScreeningScheduled))
    assert len(journey.heard(ScreeningScheduled)) == 1
    assert not any(said)


def test_a_clock_that_starts_after_old_history_moves_deadlines_without_a_reminder(journey):
    journey.publish(AGED_60, datetime(2016, 1, 1, tzinfo=UTC))

    said = journey.tick(day(0))

    assert milestones(said) == ["invited"]
    assert row(journey).due > date(2026, 1, 1)


def test_an_older_reading_does_not_overrule_the_newer_verdict_but_still_confirms(journey):
    journey.publish(AGED_45, day(0))
    journey.publish(blood_pressure(150, 95), day(100))
    latest = journey.state.record.readings

    journey.publish(blood_pressure(145, 85), day(50))

    assert journey.state.record.readings == latest
    assert len(journey.heard(ReferredToManagement)) == 1


@pytest.mark.parametrize(
    "fact",
    [
        AGED_45,
        cover("a", date(2025, 1, 1)),
        condition("59621000"),
        condition("40055000"),
        observation("8302-2", 170, "cm"),
        observation("39156-5", 25.0, "kg/m2"),
        blood_pressure(115, 75),
        plan_set(),
        sent_to_rehabilitation(),
        withdrawn("another"),
    ],
)
def test_what_is_already_known_leaves_the_very_same_state(journey, fact):
    for known in (AGED_45, blood_pressure(150, 95), fact):
        journey.publish(known, day(1))
    state = journey.state

    said = journey.publish(fact, day(1))

    assert journey.state is state
    assert said == []
