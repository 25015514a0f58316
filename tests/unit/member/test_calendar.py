"""A day is made from an instant and a zone."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from services.member.calendar import (
    age_on,
    birthday,
    day_in,
    days_after,
    local_day,
    start_of,
    start_of_day_after,
    zone,
)

ZONES = ("Asia/Shanghai", "Asia/Kathmandu", "Europe/Berlin", "America/New_York")
CLOCKS_CHANGE = (
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
)
ORDINARY = tuple((name, date(2026, 1, 1)) for name in ZONES)


def told_in(name, day, hour, minute):
    """An instant as a sender there writes it: with the offset of that moment."""
    moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone(name))
    return moment.replace(tzinfo=timezone(moment.utcoffset()))


@pytest.mark.parametrize(("name", "day"), ORDINARY + CLOCKS_CHANGE)
def test_one_minute_before_midnight_is_this_day_and_one_after_it_the_next(name, day):
    before = told_in(name, day, 23, 59)
    after = told_in(name, day + timedelta(days=1), 0, 1)

    assert (local_day(before), local_day(after)) == (day, day + timedelta(days=1))
    assert (day_in(before, zone(name)), day_in(after, zone(name))) == (
        day,
        day + timedelta(days=1),
    )


def test_an_instant_told_in_utc_is_of_the_day_in_the_schemes_zone():
    assert local_day(datetime(2026, 1, 1, 15, 59, tzinfo=UTC)) == date(2026, 1, 1)
    assert local_day(datetime(2026, 1, 1, 16, 0, tzinfo=UTC)) == date(2026, 1, 2)
    assert local_day(datetime(2026, 1, 1, 16, 0, tzinfo=timezone(timedelta(0)))) == date(2026, 1, 2)


def test_a_day_begins_and_ends_at_midnight_of_the_schemes_zone():
    assert start_of(date(2026, 1, 2)) == datetime(2026, 1, 1, 16, tzinfo=UTC)
    assert start_of_day_after(date(2026, 1, 2)) == datetime(2026, 1, 2, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "age"), [(date(2026, 2, 28), 17), (date(2026, 3, 1), 18), (date(2007, 1, 1), -2)]
)
def test_who_was_born_on_a_leap_day_has_a_birthday_on_the_first_of_march(day, age):
    assert age_on(date(2008, 2, 29), day) == age


def test_a_birthday_is_the_first_day_of_an_age():
    for born in (date(2008, 2, 29), date(2008, 3, 1), date(1990, 12, 31)):
        reached = birthday(born, 18)

        assert age_on(born, reached) == 18
        assert age_on(born, reached - timedelta(days=1)) == 17


def test_a_deadline_beyond_the_calendar_stays_on_it():
    last = days_after(date(9999, 1, 1), 1000)

    assert last == date(9999, 12, 30)
    assert start_of_day_after(date.max) == datetime(9999, 12, 30, 16, tzinfo=UTC)


def test_the_ends_of_the_calendar_have_days_too():
    assert local_day(datetime.max.replace(tzinfo=UTC)) == date.max
    assert local_day(datetime.min.replace(tzinfo=UTC)) == date.min
