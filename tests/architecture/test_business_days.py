"""A day is made from an instant and a zone, in `services/member/calendar.py` and nowhere else."""

import ast
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_CALENDAR = _ROOT / "services/member/calendar.py"
_SOURCES = sorted(set((_ROOT / "services").rglob("*.py")) - {_CALENDAR})
_NO_BUSINESS_DAY = {
    "services/simulator/population.py": 3  # births and covers are drawn in the city's own UTC
}
"""Places that take the date of an instant and mean no business day, with how often they do."""


def dates_of_instants(source: str) -> list[int]:
    """Lines that call `.date()` of a value, or hand it on as a function."""
    tree = ast.parse(source)
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "date"
    ]


@pytest.mark.parametrize("path", _SOURCES, ids=lambda path: str(path.relative_to(_ROOT)))
def test_no_day_is_taken_from_an_instant_without_a_zone(path):
    found = dates_of_instants(path.read_text(encoding="utf-8"))

    assert len(found) == _NO_BUSINESS_DAY.get(str(path.relative_to(_ROOT)), 0), found


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("day = event.time.date()", [1]),
        ("day = (at - span).date()", [1]),
        ("take = moment.date\nday = take()", [1]),
        ("days = map(datetime.date, moments)", [1]),
        ("from datetime import date\nday = date(2026, 1, 1)", []),
    ],
)
def test_a_planted_date_is_seen(source, lines):
    assert dates_of_instants(source) == lines


def test_whoever_takes_dates_without_a_zone_still_exists():
    assert all((_ROOT / path).exists() for path in _NO_BUSINESS_DAY)
