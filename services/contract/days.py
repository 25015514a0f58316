"""Days that cannot overflow: a deadline beyond the calendar's end is its last day but one."""

from datetime import UTC, date, datetime, time
from typing import Final

_LAST: Final = date(9999, 12, 30).toordinal()


def days_after(day: date, count: int) -> date:
    """Return the day `count` days after `day`, at most 9999-12-30."""
    return date.fromordinal(min(day.toordinal() + count, _LAST))


def start_of(day: date) -> datetime:
    """Return the instant at which `day` begins, in UTC."""
    return datetime.combine(day, time.min, tzinfo=UTC)


def start_of_day_after(day: date) -> datetime:
    """Return the instant at which `day` is over, in UTC: when a deadline on it has passed."""
    return start_of(date.fromordinal(min(day.toordinal(), _LAST) + 1))
