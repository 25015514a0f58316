"""What the city sends that it should not: repeats, and messages that must be refused.

A repeat is the very same request again, hours or days later. A bad message follows a good one of
the same household, so that whom it names is known unless that is what is wrong with it.
"""

import heapq
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any, Final

import orjson

from services.simulator import fhir
from services.simulator.messages import EVENTS_DOOR, FHIR_DOOR, STRUCTURED, Message
from services.simulator.population import City, Household, Person

REPEATED: Final = 0.03
"""Share of messages that are sent a second time."""
BAD: Final = 0.02
"""Share of messages that a bad one follows."""

_HEADERS: Final = (("content-type", "application/fhir+json"),)


def disturb(city: City, household: Household, messages: Iterator[Message]) -> Iterator[Message]:
    """Yield `messages` with repeats and bad messages among them, by the time they are sent."""
    chance = city.chance("mischief", household.index)
    later: list[tuple[float, int, Message]] = []
    for number, message in enumerate(messages):
        while later and later[0][0] <= message.due:
            yield heapq.heappop(later)[2]
        yield message
        if chance.random() < REPEATED:
            due = message.due + chance.uniform(600, 3 * 86_400)
            repeat = replace(message, due=due, kind="repeat", expect="duplicate", wait_s=0)
            heapq.heappush(later, (due, number, repeat))
        if chance.random() < BAD:
            yield _bad_message(city, household, chance, message.due, number)


def _bad_message(
    city: City, household: Household, chance: Random, due: float, number: int
) -> Message:
    person = household.subscriber
    visit_id, at = f"{person.id}-bad{number}", city.instant(due)
    visit = fhir.encounter(visit_id, person, "AMB", person.hospital, at, at)
    lines = [("Consultation", 5_000)]
    bill = fhir.claim(f"{visit_id}-k", person, visit_id, person.hospital, "professional", lines, at)
    kinds = {
        "not JSON": b'{"resourceType": "Bundle", "entry": [',
        "a wrong type": _bundle(visit | {"period": "yesterday"}),
        "an unknown member": _bundle(visit | {"subject": {"reference": "Patient/nobody"}}),
        "a sub-cent amount": _bundle(visit, _priced(bill, 10.005)),
        "an unknown resource": _bundle({"resourceType": "Horoscope", "id": visit_id}),
        "not a number": _bundle(visit, _priced(bill, 0.0)).replace(b'"value":0.0', b'"value":NaN'),
    }
    events = {
        "an unknown event type": _event(person, at, "careloop.horoscope.cast.v1", {}),
        "a fraction of a fen": _event(
            person,
            at,
            "careloop.session.attended.v1",
            {
                "session_id": visit_id,
                "mode": "home",
                "provider": {"id": "therapist-owned-1"},
                "currency": "CNY",
                "price": 0.5,
            },
        ),
    }
    name = chance.choice([*kinds, *events])
    if name in events:
        headers = (("content-type", STRUCTURED),)
        body = orjson.dumps(events[name] | {"id": f"{visit_id}-event"})
        return Message(due, f"bad: {name}", EVENTS_DOOR, headers, body, 1, expect="refused")
    return Message(due, f"bad: {name}", FHIR_DOOR, _HEADERS, kinds[name], 1, expect="refused")


def _event(person: Person, at: str, event_type: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "source": "/therapists/therapist-owned-1",
        "type": event_type,
        "subject": person.id,
        "time": at,
        "data": data,
    }


def _priced(bill: fhir.Resource, value: float) -> dict[str, Any]:
    price = {"value": value, "currency": "CNY"}
    return bill | {"item": [bill["item"][0] | {"net": price}], "total": price}


def _bundle(*resources: fhir.Resource) -> bytes:
    return orjson.dumps(fhir.transaction(resources))
