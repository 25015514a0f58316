"""Business days: a day is made from an instant and a zone, here and nowhere else.

An instant is the same everywhere; which day it falls on is not. A visit at 07:30 in Shanghai on
1 January is of 1 January, though UTC still has the old year: that day decides the benefit year, the
waiting period, the covers in force. So `.date()` on an instant is banned outside this module (a
test looks), and what needs a business day asks for the type.
"""

from datetime import UTC, date, datetime, time, tzinfo
from functools import cache, lru_cache
from typing import Final, NewType
from zoneinfo import ZoneInfo

BusinessDay = NewType("BusinessDay", date)
"""A day as it is lived and counted in some place."""

SCHEME_ZONE: Final = ZoneInfo("Asia/Shanghai")
"""Where nothing says of which zone a day is: what was told in UTC, and deadlines of the clock."""

_LAST: Final = date(9999, 12, 30).toordinal()


@lru_cache(maxsize=4096)
def day_in(moment: datetime, zone: tzinfo) -> BusinessDay:
    """Return the day on which `moment` falls in `zone`."""
    try:
        return BusinessDay(moment.astimezone(zone).date())
    except OverflowError:  # at the calendar's ends
        return BusinessDay(moment.date())


def local_day(moment: datetime) -> BusinessDay:
    """Return the day on which `moment` fell where it happened: in the offset it was told with.

    An instant told in UTC says nothing of where (RFC 9557, section 2): it is read in the scheme's
    zone.
    """
    if moment.tzinfo is not UTC and moment.utcoffset():
        return BusinessDay(moment.date())
    return day_in(moment, SCHEME_ZONE)


@cache
def zone(name: str) -> ZoneInfo:
    """Return a zone of the IANA database by its name, such as `Asia/Shanghai`.

    Raises:
        ZoneInfoNotFoundError: there is none of this name.
    """
    return ZoneInfo(name)


def written_day(day: date) -> BusinessDay:
    """Return a day that was written as such by whoever counts it, and so needs no zone."""
    return BusinessDay(day)


def days_after(day: date, count: int) -> BusinessDay:
    """Return the day `count` days after `day`, at most 9999-12-30, so that none overflows."""
    return BusinessDay(date.fromordinal(min(day.toordinal() + count, _LAST)))


@lru_cache(maxsize=4096)
def start_of(day: date) -> datetime:
    """Return the instant at which `day` begins in the scheme's zone, in UTC."""
    return datetime.combine(day, time.min, tzinfo=SCHEME_ZONE).astimezone(UTC)


def start_of_day_after(day: date) -> datetime:
    """Return the instant at which `day` is over in the scheme's zone: a deadline on it has passed."""
    return start_of(date.fromordinal(min(day.toordinal(), _LAST) + 1))


def age_on(birth_date: date, day: date) -> int:
    """Return the age in full years on `day`; negative before birth."""
    had_birthday = (day.month, day.day) >= (birth_date.month, birth_date.day)
    return day.year - birth_date.year - (0 if had_birthday else 1)


def birthday(birth_date: date, years: int) -> BusinessDay:
    """Return the birthday on which an age is reached; of someone born on 29 February, 1 March."""
    year = min(birth_date.year + years, date.max.year - 1)
    leap_day = (birth_date.month, birth_date.day) == (2, 29)
    return BusinessDay(date(year, 3, 1) if leap_day else birth_date.replace(year=year))
