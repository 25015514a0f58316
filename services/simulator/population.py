"""Who lives in the city: households, their members, and what makes some of them ill.

The figures are chosen to be lively rather than true: strokes are many times as frequent as in
life, so that members complete the loop while one watches. Ages, sexes, prevalence by age and the
spread of blood pressure have the shape of an urban population.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Final, Literal

DAY_S: Final = 86_400.0
"""Seconds of a city day."""
YEAR_DAYS: Final = 365

_SIZES: Final = ((1, 25), (2, 33), (3, 28), (4, 14))
"""People in a household, with weights in per cent."""
PRIVATE_INSURERS: Final = ("insurer-lantern", "insurer-magpie", "insurer-willow")
"""Invented, as everybody in the city is."""

SOCIAL_INSURER: Final = "social-insurance-fund"

Sex = Literal["male", "female"]


@dataclass(frozen=True, slots=True)
class City:
    """What everything else follows from. `start` is city time zero, with its offset."""

    seed: int
    members: int
    start: datetime

    def chance(self, *key: object) -> Random:
        """Return a source of chance that belongs to `key` alone, the same in every run."""
        return Random(":".join(map(str, (self.seed, *key))))

    def instant(self, seconds: float) -> str:
        """Write the instant `seconds` after the start as RFC 3339, to the second."""
        moment = self.start + timedelta(seconds=round(seconds))
        return moment.isoformat(timespec="seconds")

    def day(self, seconds: float) -> date:
        """Return the calendar day `seconds` after the start, in the start's offset."""
        return (self.start + timedelta(seconds=seconds)).date()


@dataclass(frozen=True, slots=True)
class Cover:
    """A contract of one member, as the hospital knows it at registration."""

    id: str
    product: str
    insurer: str
    valid_from: date
    valid_to: date | None


@dataclass(frozen=True, slots=True)
class Person:
    """A member of the city.

    systolic, diastolic: untreated, at rest, in mmHg. adherence: 0 to 1, the share of agreed
    readings, doses and sessions that really happen. stroke_prone: will have a stroke soon after
    screening. comes: follows invitations to check-ups.
    """

    id: str
    index: int
    sex: Sex
    birth_date: date
    age: int
    smoker: bool
    diabetic: bool
    bmi: float
    cholesterol: float
    hypertensive: bool
    systolic: int
    diastolic: int
    adherence: float
    comes: bool
    stroke_prone: bool
    hospital: str
    covers: tuple[Cover, ...]


@dataclass(frozen=True, slots=True)
class Household:
    """People who share covers. `joins_at`: city seconds at which they become known."""

    index: int
    people: tuple[Person, ...]
    joins_at: float

    @property
    def subscriber(self) -> Person:
        """Return the person who holds the family's contracts."""
        return self.people[0]


def household_sizes(city: City) -> Iterator[int]:
    """Yield the size of each household; the sizes sum to the number of members."""
    chance = city.chance("sizes")
    left = city.members
    while left > 0:
        size = chance.choices([n for n, _ in _SIZES], [weight for _, weight in _SIZES])[0]
        yield min(size, left)
        left -= size


def household(city: City, index: int, first_member: int, size: int) -> Household:
    """Return a household whose members carry the numbers from `first_member` on."""
    chance = city.chance("household", index)
    family = _family_cover(city, chance)
    people = tuple(
        _person(city, first_member + place, place=place, family=family) for place in range(size)
    )
    return Household(index=index, people=people, joins_at=_joins_at(chance, people))


def _joins_at(chance: Random, people: tuple[Person, ...]) -> float:
    opening, day = chance.random(), chance.random()
    if opening < 0.04:
        return chance.uniform(60.0, 6 * 3600.0)  # at a hospital when the city opens
    if any(person.stroke_prone for person in people):
        return day * 70 * DAY_S
    return day * 320 * DAY_S


def _family_cover(city: City, chance: Random) -> tuple[str, date] | None:
    """Return the private insurer and the first day of the family's contract, if it has one."""
    if chance.random() >= 0.6:
        return None
    # One contract in twelve is so young that its waiting period still runs.
    age_days = chance.randrange(0, 25) if chance.random() < 0.08 else chance.randrange(60, 700)
    return chance.choice(PRIVATE_INSURERS), city.start.date() - timedelta(days=age_days)


def _person(city: City, index: int, place: int, family: tuple[str, date] | None) -> Person:
    chance = city.chance("person", index)
    age = _age(chance, place)
    hypertensive = chance.random() < _hypertension_prevalence(age)
    raised = chance.gauss(0, 7)
    systolic = 112 + age * 0.12 + chance.gauss(0, 6)
    diastolic = 72 + chance.gauss(0, 4)
    if hypertensive:
        systolic, diastolic = 156 + raised + age * 0.12, 96 + raised * 0.5
    person_id = f"m{city.seed}-{index:06d}"
    birth = city.start.date() - timedelta(days=int((age + chance.random()) * 365.25))
    return Person(
        id=person_id,
        index=index,
        sex="male" if (place % 2 == 0) == (chance.random() < 0.85) else "female",
        birth_date=birth,
        age=age,
        smoker=age >= 18 and chance.random() < 0.24,
        diabetic=age >= 35 and chance.random() < 0.1,
        bmi=round(max(15.5, chance.gauss(24.2, 3.2)), 1),
        cholesterol=round(max(2.9, chance.gauss(4.8, 0.9)), 2),
        hypertensive=hypertensive,
        systolic=round(systolic),
        diastolic=round(diastolic),
        adherence=min(1.0, max(0.15, chance.gauss(0.8, 0.18))),
        comes=chance.random() < 0.6,
        stroke_prone=hypertensive and age >= 35 and chance.random() < 0.32,
        hospital=_hospital(chance),
        covers=_covers(city, chance, person_id, family, age=age),
    )


def _age(chance: Random, place: int) -> int:
    if place == 0:
        return min(92, max(20, int(chance.gauss(52, 16))))
    if place == 1:
        return min(92, max(20, int(chance.gauss(50, 15))))
    return chance.randrange(0, 22)


def _hypertension_prevalence(age: int) -> float:
    if age < 30:
        return 0.02
    if age < 50:
        return 0.22
    return 0.46


def _hospital(chance: Random) -> str:
    """Choose the member's usual hospital: most are in a network, one in eight is not."""
    return chance.choices(
        [
            "hospital-owned-1",
            "hospital-owned-2",
            "hospital-strategic-1",
            "hospital-strategic-2",
            "hospital-alliance-1",
            "hospital-out-1",
        ],
        [24, 16, 18, 12, 18, 12],
    )[0]


def _covers(
    city: City, chance: Random, person_id: str, family: tuple[str, date] | None, age: int
) -> tuple[Cover, ...]:
    covers = []
    if chance.random() < 0.95:
        since = date(city.start.year - chance.randrange(1, 9), 1, 1)
        covers.append(Cover(f"{person_id}-c1", "basic-medical", SOCIAL_INSURER, since, None))
    if family is not None:
        insurer, first = family
        last = first + timedelta(days=5 * YEAR_DAYS)
        covers.append(Cover(f"{person_id}-c2", "million-yuan-medical", insurer, first, last))
        if age >= 40 and chance.random() < 0.7:
            covers.append(Cover(f"{person_id}-c3", "rehabilitation-cover", insurer, first, last))
    return tuple(covers)
