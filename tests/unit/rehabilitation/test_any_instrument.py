"""A course on an instrument with decimals, of which less is better, beside one on the Barthel."""

from datetime import date

import pytest

from services.contract.care import (
    ReferralWithdrawn,
    ReferredBackToTreatment,
    ReferredToRehabilitation,
    RehabilitationFinished,
    RehabilitationPlanned,
)
from services.contract.clinical import ObservationRecorded
from services.contract.milestones import RehabilitationMilestone
from services.contract.step import RuleRefusedError
from services.contract.visit import Code
from services.pathways.index import pathways
from services.rehabilitation.app import STAGE
from tests.unit.pathways.invented import ID, edition, forget_days, instead_of_folders, pathway
from tests.unit.rehabilitation.test_courses import attended, barthel, missed
from tests.unit.rehabilitation.test_courses import referred as referred_after_stroke
from tests.unit.treatment.journey import Journey, day, milestones

CODE = Code(system="http://snomed.info/sct", code="84114007")


@pytest.fixture
def know(monkeypatch):
    yield lambda *found: instead_of_folders(monkeypatch, *found)
    forget_days()


@pytest.fixture
def journey(know):
    know(pathway(), pathways()["stroke"])
    return Journey(STAGE)


def referred(visit_id="heart-1", name=ID):
    return ReferredToRehabilitation(
        pathway=name, visit_id=visit_id, discharged_on=date(2026, 1, 1), codes=(CODE,), reason="x"
    )


def sugar(value, unit="%"):
    return ObservationRecorded(
        observation_id="observation-1",
        codes=(Code(system="http://loinc.org", code="4548-4"),),
        value=value,
        unit=unit,
        text=None,
        components=(),
        visit_id=None,
    )


def on_course(journey, baseline=9.1):
    journey.publish(referred(), day(0))
    return journey.publish(sugar(baseline), day(1))


@pytest.mark.parametrize(
    ("baseline", "goal", "sessions", "line"),
    [
        (9.1, 8.0, 4, "dose.heavy"),
        (8.3, 8.0, 4, "dose.heavy"),
        (8.2, 7.0, 4, "dose.heavy"),
        (7.2, 6.1, 4, "dose.heavy"),
        (6.9, 6.1, 1, "dose.light"),
        (6.1, 6.1, 1, "dose.light"),
    ],
)
def test_goal_and_dose_are_read_from_the_guideline_and_name_their_line(
    journey, baseline, goal, sessions, line
):
    on_course(journey, baseline)

    [planned] = journey.heard(RehabilitationPlanned)
    assert (planned.pathway, planned.instrument.id) == (ID, "sugar")
    assert (planned.baseline, planned.goal) == (baseline, goal)
    assert planned.sessions_per_week == sessions
    assert planned.rule == f"{ID}@xx-1/{line}"


def test_a_lower_score_reaches_the_goal_and_holds_it(journey):
    on_course(journey)

    reached = journey.publish(sugar(7.9), day(10))
    over = journey.publish(sugar(7.8), day(15))

    assert milestones(reached) == ["goal_reached"]
    assert milestones(over) == ["completed"]
    [end] = journey.heard(RehabilitationFinished)
    assert (end.pathway, end.outcome, end.baseline, end.final) == (ID, "goal_reached", 9.1, 7.8)


# 8.7 - 8.4 is 0.29999999999999893 in binary fractions.
def test_a_rise_of_the_least_change_is_a_setback_in_its_own_words(journey):
    on_course(journey)
    journey.publish(sugar(8.4), day(4))

    said = journey.publish(sugar(8.7), day(8))

    assert milestones(said) == ["relapsed"]
    [back] = journey.heard(ReferredBackToTreatment)
    assert back.reason == "the sugar score rose by 0.3, 0.3 or more is a setback"
    assert (back.score_before, back.score_after) == (8.4, 8.7)


def test_a_fall_of_less_than_the_least_change_is_a_plateau_after_its_number_of_looks(journey):
    on_course(journey)

    said = journey.publish(sugar(8.9), day(6))

    assert milestones(said) == ["plateau"]


