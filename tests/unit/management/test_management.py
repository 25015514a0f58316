"""Journeys through management."""

from datetime import UTC, date, datetime

import pytest

from services.contract.care import (
    PlanSet,
    ReferredToManagement,
    ReferredToTreatment,
    RiskStratified,
    ScorePart,
)
from services.contract.milestones import ManagementMilestone
from services.contract.step import RuleRefusedError
from services.management.app import STAGE
from tests.unit.screening.facts import (
    ICD_10,
    blood_pressure,
    condition,
    observation,
    registered,
    rehabilitated,
    sent_to_rehabilitation,
    withdrawn,
)
from tests.unit.treatment.journey import Journey, cover, day, milestones

AGED_50 = registered(date(1975, 6, 1))


def referred(stratum="low"):
    return ReferredToManagement(
        pathway="hypertension", stratum=stratum, reason="two readings", rule="test"
    )


def stratified(stratum):
    part = ScorePart(factor="blood pressure", value="150/95 mmHg, grade 1")
    return RiskStratified(
        pathway="hypertension", stratum=stratum, parts=(part,), rule="test", guideline="2018"
    )


@pytest.fixture
def journey():
    return Journey(STAGE)


@pytest.fixture
def enrolled(journey):
    journey.publish(AGED_50, day(0))
    journey.publish(referred(), day(0))
    return journey


def enrolment(journey):
    return journey.state.enrolment("hypertension")


def due(journey):
    return enrolment(journey).due


@pytest.mark.parametrize(
    ("birth_date", "stratum", "systolic", "diastolic", "follow_up_days"),
    [
        (date(1975, 6, 1), "low", 140, 90, 91),  # 5.1: general target; quarterly
        (date(1975, 6, 1), "medium", 140, 90, 60),
        (date(1975, 6, 1), "high", 130, 80, 30),  # 5.1: high risk, if tolerated
        (date(1975, 6, 1), "very_high", 130, 80, 30),
        (None, "very_high", 130, 80, 30),
        (date(1960, 6, 1), "very_high", 140, 90, 30),  # section 6: from 65
        (date(1945, 6, 1), "low", 150, 90, 91),  # section 6: from 80
        (date(1945, 6, 1), "very_high", 150, 90, 30),
    ],
)
def test_the_plan_follows_stratum_and_age(
    journey, birth_date, stratum, systolic, diastolic, follow_up_days
):
    journey.publish(registered(birth_date), day(0))

    said = journey.publish(referred(stratum), day(0))

    [plan] = journey.heard(PlanSet)
    assert (plan.stratum, plan.follow_up_days) == (stratum, follow_up_days)
    assert [(goal.measure, goal.bound, goal.value, goal.unit) for goal in plan.goals] == [
        ("systolic", "below", systolic, "mm[Hg]"),
        ("diastolic", "below", diastolic, "mm[Hg]"),
    ]
    assert milestones(said) == ["enrolled"]
    assert due(journey) == day(14).date()


@pytest.mark.parametrize(
    "diagnosis", [condition("59621000"), condition("38341003"), condition("I10", system=ICD_10)]
)
def test_a_diagnosis_enrols_once_and_in_the_stratum_that_the_record_shows(journey, diagnosis):
    journey.publish(AGED_50, day(0))
    journey.publish(condition("44054006"), day(0))  # diabetes: like three risk factors

    enrolling = journey.publish(diagnosis, day(0))
    referring = journey.publish(referred("high"), day(0))

    assert milestones(enrolling) == ["enrolled"]
    assert referring == []
    assert [plan.stratum for plan in journey.heard(PlanSet)] == ["high"]


def test_a_referral_in_a_stratum_that_the_programme_does_not_know_is_refused(journey):
    with pytest.raises(RuleRefusedError, match="no stratum 'none'; known are low, medium"):
        journey.publish(referred("none"), day(0))


def test_a_child_is_not_enrolled(journey):
    journey.publish(registered(date(2010, 1, 1)), day(0))

    assert journey.publish(condition("59621000"), day(0)) == []


def test_two_readings_in_a_row_below_target_meet_it_and_two_above_lose_it(enrolled):
    told = [
        milestones(enrolled.publish(blood_pressure(*pressure), day(7 * week)))
        for week, pressure in enumerate(
            [(135, 85), (132, 84), (145, 85), (136, 85), (145, 85), (138, 92)], start=1
        )
    ]

    assert told == [[], ["target_met"], [], [], [], ["target_lost"]]
    [referral] = enrolled.heard(ReferredToTreatment)
    assert referral.urgency == "routine"


