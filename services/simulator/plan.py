"""What happens in the city, as one ordered stream of messages per household.

Pure: the same seed, number of members and start give the same messages, whatever the real time
and the pace. A household is the unit of order, as on the log.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from services.simulator import fhir
from services.simulator.life import member_life
from services.simulator.messages import Message, Pen
from services.simulator.mischief import disturb
from services.simulator.population import City, Household, household, household_sizes


@dataclass(frozen=True, slots=True)
class Lane:
    """One household and its messages still to come."""

    household: Household
    messages: Iterator[Message]


def lanes(city: City) -> Iterator[Lane]:
    """Yield every household of the city; nothing is planned before its first message is asked."""
    first_member = 0
    for index, size in enumerate(household_sizes(city)):
        family = household(city, index, first_member, size)
        yield Lane(family, household_life(city, family))
        first_member += size


def household_life(city: City, family: Household) -> Iterator[Message]:
    """Yield the messages of one household by the time they are sent, without end."""
    registrar = Pen(city, family, family.subscriber, city.chance("registration", family.index))
    joined = city.instant(family.joins_at)
    resources: list[fhir.Resource] = [fhir.patient(person, joined) for person in family.people]
    resources += [
        fhir.coverage(cover, person, family.subscriber)
        for person in family.people
        for cover in person.covers
    ]
    registrar.bundle("registration", family.joins_at, resources, family.subscriber.hospital)
    lives = [
        member_life(Pen(city, family, person, city.chance("life", person.index)))
        for person in family.people
    ]
    merged = heapq.merge(*lives, key=lambda message: message.due)
    return disturb(city, family, _after(registrar.written, merged))


def _after(first: list[Message], rest: Iterator[Message]) -> Iterator[Message]:
    yield from first
    yield from rest
