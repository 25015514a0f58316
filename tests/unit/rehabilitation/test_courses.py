"""A member's way from referral to goal, plateau, setback or silence."""

from datetime import date

import pytest

from services.contract.care import (
    Instrument,
    ReferralWithdrawn,
    ReferredBackToTreatment,
    ReferredToRehabilitation,
    RehabilitationFinished,
    RehabilitationPlanned,
)
from services.contract.clinical import ObservationRecorded, SessionAttended, SessionMissed
from services.contract.milestones import RehabilitationMilestone
from services.contract.payment import PaymentRequested
from services.contract.step import RuleRefusedError
from services.contract.visit import Code
from services.rehabilitation.app import STAGE
from tests.unit.treatment.journey import (
    IN_NETWORK,
    OUT_OF_NETWORK,
    Journey,
    cover,
    day,
    milestones,
)

BARTHEL = Instrument(id="barthel", name="the Barthel index", form="0 to 100 in steps of 5")
STROKE = Code(system="http://snomed.info/sct", code="230690007")


def referred(when=0, visit_id="visit-1"):
    return ReferredToRehabilitation(
        pathway="stroke",
        visit_id=visit_id,
        discharged_on=day(when).date(),
        codes=(STROKE,),
        reason="stroke",
    )


def withdrawn(visit_id):
    return ReferralWithdrawn(pathway="stroke", visit_id=visit_id, reason="cancelled")


def barthel(value):
    return ObservationRecorded(
        observation_id="observation-1",
        codes=(Code(system="http://loinc.org", code="96761-2"),),
        value=float(value),
        unit=None,
        text=None,
        components=(),
        visit_id=None,
    )


def attended(number, provider=IN_NETWORK, mode="outpatient", price=20_000):
    return SessionAttended(
        session_id=f"session-{number}", mode=mode, provider=provider, currency="CNY", price=price
    )


def missed(number):
    return SessionMissed(session_id=f"session-{number}", mode="home", reason="was not at home")


@pytest.fixture
def journey():
    return Journey(STAGE)


def on_course(journey, baseline=40):
    """Referred on day 0, with a baseline on day 2."""
    journey.publish(referred(), day(0))
    return journey.publish(barthel(baseline), day(2))


def outcomes(journey):
    return [(end.outcome, end.baseline, end.final) for end in journey.heard(RehabilitationFinished)]


def test_a_referral_starts_and_a_baseline_makes_the_plan(journey):
    started = journey.publish(referred(), day(0))

    said = journey.publish(barthel(40), day(2))

    assert milestones(started) == ["started"]
    assert milestones(said) == ["baseline"]
    assert said[0] == RehabilitationPlanned(
        pathway="stroke",
        instrument=BARTHEL,
        baseline=40,
        goal=60,
        sessions_per_week=5,
        rule="stroke@cn-2023/dose.severe",
    )


def test_a_score_from_the_ward_serves_as_baseline_if_it_is_fresh(journey):
    journey.publish(barthel(30), day(-3))

    said = journey.publish(referred(), day(0))

    assert milestones(said) == ["started", "baseline"]


def test_a_score_from_long_before_the_stroke_is_no_baseline(journey):
    journey.publish(barthel(100), day(-60))

    said = journey.publish(referred(), day(0))

    assert milestones(said) == ["started"]


def test_a_goal_that_holds_completes_the_course_with_its_gain(journey):
    on_course(journey)
    journey.publish(attended(1), day(3))

    reached = journey.publish(barthel(60), day(30))
    over = journey.publish(barthel(65), day(50))

    assert milestones(reached) == ["goal_reached"]
    assert milestones(over) == ["completed"]
    assert journey.heard(RehabilitationFinished) == [
        RehabilitationFinished(
            pathway="stroke",
            outcome="goal_reached",
            instrument=BARTHEL,
            baseline=40,
            final=65,
            sessions=1,
        )
    ]
    assert journey.state.wake_at is None


def test_a_goal_completes_by_itself_when_nothing_is_lost_in_four_weeks(journey):
    on_course(journey)
    journey.publish(barthel(60), day(30))

    assert journey.tick(day(57)) == []
    said = journey.tick(day(58))

    assert milestones(said) == ["completed"]
    assert outcomes(journey) == [("goal_reached", 40, 60)]


def test_full_independence_at_the_baseline_is_the_goal_at_once(journey):
    said = on_course(journey, 100)

    assert milestones(said) == ["baseline", "goal_reached"]


def test_two_spaced_reassessments_without_a_gain_are_a_plateau(journey):
    on_course(journey)

    first = journey.publish(barthel(45), day(20))
    second = journey.publish(barthel(45), day(40))

    assert milestones(first) == []
    assert milestones(second) == ["plateau"]
    assert outcomes(journey) == [("plateau", 40, 45)]


def test_reassessments_close_together_are_one_look_and_no_plateau(journey):
    on_course(journey)

    for number in range(5):
        journey.publish(barthel(45), day(4 + 2 * number))

    assert outcomes(journey) == []


def test_a_slow_gain_in_small_steps_is_no_plateau(journey):
    on_course(journey)

    journey.publish(barthel(45), day(20))
    journey.publish(barthel(50), day(40))
    journey.publish(barthel(55), day(60))

    assert outcomes(journey) == []


def test_a_noticeable_fall_refers_back_to_treatment_and_the_course_goes_on(journey):
    on_course(journey)
    journey.publish(barthel(50), day(20))

    said = journey.publish(barthel(40), day(30))

    assert milestones(said) == ["relapsed"]
    [back] = journey.heard(ReferredBackToTreatment)
    assert (back.score_before, back.score_after) == (50, 40)
    assert back.reason == "the Barthel index fell by 10, 10 or more is a setback"
    assert journey.state.course("stroke") is not None
    assert milestones(journey.publish(barthel(60), day(50))) == ["goal_reached"]