def test_a_score_in_another_unit_is_converted_and_an_unknown_unit_is_refused_by_name(journey):
    journey.publish(referred(), day(0))

    journey.publish(sugar(76.0, "mmol/mol"), day(1))

    assert [planned.baseline for planned in journey.heard(RehabilitationPlanned)] == [9.1]
    with pytest.raises(RuleRefusedError, match="hba1c has the unit 'stone'; known are %, mmol/mol"):
        journey.publish(sugar(9.1, "stone"), day(2))


@pytest.mark.parametrize("value", [2.9, 20.1, None])
def test_a_score_off_the_scale_is_refused_in_the_instruments_words(journey, value):
    why = f"sugar score of {value}: it must be a multiple of 0.1 from 3 to 20; read the report"

    with pytest.raises(RuleRefusedError, match=why):
        journey.publish(sugar(value), day(1))


def test_two_courses_go_on_side_by_side_and_neither_reads_the_others_scores(journey):
    on_course(journey)
    journey.publish(referred_after_stroke(), day(0))
    journey.publish(barthel(40), day(2))

    journey.publish(sugar(7.9), day(10))
    journey.publish(sugar(7.8), day(15))

    assert [course.pathway for course in journey.state.courses] == ["stroke"]
    assert journey.state.course("stroke").standing.latest.value == 40
    assert {told.pathway for told in journey.heard(RehabilitationMilestone)} == {ID, "stroke"}


def test_a_session_counts_for_every_course_and_missed_ones_are_told_by_each_guideline(journey):
    on_course(journey)
    journey.publish(referred_after_stroke(), day(0))

    journey.publish(attended(1), day(3))
    said = [milestones(journey.publish(missed(number), day(4 + number))) for number in range(3)]

    assert [course.sessions for course in journey.state.courses] == [1, 1]
    assert said == [[], ["overdue"], ["overdue"]]
    told = [
        told.pathway
        for told in journey.heard(RehabilitationMilestone)
        if told.milestone == "overdue"
    ]
    assert told == [ID, "stroke"]


def test_the_first_deadline_of_any_course_wakes_and_each_speaks_for_itself(journey):
    journey.publish(referred(), day(0))
    journey.publish(referred_after_stroke(), day(0))

    assert journey.state.wake_at == day(10)
    first, second = journey.tick(day(10)), journey.tick(day(14))

    assert [(told.pathway, told.milestone) for told in first] == [(ID, "overdue")]
    assert [(told.pathway, told.milestone) for told in second] == [("stroke", "overdue")]


def test_a_withdrawal_in_one_pathway_leaves_the_course_of_the_other(journey):
    journey.publish(referred("visit-1"), day(0))
    journey.publish(referred_after_stroke(), day(0))

    journey.publish(ReferralWithdrawn(pathway=ID, visit_id="visit-1", reason="x"), day(1))

    assert [course.pathway for course in journey.state.courses] == ["stroke"]


def test_a_referral_to_a_pathway_without_rehabilitation_is_refused_by_name(journey):
    with pytest.raises(RuleRefusedError, match="pathway hypertension has no rehabilitation"):
        journey.publish(referred(name="hypertension"), day(0))


@pytest.mark.parametrize(("number", "goal", "name"), [(1, 8.0, "xx-1"), (9, 5.0, "xx-2")])
def test_a_score_is_judged_by_the_edition_of_its_own_day(know, number, goal, name):
    other = {"marks": [], "otherwise": {"score": 5.0, "why": "invented"}}
    know(pathway(edition(), edition(date(2026, 1, 5), "xx-2", goal=other)))
    journey = Journey(STAGE, clock=day(40))
    journey.publish(referred(), day(0))

    journey.publish(sugar(9.1), day(number))

    [planned] = journey.heard(RehabilitationPlanned)
    assert (planned.goal, planned.rule) == (goal, f"{ID}@{name}/dose.heavy")


def test_a_course_goes_on_by_the_last_edition_that_had_a_rehabilitation(know):
    dropped = {"id": "xx-2", "jurisdiction": "XX", "valid_from": date(2026, 1, 5)}
    know(pathway(edition(), dropped))
    journey = Journey(STAGE)
    on_course(journey)

    said = journey.publish(sugar(7.9), day(10))

    assert milestones(said) == ["goal_reached"]