def test_a_reading_at_the_target_is_not_below_it(enrolled):
    enrolled.publish(blood_pressure(140, 80), day(7))
    enrolled.publish(blood_pressure(130, 90), day(14))

    assert enrolment(enrolled).control == "lost"


def test_readings_of_one_day_count_as_one(enrolled):
    enrolled.publish(blood_pressure(130, 80), day(7))

    assert enrolled.publish(blood_pressure(132, 80), day(7.1)) == []


def test_a_member_above_target_is_referred_once_a_quarter(enrolled):
    for week in range(1, 20):
        enrolled.publish(blood_pressure(150, 95), day(7 * week))

    times = [draft.time for draft in enrolled.said if isinstance(draft.data, ReferredToTreatment)]
    assert times == [day(14), day(105)]


@pytest.mark.parametrize(
    ("systolic", "diastolic", "days"),
    [
        (138, 88, 91),  # specification: at target, the next planned follow-up
        (145, 88, 14),  # specification: above target, within two weeks
    ],
)
def test_the_next_follow_up_depends_on_the_reading(enrolled, systolic, diastolic, days):
    enrolled.publish(blood_pressure(systolic, diastolic), day(10))

    assert due(enrolled) == day(10 + days).date()


def test_missed_follow_ups_are_reminded_of_until_contact_is_lost_and_again_after_it(enrolled):
    told = [milestones(enrolled.tick(day(number))) for number in range(1, 400)]

    assert [name for names in told for name in names] == ["overdue"] * 3
    assert enrolled.state.wake_at is None
    seen = enrolled.publish(blood_pressure(150, 95), day(400))
    assert milestones(seen) == ["resumed"]
    assert milestones(enrolled.publish(blood_pressure(150, 95), day(401))) == []
    assert milestones(enrolled.tick(day(416))) == ["overdue"]


def test_history_that_comes_late_is_no_contact(enrolled):
    enrolled.publish(blood_pressure(150, 95), day(10))
    overdue = milestones(enrolled.tick(day(30)))

    late = enrolled.publish(blood_pressure(150, 95), day(5))

    assert overdue == ["overdue"]
    assert milestones(late) == []


def test_who_leaves_is_said_to_have_left_once(enrolled):
    enrolled.tick(day(20))
    told = [
        enrolled.publish(condition("I10", "resolved", ICD_10), day(number)) for number in (21, 22)
    ]

    assert [milestones(said) for said in told] == [["left"], []]


def test_a_red_flag_goes_to_treatment_at_once_and_not_again_within_two_weeks(journey):
    journey.publish(AGED_50, day(0))

    said = journey.publish(blood_pressure(170, 112, visit_id="visit-1"), day(1))
    journey.publish(blood_pressure(182, 100), day(10))
    journey.publish(blood_pressure(182, 100), day(15))

    assert milestones(said) == ["escalated"]
    assert [(referral.urgency, referral.reason) for referral in journey.heard(ReferredToTreatment)] == [
        ("urgent", "170/112 mmHg on 2026-01-02: 180/110 or more"),
        ("urgent", "182/100 mmHg on 2026-01-16: 180/110 or more"),
    ]  # fmt: skip


def test_a_red_flag_that_reaches_us_late_is_not_urgent_any_more(journey):
    journey.clock = day(100)

    assert journey.publish(blood_pressure(182, 100), day(1)) == []


def test_a_year_at_target_at_low_risk_graduates_to_yearly_follow_up(enrolled):
    for month in range(15):
        enrolled.publish(blood_pressure(130, 80), day(1 + 30 * month))

    names = milestones([draft.data for draft in enrolled.said])
    assert names == ["enrolled", "target_met", "graduated"]
    assert enrolled.heard(PlanSet)[-1].follow_up_days == 365
    assert due(enrolled) == day(1 + 30 * 14 + 365).date()


def test_who_has_graduated_comes_back_when_the_target_is_lost(enrolled):
    for month in range(15):
        enrolled.publish(blood_pressure(130, 80), day(1 + 30 * month))

    enrolled.publish(blood_pressure(150, 80), day(500))
    said = enrolled.publish(blood_pressure(150, 80), day(510))

    assert milestones(said) == ["target_lost"]
    assert enrolled.heard(PlanSet)[-1].follow_up_days == 91


def test_higher_risk_does_not_graduate(journey):
    journey.publish(referred("medium"), day(0))
    for month in range(20):
        journey.publish(blood_pressure(120, 75), day(1 + 30 * month))

    assert "graduated" not in milestones([draft.data for draft in journey.said])


