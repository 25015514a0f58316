"""Which day a rule of management means: that of where it happened; deadlines fall in Shanghai."""

from datetime import UTC, date, datetime

import pytest

from services.contract.care import PlanSet, ReferredToManagement, ReferredToTreatment
from services.contract.milestones import ManagementMilestone
from services.management.app import STAGE
from tests.unit.screening.facts import blood_pressure, condition, registered
from tests.unit.screening.moments import PLACES, after, first_minute, last_minute
from tests.unit.treatment.journey import Journey, cover, milestones

everywhere = pytest.mark.parametrize(("place", "day"), PLACES)
either = pytest.mark.parametrize("minute", [first_minute, last_minute])
REFERRED = ReferredToManagement(
    pathway="hypertension", stratum="low", reason="two readings", rule="test"
)


@pytest.fixture
def journey():
    return Journey(STAGE)


def enrolment(journey):
    return journey.state.enrolment("hypertension")


@everywhere
@either
def test_a_member_is_enrolled_since_the_day_where_it_happened_and_due_from_it(
    journey, place, day, minute
):
    journey.publish(REFERRED, minute(place, day))

    found = enrolment(journey)
    assert (found.since, found.stratum_on, found.due) == (day, day, after(day, 14))


@everywhere
def test_a_reading_of_the_minute_before_the_day_of_enrolment_is_not_of_the_programme(
    journey, place, day
):
    journey.publish(REFERRED, first_minute(place, day))

    journey.publish(blood_pressure(150, 95), last_minute(place, after(day, -1)))
    assert enrolment(journey).readings == ()
    journey.publish(blood_pressure(150, 95), first_minute(place, day))
    assert len(enrolment(journey).readings) == 1


@everywhere
def test_two_minutes_around_midnight_are_readings_of_two_days(journey, place, day):
    journey.publish(REFERRED, first_minute(place, day))

    said = journey.publish(blood_pressure(130, 80), last_minute(place, day))
    said += journey.publish(blood_pressure(130, 80), first_minute(place, after(day)))

    assert milestones(said) == ["target_met"]
    assert enrolment(journey).met_since == after(day)


@everywhere
def test_a_day_from_its_first_minute_to_its_last_has_one_reading_the_last(journey, place, day):
    journey.publish(REFERRED, first_minute(place, day))

    journey.publish(blood_pressure(150, 95), first_minute(place, day))
    journey.publish(blood_pressure(130, 80), last_minute(place, day))

    assert [one.values for one in enrolment(journey).readings] == [(130, 80)]


@everywhere
def test_the_target_of_the_elderly_holds_from_the_birthday_on(journey, place, day):
    high = REFERRED.model_copy(update={"stratum": "high"})
    for moment in (last_minute(place, day), first_minute(place, after(day))):
        journey.state = STAGE.begin()
        journey.publish(registered(after(day).replace(year=day.year - 65)), moment)
        journey.publish(high, moment)

    assert [plan.goals[0].value for plan in journey.heard(PlanSet)] == [130, 140]


@everywhere
def test_a_red_flag_is_urgent_again_two_weeks_of_days_later(journey, place, day):
    journey.publish(blood_pressure(185, 95), last_minute(place, day))
    journey.publish(blood_pressure(185, 95), last_minute(place, after(day, 13)))
    assert len(journey.heard(ReferredToTreatment)) == 1

    journey.publish(blood_pressure(185, 95), first_minute(place, after(day, 14)))

    assert [said.reason for said in journey.heard(ReferredToTreatment)] == [
        f"185/95 mmHg on {day}: 180/110 or more",
        f"185/95 mmHg on {after(day, 14)}: 180/110 or more",
    ]


@pytest.mark.parametrize(("hour", "said"), [(15, []), (16, ["overdue"])])
def test_a_follow_up_is_missed_at_midnight_in_shanghai(journey, hour, said):
    journey.publish(REFERRED, datetime(2026, 1, 1, 8, tzinfo=UTC))
    assert enrolment(journey).due == date(2026, 1, 15)

    end = datetime(2026, 1, 15, hour, 59 if hour == 15 else 0, tzinfo=UTC)

    assert milestones(journey.tick(end)) == said


@everywhere
def test_a_diagnosis_is_withdrawn_on_the_day_where_it_was_said(journey, place, day):
    journey.publish(REFERRED, first_minute(place, day))

    journey.publish(condition("59621000", "resolved"), last_minute(place, after(day, -1)))
    assert enrolment(journey) is not None
    journey.publish(condition("59621000", "resolved"), first_minute(place, day))
    assert enrolment(journey) is None
    assert journey.state.left_on("hypertension") == day


@everywhere
def test_an_insurer_is_told_on_the_first_and_the_last_day_of_its_cover(journey, place, day):
    for moment in (
        last_minute(place, after(day, -1)),
        first_minute(place, day),
        last_minute(place, day),
        first_minute(place, after(day)),
    ):
        journey.state = STAGE.begin()
        journey.publish(cover("a", day, day), moment)
        journey.publish(REFERRED, moment)

    told = [said.insurers for said in journey.heard(ManagementMilestone)]
    assert told == [(), ("insurer-1",), ("insurer-1",), ()]
