"""Ages of members whose birth date is known by its day, its month or its year alone."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.member.age import Age, age_of, days_of
from services.member.calendar import age_on
from services.member.record import MemberRecord

days = st.dates(date(1900, 1, 1), date(2030, 12, 31))
PRECISIONS = {"year": 4, "month": 7, "day": 10}


@pytest.mark.parametrize(
    ("known", "first", "last"),
    [
        ("1962", date(1962, 1, 1), date(1962, 12, 31)),
        ("1964-02", date(1964, 2, 1), date(1964, 2, 29)),
        ("1962-11", date(1962, 11, 1), date(1962, 11, 30)),
        ("1962-11-03", date(1962, 11, 3), date(1962, 11, 3)),
    ],
)
def test_a_day_known_in_part_is_any_within_it(known, first, last):
    assert days_of(known) == (first, last)


@given(born=days, day=days, precision=st.sampled_from(list(PRECISIONS)))
def test_an_age_is_what_every_possible_birth_date_gives(born, day, precision):
    known = born.isoformat()[: PRECISIONS[precision]]
    first, last = days_of(known)
    possible = [age_on(first + timedelta(n), day) for n in range((last - first).days + 1)]

    assert first <= born <= last
    assert age_of(known, day) == Age(min(possible), max(possible))


@given(born=days, day=days, years=st.integers(0, 90))
def test_what_is_known_of_an_age_in_part_holds_of_the_whole(born, day, years):
    whole = MemberRecord(birth_date=born.isoformat())
    for length in PRECISIONS.values():
        part = MemberRecord(birth_date=born.isoformat()[:length])
        assert not part.is_under(years, day) or whole.is_under(years, day)
        assert not part.is_from(years, day) or whole.is_from(years, day)
    assert whole.is_under(years, day) != whole.is_from(years, day)


def test_an_age_is_told_as_far_as_it_is_known():
    assert str(age_of("1962", date(2026, 3, 1))) == "63 or 64"
    assert str(age_of("1962-11-03", date(2026, 3, 1))) == "63"