def test_a_stratum_rises_at_once_and_falls_only_after_a_year(enrolled):
    enrolled.publish(stratified("high"), day(10))
    enrolled.publish(stratified("low"), day(100))
    enrolled.publish(stratified("none"), day(390))
    enrolled.publish(stratified("medium"), day(400))

    assert [plan.stratum for plan in enrolled.heard(PlanSet)] == ["low", "high", "medium"]


@pytest.mark.parametrize(("pathway", "stratum"), [("stroke", "very_high"), ("hip_fracture", "low")])
def test_after_the_rehabilitation_of_a_stroke_risk_is_very_high(enrolled, pathway, stratum):
    enrolled.publish(sent_to_rehabilitation(pathway=pathway), day(30))

    enrolled.publish(rehabilitated(pathway), day(90))

    assert enrolment(enrolled).stratum == stratum
    assert enrolled.heard(PlanSet)[-1].stratum == stratum


def test_a_withdrawn_stroke_does_not_raise_the_risk(enrolled):
    enrolled.publish(sent_to_rehabilitation(), day(30))
    enrolled.publish(withdrawn(), day(31))

    assert enrolled.publish(rehabilitated(), day(90)) == []


def test_a_resolved_diagnosis_ends_the_programme_and_stale_ones_do_not_reopen_it(enrolled):
    enrolled.publish(condition("59621000", "resolved"), day(50))

    assert enrolment(enrolled) is None
    assert enrolled.state.wake_at is None
    assert enrolled.publish(condition("59621000"), day(40)) == []
    assert milestones(enrolled.publish(referred(), day(60))) == ["enrolled"]


def test_an_insurer_is_told_what_happened_while_its_cover_was_in_force(enrolled):
    enrolled.publish(cover("a", date(2026, 1, 1), date(2026, 1, 10)), day(0))

    enrolled.publish(blood_pressure(130, 80), day(7))
    enrolled.publish(blood_pressure(130, 80), day(9))
    enrolled.publish(blood_pressure(190, 80), day(10))

    told = [event.insurers for event in enrolled.heard(ManagementMilestone)]
    assert told == [(), ("insurer-1",), ()]


def test_history_published_late_sets_off_no_reminders_and_no_urgent_referral():
    journey = Journey(STAGE, clock=day(0))
    journey.publish(AGED_50, datetime(2016, 1, 1, tzinfo=UTC))
    journey.publish(referred(), datetime(2016, 1, 1, tzinfo=UTC))
    for year in range(2016, 2026):
        journey.publish(blood_pressure(185, 95), datetime(year, 6, 1, tzinfo=UTC))

    quiet = [journey.tick(day(number)) for number in range(1, 14)]

    assert journey.heard(ReferredToTreatment) == []
    assert not any(quiet)
    assert due(journey) == day(14).date()
    assert [draft.time.year for draft in journey.said] == [2016, 2016]


def test_a_clock_that_starts_after_old_history_does_not_remind(enrolled):
    said = enrolled.tick(day(3650))

    assert said == []
    assert enrolled.state.wake_at > day(3650)


def test_of_a_member_who_is_not_enrolled_only_the_latest_reading_is_kept(journey):
    journey.publish(AGED_50, day(0))

    journey.publish(blood_pressure(125, 80), day(1))
    journey.publish(blood_pressure(128, 82), day(2))
    state = journey.state
    journey.publish(observation("8302-2", 170, "cm"), day(2))
    journey.publish(stratified("none"), day(2))

    assert journey.state is state
    assert state.enrolments == ()
    assert [reading.values for reading in state.record.readings] == [(128.0, 82.0)]


def test_an_impossible_reading_is_refused(enrolled):
    with pytest.raises(RuleRefusedError, match="not below systolic"):
        enrolled.publish(blood_pressure(90, 140), day(1))


@pytest.mark.parametrize(
    "fact",
    [
        AGED_50,
        referred(),
        condition("59621000"),
        blood_pressure(130, 80),
        sent_to_rehabilitation(),
        sent_to_rehabilitation(pathway="hip_fracture"),
        withdrawn("another"),
        stratified("low"),
    ],
)
def test_what_is_already_known_leaves_the_very_same_state(enrolled, fact):
    enrolled.publish(fact, day(1))
    state = enrolled.state

    said = enrolled.publish(fact, day(1))

    assert enrolled.state is state
    assert said == []