def test_a_fall_during_follow_up_reopens_the_course(journey):
    on_course(journey)
    journey.publish(barthel(60), day(30))

    journey.publish(barthel(50), day(40))
    journey.tick(day(60))

    assert outcomes(journey) == []
    assert milestones(journey.publish(barthel(60), day(61))) == ["goal_reached"]


def test_a_score_older_than_the_latest_changes_nothing(journey):
    on_course(journey)
    journey.publish(barthel(50), day(20))
    before = journey.state

    journey.publish(barthel(0), day(10))

    assert journey.state is before


def test_an_overdue_assessment_is_told_and_again_until_contact_is_lost(journey):
    on_course(journey)

    told = [(number, journey.tick(day(number))) for number in range(3, 200)]

    assert [(number, milestones(said)) for number, said in told if milestones(said)] == [
        (44, ["overdue"]),
        (86, ["overdue"]),
    ]
    assert outcomes(journey) == [("lost_to_follow_up", 40, 40)]
    assert [number for number, said in told if RehabilitationFinished in map(type, said)] == [92]


def test_a_baseline_that_never_comes_is_overdue_and_then_lost(journey):
    journey.publish(referred(), day(0))

    assert milestones(journey.tick(day(14))) == ["overdue"]
    journey.tick(day(90))

    assert outcomes(journey) == [("lost_to_follow_up", None, None)]


def test_one_long_leap_of_the_clock_tells_each_thing_once(journey):
    on_course(journey)

    said = journey.tick(day(1000))

    assert [getattr(data, "milestone", None) or data.outcome for data in said] == [
        "overdue",
        "lost_to_follow_up",
    ]


def test_attended_sessions_keep_contact(journey):
    on_course(journey)
    for week in range(30):
        journey.publish(attended(week), day(3 + 7 * week))

    journey.tick(day(210))

    assert outcomes(journey) == []
    assert journey.state.course("stroke").sessions == 30


def test_three_sessions_missed_in_a_row_are_told(journey):
    on_course(journey)

    first = [milestones(journey.publish(missed(number), day(3 + number))) for number in range(2)]
    journey.publish(attended(9), day(6))
    second = [milestones(journey.publish(missed(number), day(7 + number))) for number in range(3)]

    assert first == [[], []]
    assert second == [[], [], ["overdue"]]


def test_a_missed_session_without_a_course_leaves_the_very_same_state(journey):
    before = journey.state

    journey.publish(missed(1), day(0))

    assert journey.state is before


def test_a_withdrawn_referral_ends_the_course_without_an_outcome(journey):
    on_course(journey)

    said = journey.publish(withdrawn("visit-1"), day(3))

    assert said == []
    assert (journey.state.courses, journey.state.wake_at) == ((), None)


def test_a_second_department_of_the_same_stroke_shares_the_course(journey):
    journey.publish(referred(0, "emergency"), day(0))

    said = journey.publish(referred(9, "ward"), day(9))
    journey.publish(withdrawn("emergency"), day(10))

    assert said == []
    assert journey.state.course("stroke").visits == ("ward",)


def test_a_new_discharge_after_the_baseline_starts_over(journey):
    on_course(journey)

    said = journey.publish(referred(30, "visit-2"), day(30))

    assert milestones(said) == ["started"]
    assert milestones(journey.publish(barthel(20), day(32))) == ["baseline"]


def test_an_impossible_score_is_refused_and_changes_nothing(journey):
    on_course(journey)
    before = journey.state

    with pytest.raises(RuleRefusedError, match="Barthel total of 42"):
        journey.publish(barthel(42), day(9))

    assert journey.state is before


@pytest.mark.parametrize(
    ("provider", "mode", "way", "visit_class"),
    [
        (IN_NETWORK, "outpatient", "direct_pay", "ambulatory"),
        (IN_NETWORK, "home", "direct_pay", "home"),
        (OUT_OF_NETWORK, "remote", "claim", "virtual"),
    ],
)
def test_a_session_asks_to_be_paid_with_a_course_or_without(
    journey, provider, mode, way, visit_class
):
    journey.publish(cover("cover-1", date(2026, 1, 1)), day(0))

    [request] = journey.publish(attended(1, provider, mode), day(5))

    assert isinstance(request, PaymentRequested)
    assert request.way == way
    assert (request.visit_class, request.billed) == (visit_class, 20_000)
    assert [line.amount for line in request.lines] == [20_000]
    assert (request.service, request.service_date) == ("rehabilitation_session", date(2026, 1, 6))
    assert request.service_time == day(5)
    assert [known.cover_id for known in request.covers] == ["cover-1"]


def test_the_same_session_is_not_asked_for_twice(journey):
    journey.publish(attended(1), day(5))

    with pytest.raises(RuleRefusedError, match="session session-1 was attended once already"):
        journey.publish(attended(1), day(6))


def test_history_published_late_reaches_its_goal_as_of_its_own_dates_and_reminds_nobody():
    journey = Journey(STAGE, clock=day(1000))
    on_course(journey)
    for number in range(3):
        journey.publish(missed(number), day(3 + number))
    journey.publish(barthel(30), day(10))
    journey.publish(barthel(60), day(30))

    reminders = journey.tick(day(1001))

    assert reminders == []
    assert [draft.time for draft in journey.said if draft.time > day(30)] == []
    assert [told.milestone for told in journey.heard(RehabilitationMilestone)] == [
        "started",
        "baseline",
        "relapsed",
        "goal_reached",
    ]
    assert journey.heard(ReferredBackToTreatment) == []
    assert journey.state.wake_at > day(1001)
