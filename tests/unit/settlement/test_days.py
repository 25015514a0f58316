"""Which day a service is of: each product says it by its own time zone."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.settlement.adjudicate import Adjudicated
from tests.unit.settlement.zoned import decided, product_of

SHANGHAI, LONDON, NEW_YORK = "Asia/Shanghai", "Europe/London", "America/New_York"


def _decided(told: str, zone: str, *, first: date, last: date | None = None) -> Adjudicated:
    return decided(datetime.fromisoformat(told), product_of(zone), first=first, last=last)


def _said(result: Adjudicated, step: str) -> Any:
    return next(reason for reason in result.trace if reason["rule"].endswith(f"/{step}"))


@pytest.mark.parametrize("told", ["2026-12-31T23:30:00+00:00", "2027-01-01T07:30:00+08:00"])
def test_a_visit_early_on_new_years_day_in_shanghai_is_of_the_new_year(told: str) -> None:
    result = _decided(told, SHANGHAI, first=date(2026, 12, 1))

    assert result.consumed[0].year == date(2027, 1, 1)
    assert result.consumed[0].paid == 100
    assert _said(result, "in_force") == {
        "rule": "Asia/Shanghai@new/in_force",
        "payer": "insurer",
        "open_before": 100,
        "taken": 0,
        "note": "Cover c1 is in force on 2027-01-01.",
    }


@pytest.mark.parametrize("told", ["2026-12-31T23:30:00+00:00", "2027-01-01T07:30:00+08:00"])
def test_to_a_product_of_another_zone_the_same_visit_is_of_the_old_year(told: str) -> None:
    result = _decided(told, LONDON, first=date(2026, 11, 30))

    assert result.consumed[0].year == date(2026, 1, 1)
    assert _said(result, "pay")["rule"] == "Europe/London@old/pay"
    assert _said(result, "in_force")["note"] == "Cover c1 is in force on 2026-12-31."


def test_the_waiting_period_ends_by_the_days_of_the_product() -> None:
    told = "2027-01-01T07:30:00+08:00"

    paid = {
        zone: sum(part.paid for part in _decided(told, zone, first=date(2026, 12, 1)).consumed)
        for zone in (SHANGHAI, LONDON)
    }

    assert paid == {SHANGHAI: 100, LONDON: 0}


def test_the_last_day_of_a_cover_is_a_day_of_the_product() -> None:
    told = "2026-12-31T23:30:00+00:00"

    paid = {
        zone: sum(
            part.paid
            for part in _decided(
                told, zone, first=date(2026, 1, 1), last=date(2026, 12, 31)
            ).consumed
        )
        for zone in (SHANGHAI, LONDON)
    }

    assert paid == {SHANGHAI: 0, LONDON: 100}


@pytest.mark.parametrize("zone", [SHANGHAI, LONDON, NEW_YORK])
@pytest.mark.parametrize("day", [date(2027, 1, 1), date(2027, 3, 14), date(2027, 3, 28)])
def test_a_day_begins_at_midnight_in_the_zone_of_the_product(zone: str, day: date) -> None:
    """Also on the days on which clocks go forward in New York and in London."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    instant = midnight.astimezone(ZoneInfo("UTC"))

    days = [product_of(zone).day_of(instant + timedelta(seconds=after)) for after in (-1, 0, 1)]

    assert days == [day - timedelta(days=1), day, day]


@pytest.mark.parametrize(
    ("zone", "told", "day"),
    [
        # London goes back at 02:00 BST on 31 October 2027: its day has 25 hours.
        (LONDON, "2027-10-30T23:30:00+00:00", date(2027, 10, 31)),
        (LONDON, "2027-10-31T23:30:00+00:00", date(2027, 10, 31)),
        (LONDON, "2027-11-01T00:00:00+00:00", date(2027, 11, 1)),
        # New York goes forward at 02:00 EST on 14 March 2027: its day has 23 hours.
        (NEW_YORK, "2027-03-14T04:59:59+00:00", date(2027, 3, 13)),
        (NEW_YORK, "2027-03-14T05:00:00+00:00", date(2027, 3, 14)),
        (NEW_YORK, "2027-03-15T03:59:59+00:00", date(2027, 3, 14)),
        (NEW_YORK, "2027-03-15T04:00:00+00:00", date(2027, 3, 15)),
        # Shanghai kept summer time until 1991.
        (SHANGHAI, "1990-07-01T15:30:00+00:00", date(1990, 7, 2)),
        (SHANGHAI, "2027-07-01T15:30:00+00:00", date(2027, 7, 1)),
    ],
)
def test_a_day_has_the_length_that_the_clocks_of_the_zone_give_it(
    zone: str, told: str, day: date
) -> None:
    assert product_of(zone).day_of(datetime.fromisoformat(told)) == day


def test_the_offset_that_an_instant_was_told_with_does_not_matter() -> None:
    results = [
        _decided(told, SHANGHAI, first=date(2026, 12, 1))
        for told in ("2026-12-31T23:30:00+00:00", "2026-12-31T18:30:00-05:00")
    ]

    assert results[0] == results[1]
