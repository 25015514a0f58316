"""Screening and management take a pathway as it is written, whatever it looks for."""

from datetime import date

import pytest

from services.contract.care import (
    PlanSet,
    ReferredToManagement,
    ReferredToTreatment,
    RiskStratified,
    ScreeningScheduled,
)
from services.contract.milestones import ManagementMilestone, ScreeningMilestone
from services.management.app import STAGE as MANAGEMENT
from services.screening.app import STAGE as SCREENING
from tests.unit.pathways import sweetness
from tests.unit.pathways.stand_ins import hypertension, only
from tests.unit.screening.facts import (
    blood_pressure,
    condition,
    observation,
    plan_set,
    registered,
    rehabilitated,
    sent_to_rehabilitation,
)
from tests.unit.treatment.journey import Journey, cover, day, milestones

AGED_45 = registered(date(1980, 6, 1))
OBESITY = condition("414916001")


@pytest.fixture(autouse=True)
def _invented():
    with only(sweetness.pathway()):
        yield


@pytest.fixture
def screening():
    journey = Journey(SCREENING)
    journey.publish(AGED_45, day(0))
    return journey


@pytest.fixture
def managed():
    journey = Journey(MANAGEMENT)
    journey.publish(AGED_45, day(0))
    journey.publish(referral("heavy"), day(0))
    return journey


def referral(stratum="light"):
    return ReferredToManagement(
        pathway=sweetness.ID, stratum=stratum, reason="three readings", rule="test"
    )


def sugar(value, unit="%", **said):
    return observation("4548-4", value, unit, **said)


def mass(value):
    return observation("39156-5", value, "kg/m2")


def test_who_is_old_enough_is_invited_and_due_by_the_lines_of_the_pathway(screening):
    screening.publish(sugar(5.0), day(1))
    screening.publish(sugar(48.0, "mmol/mol"), day(100))

    due = [(said.pathway, said.due, said.reason) for said in screening.heard(ScreeningScheduled)]
    assert due == [
        (sweetness.ID, day(20).date(), "first"),
        (sweetness.ID, day(101).date(), "routine"),
        (sweetness.ID, day(110).date(), "raised"),
    ]


def test_who_is_too_young_for_the_pathway_is_judged_and_not_invited():
    journey = Journey(SCREENING)
    journey.publish(registered(date(1990, 1, 1)), day(0))

    said = journey.publish(sugar(5.0), day(1))

    assert milestones(said) == ["screened", "risk_stratified"]
    assert journey.heard(ScreeningScheduled) == []
    assert milestones(journey.tick(day(365 * 4 + 1))) == ["invited"]


def test_a_pressure_is_none_of_its_concern(screening):
    state = screening.state

    assert screening.publish(blood_pressure(190, 120), day(1)) == []
    assert screening.state.rows == state.rows


def test_three_days_within_sixty_confirm_and_two_do_not(screening):
    for number in (1, 30, 62):
        screening.publish(sugar(7.0), day(number))
    assert screening.heard(ReferredToManagement) == []

    screening.publish(sugar(7.0), day(80))

    [said] = screening.heard(ReferredToManagement)
    assert (said.pathway, said.stratum, said.rule) == (
        sweetness.ID, "light", f"{sweetness.ID}@xx-1/confirm.three",
    )  # fmt: skip
    assert said.reason == "6.5 % or more on 2026-01-31 and on 2026-03-04 and on 2026-03-22"


def test_the_first_line_that_holds_is_the_stratum(screening):
    screening.publish(sugar(5.0), day(1))
    screening.publish(OBESITY, day(2))

    said = screening.heard(RiskStratified)
    assert [(one.stratum, one.rule, one.guideline) for one in said] == [
        ("light", f"{sweetness.ID}@xx-1/strata", sweetness.SOURCE),
        ("heavy", f"{sweetness.ID}@xx-1/strata", sweetness.SOURCE),
    ]
    assert [(part.factor, part.value) for part in said[0].parts] == [("light", "everybody else")]
    assert [(part.factor, part.value) for part in said[1].parts] == [("obesity", "diagnosed")]


