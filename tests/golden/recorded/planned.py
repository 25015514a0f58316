"""Where the recorded requests came from: the simulator's city, and the examples of the contract.

Read only when the requests are recorded anew; the tests read the files.
"""

import heapq
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from services.contract.catalog import catalog, events_folder
from services.simulator.population import DAY_S
from tests.gateways import CLAIM, COVERAGE, ENCOUNTER, FHIR, PATIENT, PRESSURE, bundle
from tests.golden.recorded.files import Request
from tests.unit.simulator.city_fixtures import START, city, plan_until

_DOCS: Final = Path(__file__).parents[3] / "docs" / "examples"
_MEMBERS: Final = 400
_YEARS: Final = 2
_HEADER_OF_WAITING: Final = "prefer"
_EVENT: Final = {"content-type": "application/cloudevents+json"}
_BATCH: Final = {"content-type": "application/cloudevents-batch+json"}
_LOG_ATTRIBUTES: Final = {"dataschema", "sequence", "recordedtime", "causationid"}
_NEW_YEAR: Final = "2026-01-01T07:30:00+08:00"


def city_requests() -> Iterator[Request]:
    """Yield what a city sends in two years, mischief and corrections among it."""
    plan = plan_until(_YEARS * 365 * DAY_S, city(seed=7, members=_MEMBERS))
    for message in heapq.merge(*plan.values(), key=lambda each: each.due):
        headers = {name: value for name, value in message.headers if name != _HEADER_OF_WAITING}
        at = START + timedelta(seconds=message.due)
        yield Request(at, message.path, headers, message.body, 0)


def example_requests() -> list[Request]:
    """Return the household of the contract's examples, the README's stay, and a New Year's visit.

    Between them they have what the city has not: claims for sessions, a crisis, a setback, a cover
    that ends, a charge too late, and a morning whose day in UTC is another.
    """
    return sorted([*_household(), *_readme(), *_new_year()], key=lambda each: each.at)


def _household() -> Iterator[Request]:
    facts = {entry.type for entry in catalog().values() if entry.is_fact}
    files = sorted((events_folder() / "examples").glob("*/*.json"))
    events = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    told = [each for each in events if each["type"] in facts and "subject" in each]
    for event in sorted(told, key=lambda each: int(each["sequence"])):
        registers = event["type"].startswith("careloop.member.registered")
        hidden = _LOG_ATTRIBUTES | (set() if registers else {"partitionkey"})
        body = {name: value for name, value in event.items() if name not in hidden}
        yield _request(event["recordedtime"], "/events", _EVENT, body)


def _readme() -> Iterator[Request]:
    stay = json.loads((_DOCS / "hospital-stay.fhir.json").read_bytes())
    correction = json.loads((_DOCS / "correction.cloudevents.json").read_bytes())
    source = FHIR | {"careloop-source": "urn:example:hospital"}
    yield _request("2026-11-01T00:00:00+00:00", "/fhir", source, stay)
    yield _request("2026-11-03T00:00:00+00:00", "/events", _BATCH, correction)


def _new_year() -> Iterator[Request]:
    """A cover begins on New Year's Day; the visit begins at 07:30 that morning in China."""
    values = {"8480-6": 151, "8462-4": 94}
    parts = [
        {"code": _loinc(code), "valueQuantity": {"value": value, "code": "mm[Hg]"}}
        for code, value in values.items()
    ]
    pressure = PRESSURE | {"component": parts}
    answer = {"text": "No current tobacco use"}
    smoking = PRESSURE | {"id": "o2", "code": _loinc("72166-2"), "valueCodeableConcept": answer}
    smoking.pop("component")
    period = {"start": _NEW_YEAR, "end": "2026-01-01T09:00:00+08:00"}
    covered = bundle(PATIENT, COVERAGE, smoking, pressure)
    visit = ENCOUNTER | {"class": {"code": "AMB"}, "period": period}
    bill = CLAIM | {"created": "2026-01-01"}
    yield _request("2025-12-31T20:00:00+00:00", "/fhir", FHIR, covered)
    yield _request("2026-01-01T01:00:00+00:00", "/fhir", FHIR, bundle(visit, bill))


def _loinc(code: str) -> dict[str, Any]:
    return {"coding": [{"system": "http://loinc.org", "code": code}]}


def _request(at: str, path: str, headers: dict[str, str], body: Any) -> Request:
    text = json.dumps(body, ensure_ascii=False).encode()
    return Request(datetime.fromisoformat(at), path, headers, text, 0)
