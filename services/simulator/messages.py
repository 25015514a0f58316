"""What the city sends: requests ready for the wire, and the pen that writes them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any, Final, Literal

import orjson

from services.simulator import fhir
from services.simulator.population import City, Household, Person

Expectation = Literal["accepted", "duplicate", "refused"]

FHIR_DOOR: Final = "/fhir"
EVENTS_DOOR: Final = "/events"
_JSON: Final = "application/json"
_FHIR_JSON: Final = "application/fhir+json"
STRUCTURED: Final = "application/cloudevents+json"
_BATCH: Final = "application/cloudevents-batch+json"


@dataclass(frozen=True, slots=True)
class Message:
    """One request.

    due: city seconds after the start at which it is sent. kind: what it is, in words, for the
    report. facts: how many resources or events it carries. expect: what a right answer is.
    wait_s: how long the sender wants to wait for the payment decision; 0 is not at all.
    """

    due: float
    kind: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    facts: int
    expect: Expectation = "accepted"
    wait_s: int = 0


@dataclass(slots=True)
class Pen:
    """Writes the messages of one person, with ids that follow from the order of writing."""

    city: City
    household: Household
    person: Person
    chance: Random
    written: list[Message] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def new_id(self, letter: str) -> str:
        """Return an id that this person has not used, such as `m7-000123-v4`."""
        return f"{self.person.id}-{letter}{next(self._numbers)}"

    def bundle(
        self,
        kind: str,
        due: float,
        resources: Sequence[fhir.Resource],
        hospital: str,
        *,
        wait_s: int = 0,
    ) -> None:
        """Write a transaction Bundle."""
        headers: tuple[tuple[str, str], ...] = (
            ("content-type", _FHIR_JSON),
            ("careloop-source", fhir.source(hospital)),
        )
        if wait_s:
            headers += (("prefer", f"wait={wait_s}"),)
        body = orjson.dumps(fhir.transaction(resources))
        facts = len(resources)
        self.written.append(Message(due, kind, FHIR_DOOR, headers, body, facts, wait_s=wait_s))

    def notice(
        self, kind: str, due: float, resources: Sequence[fhir.Resource], event: str, hospital: str
    ) -> None:
        """Write a message Bundle: a hospital tells of an admission or a discharge."""
        body = orjson.dumps(fhir.message(resources, event, hospital, self.city.instant(due)))
        headers = (("content-type", _FHIR_JSON),)
        self.written.append(Message(due, kind, FHIR_DOOR, headers, body, len(resources)))

    def event(self, kind: str, due: float, event: dict[str, Any]) -> None:
        """Write one CloudEvent, in structured or in binary mode."""
        if self.chance.random() < 0.5:
            headers: tuple[tuple[str, str], ...] = (("content-type", STRUCTURED),)
            body = orjson.dumps(event)
        else:
            data = event["data"]
            attributes = {name: value for name, value in event.items() if name != "data"}
            attributes.pop("datacontenttype", None)
            headers = (
                ("content-type", _JSON),
                *((f"ce-{name}", value) for name, value in attributes.items()),
            )
            body = orjson.dumps(data)
        self.written.append(Message(due, kind, EVENTS_DOOR, headers, body, 1))

    def batch(self, kind: str, due: float, events: Sequence[dict[str, Any]]) -> None:
        """Write several CloudEvents as one batch."""
        headers = (("content-type", _BATCH),)
        self.written.append(
            Message(due, kind, EVENTS_DOOR, headers, orjson.dumps(list(events)), len(events))
        )

    def cloud_event(
        self, event_type: str, event_id: str, source: str, at: float, data: dict[str, Any]
    ) -> dict[str, Any]:
        """Return a CloudEvent about the person, as JSON. `at`: city seconds of happening."""
        return {
            "specversion": "1.0",
            "id": event_id,
            "source": source,
            "type": event_type,
            "subject": self.person.id,
            "time": self.city.instant(at),
            "datacontenttype": "application/json",
            "data": data,
        }

    def observed(
        self,
        at: float,
        source: str,
        code: tuple[str, str],
        value: tuple[float, str] | None,
        components: Sequence[dict[str, Any]] = (),
    ) -> dict[str, Any]:
        """Return an observation as a CloudEvent. `code`: LOINC; `value`: number and UCUM unit."""
        observation_id = self.new_id("o")
        return self.cloud_event(
            "careloop.observation.recorded.v2",
            f"{observation_id}-recorded",
            source,
            at,
            {
                "observation_id": observation_id,
                "codes": [loinc(*code)],
                "value": value[0] if value else None,
                "unit": value[1] if value else None,
                "text": None,
                "components": list(components),
                "visit_id": None,
            },
        )


def loinc(code: str, text: str) -> dict[str, str]:
    """Return a LOINC code as CloudEvents carry it."""
    return {"system": fhir.LOINC, "code": code, "display": text}