def test_its_loop_is_closed_by_its_own_rehabilitation(screening):
    screening.publish(sugar(7.0), day(1))
    screening.publish(plan_set(sweetness.ID), day(2))
    screening.publish(sent_to_rehabilitation(pathway="invented_rest"), day(3))

    assert screening.publish(rehabilitated("stroke"), day(50)) == []
    screening.publish(rehabilitated("invented_rest"), day(60))

    last = screening.heard(ScreeningScheduled)[-1]
    assert (last.closes_loop, last.due) == (True, day(70).date())


def test_a_plan_has_the_goals_of_both_measures_and_the_days_of_the_stratum(managed):
    [plan] = managed.heard(PlanSet)

    assert [(goal.measure, goal.bound, goal.value, goal.unit) for goal in plan.goals] == [
        ("hba1c", "below", 7, "%"),
        ("body_mass_index", "below", 27, "kg/m2"),
    ]
    assert (plan.stratum, plan.follow_up_days, plan.rule) == (
        "heavy", 30, f"{sweetness.ID}@xx-1/targets",
    )  # fmt: skip
    assert managed.state.enrolment(sweetness.ID).due == day(7).date()


def test_one_measure_above_its_goal_is_above_target_whatever_the_other_says(managed):
    told = [
        milestones(managed.publish(fact, day(number)))
        for number, fact in enumerate(
            [mass(25), sugar(6.0), mass(25), sugar(6.0), sugar(8.0), sugar(8.0), mass(25)], start=1
        )
    ]

    assert told == [[], [], ["target_met"], [], [], ["target_lost"], []]
    [said] = managed.heard(ReferredToTreatment)
    assert (said.pathway, said.urgency) == (sweetness.ID, "routine")
    assert said.reason == "two readings in a row above target, the last 8 %"


def test_a_red_flag_is_the_pathways_own(managed):
    managed.publish(blood_pressure(200, 120), day(1))
    said = managed.publish(sugar(12.0), day(2))

    assert milestones(said) == ["escalated"]
    [referred] = managed.heard(ReferredToTreatment)
    assert referred.reason == "12 % on 2026-01-03: 12 % or more"


def test_its_diagnosis_withdrawn_ends_it_and_another_does_not(managed):
    managed.publish(condition("59621000", "resolved"), day(10))
    assert managed.state.enrolment(sweetness.ID) is not None

    managed.publish(condition("44054006", "resolved"), day(11))
    assert managed.state.enrolment(sweetness.ID) is None


@pytest.fixture
def _both():
    with only(hypertension(), sweetness.pathway()):
        yield


@pytest.mark.usefixtures("_both")
def test_two_pathways_live_side_by_side_each_in_its_own_row():
    journey = Journey(SCREENING)
    journey.publish(AGED_45, day(0))
    journey.publish(cover("a", date(2025, 1, 1)), day(0))

    journey.publish(blood_pressure(150, 95), day(1))
    journey.publish(sugar(5.0), day(2))

    invited = [
        said.pathway for said in journey.heard(ScreeningMilestone) if said.milestone == "screened"
    ]
    assert invited == ["hypertension", sweetness.ID]
    assert [row.pathway for row in journey.state.rows] == ["hypertension", sweetness.ID]
    assert journey.state.row("hypertension").due == day(29).date()
    assert journey.state.row(sweetness.ID).due == day(102).date()


@pytest.mark.usefixtures("_both")
def test_a_member_may_have_two_plans_and_leaves_one_of_them():
    journey = Journey(MANAGEMENT)
    journey.publish(referral(), day(0))
    journey.publish(
        ReferredToManagement(pathway="hypertension", stratum="low", reason="r", rule="t"), day(1)
    )

    journey.publish(condition("44054006", "resolved"), day(2))

    assert [one.pathway for one in journey.state.enrolments] == ["hypertension"]
    assert {said.pathway for said in journey.heard(ManagementMilestone)} == {
        "hypertension",
        sweetness.ID,
    }
    assert milestones(journey.tick(day(40))) == ["overdue"]
