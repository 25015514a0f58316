"""Moments around midnight, as senders in several places write them, on days when clocks change."""

from datetime import date, datetime, timedelta, timezone

from services.member.calendar import zone

PLACES = (
    ("Asia/Shanghai", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 3, 29)),  # one hour shorter
    ("Europe/Berlin", date(2026, 10, 25)),  # one hour longer
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
)


def told(place: str, day: date, hour: int, minute: int) -> datetime:
    """An instant as a sender there writes it: with the offset of that moment."""
    moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone(place))
    return moment.replace(tzinfo=timezone(moment.utcoffset()))


def last_minute(place: str, day: date) -> datetime:
    """23:59 of a day."""
    return told(place, day, 23, 59)


def first_minute(place: str, day: date) -> datetime:
    """00:01 of a day."""
    return told(place, day, 0, 1)


def after(day: date, days: int = 1) -> date:
    """The day so many days later."""
    return day + timedelta(days=days)
