"""Which day a rule of screening means: that of where it happened; deadlines fall in Shanghai."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from services.contract.care import ReferredToManagement, RiskStratified, ScreeningScheduled
from services.contract.milestones import ScreeningMilestone
from services.screening.app import STAGE
from tests.unit.screening.facts import blood_pressure, condition, registered, smoking
from tests.unit.screening.moments import PLACES, after, first_minute, last_minute
from tests.unit.treatment.journey import Journey, cover, milestones

everywhere = pytest.mark.parametrize(("place", "day"), PLACES)


@pytest.fixture
def journey():
    return Journey(STAGE)


def born(day, years):
    return day.replace(year=day.year - years)


@everywhere
def test_a_reading_counts_from_the_eighteenth_birthday_on(journey, place, day):
    journey.publish(registered(born(after(day), 18)), first_minute(place, day))

    assert journey.publish(blood_pressure(150, 95), last_minute(place, day)) == []
    said = journey.publish(blood_pressure(150, 95), first_minute(place, after(day)))

    assert "screened" in milestones(said)


@everywhere
def test_age_is_a_risk_factor_from_the_birthday_on(journey, place, day):
    journey.publish(registered(born(after(day), 56), "male"), first_minute(place, day))

    journey.publish(blood_pressure(150, 95), last_minute(place, day))
    journey.publish(blood_pressure(150, 95), first_minute(place, after(day)))

    assert [said.stratum for said in journey.heard(RiskStratified)] == ["low", "medium"]


@everywhere
def test_two_minutes_around_midnight_are_two_raised_days(journey, place, day):
    journey.publish(blood_pressure(150, 95), last_minute(place, day))
    assert journey.heard(ReferredToManagement) == []

    journey.publish(blood_pressure(150, 95), first_minute(place, after(day)))

    [referral] = journey.heard(ReferredToManagement)
    assert referral.reason == f"140/90 mmHg or more on {day} and on {after(day)}"


@everywhere
def test_a_whole_day_from_its_first_minute_to_its_last_is_one_raised_day(journey, place, day):
    journey.publish(blood_pressure(150, 95), first_minute(place, day))
    journey.publish(blood_pressure(150, 95), last_minute(place, day))

    assert journey.heard(ReferredToManagement) == []


@everywhere
@pytest.mark.parametrize("apart", [365, 366])
def test_a_year_between_raised_days_is_counted_in_days(journey, place, day, apart):
    journey.publish(blood_pressure(150, 95), last_minute(place, day))
    journey.publish(blood_pressure(150, 95), first_minute(place, after(day, apart)))

    assert len(journey.heard(ReferredToManagement)) == (1 if apart == 365 else 0)


@everywhere
@pytest.mark.parametrize("minute", [first_minute, last_minute])
def test_the_next_reading_is_due_counted_from_the_day_where_it_was_read(
    journey, place, day, minute
):
    journey.publish(registered(born(day, 45)), first_minute(place, after(day, -10)))

    journey.publish(blood_pressure(145, 80), minute(place, day))

    assert journey.heard(ScreeningScheduled)[-1].due == after(day, 28)


@pytest.mark.parametrize(("hour", "said"), [(15, []), (16, ["overdue", "invited"])])
def test_a_due_day_is_over_at_midnight_in_shanghai(journey, hour, said):
    journey.publish(registered(date(1980, 6, 1)), datetime(2026, 1, 1, 8, tzinfo=UTC))
    assert journey.heard(ScreeningScheduled)[-1].due == date(2026, 1, 31)

    end = datetime(2026, 1, 31, hour, 59 if hour == 15 else 0, tzinfo=UTC)

    assert milestones(journey.tick(end)) == said


@pytest.mark.parametrize(("hour", "said"), [(15, []), (16, ["invited"])])
def test_the_first_invitation_is_due_when_the_birthday_begins_in_shanghai(journey, hour, said):
    journey.publish(registered(date(2008, 3, 1)), datetime(2026, 1, 1, 8, tzinfo=UTC))

    begin = datetime(2026, 2, 28, hour, 59 if hour == 15 else 0, tzinfo=UTC)

    assert milestones(journey.tick(begin)) == said


@pytest.mark.parametrize("hours", [-11, 5, 14])
def test_a_tick_in_any_offset_moves_the_wake_up_on(journey, hours):
    journey.publish(registered(date(2008, 3, 1)), datetime(2026, 1, 1, 8, tzinfo=UTC))
    begin = datetime(2026, 2, 28, 16, tzinfo=UTC)

    there = begin.astimezone(timezone(timedelta(hours=hours)))

    assert milestones(journey.tick(there)) == ["invited"]


@everywhere
def test_an_insurer_is_told_on_the_first_and_the_last_day_of_its_cover(journey, place, day):
    journey.publish(cover("a", day, day), first_minute(place, after(day, -9)))

    for moment in (
        last_minute(place, after(day, -1)),
        first_minute(place, day),
        last_minute(place, day),
        first_minute(place, after(day)),
    ):
        journey.state = STAGE.begin()
        journey.publish(cover("a", day, day), moment)
        journey.publish(blood_pressure(120, 80), moment)

    told = [
        said.insurers for said in journey.heard(ScreeningMilestone) if said.milestone == "screened"
    ]
    assert told == [(), ("insurer-1",), ("insurer-1",), ()]


@everywhere
def test_an_answer_and_a_diagnosis_are_of_the_day_where_they_were_told(journey, place, day):
    journey.publish(smoking("Never smoker"), last_minute(place, day))
    journey.publish(condition("59621000"), last_minute(place, day))
    journey.publish(condition("44054006"), first_minute(place, after(day)))

    record = journey.state.record
    assert record.answer("smoking_status").day == day
    assert {finding.name: finding.day for finding in record.findings} == {
        "hypertension": day,
        "diabetes": after(day),
        "type_2_diabetes": after(day),
    }
