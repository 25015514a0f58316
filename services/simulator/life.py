"""A member's life in the city, year by year: what happens, in which order, and how often.

Members know nothing of what Careloop decides; they follow invitations, measure, fall ill and
recover as people do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final

from services.simulator import visits
from services.simulator.messages import Message, Pen
from services.simulator.population import DAY_S, YEAR_DAYS
from services.simulator.readings import pressure_at_home
from services.simulator.rehabilitation_course import rehabilitate

_YEAR_S: Final = YEAR_DAYS * DAY_S
_LATER_STROKES_PER_YEAR: Final = 0.09
_COLDS_PER_YEAR: Final = 0.55
_INJURIES_PER_YEAR: Final = 0.07
_READING_EVERY_DAYS: Final = (14, 28)
_REFILL_EVERY_DAYS: Final = 110
_DEVICE_OFFLINE: Final = 0.05


@dataclass(slots=True)
class _Course:
    """Where a hypertensive member stands. All in city seconds.

    treated_from: first dose. away: readings pause between these two instants.
    """

    treated_from: float | None = None
    away: tuple[float, float] = (0.0, 0.0)


def member_life(pen: Pen) -> Iterator[Message]:
    """Yield the messages about one person, by the time they are sent, without end."""
    joined, course = pen.household.joins_at, _Course()
    waiting: list[Message] = []
    for year in count():
        begins = joined + year * _YEAR_S
        if year == 0:
            _first_year(pen, course, begins)
        else:
            _later_year(pen, course, begins)
        _everyday_visits(pen, begins)
        waiting = sorted([*waiting, *pen.written], key=_due)
        pen.written.clear()
        ended = [message for message in waiting if message.due < begins + _YEAR_S]
        waiting = waiting[len(ended) :]
        yield from ended


def _due(message: Message) -> float:
    return message.due


def _first_year(pen: Pen, course: _Course, joined: float) -> None:
    person, chance = pen.person, pen.chance
    if joined < DAY_S and person is pen.household.subscriber:
        visits.ambulatory(pen, joined + 300.0)
    if person.age < 18:
        return
    if not (person.comes or person.stroke_prone):
        if chance.random() < 0.3:
            visits.check_up(pen, joined + chance.uniform(150, 330) * DAY_S, None, first=True)
        return
    checked = joined + chance.uniform(0.3, 5.0) * DAY_S
    visits.check_up(pen, checked, None, first=True)
    if not person.hypertensive:
        return
    confirmed = checked + chance.uniform(2.0, 8.0) * DAY_S
    pen.event("home reading", confirmed, pressure_at_home(pen, confirmed, None))
    course.treated_from = confirmed + chance.uniform(1.0, 5.0) * DAY_S
    if person.stroke_prone:
        _stroke(pen, course, course.treated_from + chance.uniform(12.0, 50.0) * DAY_S)
    _management(pen, course, course.treated_from, joined + _YEAR_S)


def _later_year(pen: Pen, course: _Course, begins: float) -> None:
    person, chance = pen.person, pen.chance
    grown = person.age + (begins - pen.household.joins_at) / _YEAR_S >= 18
    if grown and chance.random() < (0.85 if person.comes else 0.3):
        at = begins + chance.uniform(0, 60) * DAY_S
        treated_for = None if course.treated_from is None else at - course.treated_from
        visits.check_up(pen, at, treated_for, first=False)
    if course.treated_from is None:
        return
    recovering = course.away[1] > begins
    if not recovering and chance.random() < _LATER_STROKES_PER_YEAR:
        _stroke(pen, course, begins + chance.uniform(0, YEAR_DAYS) * DAY_S)
    _management(pen, course, begins, begins + _YEAR_S)


def _management(pen: Pen, course: _Course, begins: float, ends: float) -> None:
    """Publish home readings and refills, as far as the member is adherent."""
    person, chance = pen.person, pen.chance
    started = course.treated_from
    if started is None:
        return
    refill = begins
    while refill < ends:
        if not course.away[0] <= refill <= course.away[1]:
            visits.prescription(pen, refill)
        refill += _REFILL_EVERY_DAYS * chance.uniform(0.95, 1.3) * DAY_S
    at = begins + chance.uniform(5, 12) * DAY_S
    while at < ends:
        away = course.away[0] <= at <= course.away[1]
        if not away and chance.random() < 0.3 + 0.7 * person.adherence:
            reading = pressure_at_home(pen, at, at - started)
            offline_days = chance.uniform(2, 12) if chance.random() < _DEVICE_OFFLINE else 0.0
            kind = "home reading, late" if offline_days else "home reading"
            pen.event(kind, at + offline_days * DAY_S, reading)
        at += chance.uniform(*_READING_EVERY_DAYS) * DAY_S


def _stroke(pen: Pen, course: _Course, at: float) -> None:
    """Publish a stroke and what follows from it, up to the check-up after recovery."""
    discharged_at = visits.stroke_stay(pen, at)
    course.away = (at, discharged_at + 10 * DAY_S)
    recovered_at = rehabilitate(pen, discharged_at)
    back_at = recovered_at + pen.chance.uniform(20, 35) * DAY_S
    treated_for = None if course.treated_from is None else back_at - course.treated_from
    visits.check_up(pen, back_at, treated_for, first=False)


def _everyday_visits(pen: Pen, begins: float) -> None:
    chance = pen.chance
    for rate, visit in (
        (_COLDS_PER_YEAR, visits.ambulatory),
        (_INJURIES_PER_YEAR, visits.emergency),
    ):
        at = chance.expovariate(rate)
        while at < 1.0:
            visit(pen, begins + at * _YEAR_S)
            at += chance.expovariate(rate)
