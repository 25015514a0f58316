"""Plans are not facts: what each status, intent and use of a resource makes of it."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from services.gateway.doors.fhir.bundle import Context, Translation, translate
from services.gateway.doors.fhir.statuses import INTENTS, PLANS, STATUSES
from services.gateway.doors.network import load_network
from services.runtime.settings import Settings
from tests.gateways import (
    CLAIM,
    COVERAGE,
    ENCOUNTER,
    PATIENT,
    PRESSURE,
    bundle,
    cloud_event,
    gateway,
    registered,
)
from tests.unit.gateway.test_fhir_door import changed, events, post

NOW = datetime(2026, 2, 1, tzinfo=UTC)
PLANNED = changed(ENCOUNTER, status="planned")
SUBJECT = {"reference": "Patient/m1"}
STATIN = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "83367"}]}
RESOURCES: dict[str, dict[str, Any]] = {
    "Encounter": ENCOUNTER,
    "Coverage": COVERAGE,
    "Claim": CLAIM,
    "Observation": PRESSURE,
    "Procedure": {
        "resourceType": "Procedure", "id": "p1", "subject": SUBJECT,
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "232717009"}]},
        "performedDateTime": "2026-03-02T09:00:00+08:00",
    },
    "MedicationRequest": {
        "resourceType": "MedicationRequest", "id": "r1", "subject": SUBJECT,
        "medicationCodeableConcept": STATIN, "authoredOn": "2026-03-02T09:00:00+08:00",
    },
}  # fmt: skip

REFUSED = ["refused"]
BEGUN = ["visit.registered", "visit.admitted"]
SAID: dict[str, dict[str, list[str]]] = {
    "Encounter": {
        "planned": ["visit.planned"], "arrived": BEGUN[:1], "triaged": BEGUN[:1],
        "in-progress": BEGUN, "onleave": BEGUN, "finished": [*BEGUN, "visit.discharged"],
        "cancelled": ["visit.cancelled"], "entered-in-error": ["visit.cancelled"],
        "unknown": REFUSED, "booked": REFUSED,
    },
    "Procedure": {
        "preparation": [], "in-progress": [], "not-done": [], "on-hold": [], "stopped": [],
        "completed": ["procedure.performed"], "entered-in-error": [], "unknown": [],
        "done": REFUSED,
    },
    "Observation": {
        "registered": [], "preliminary": [], "final": ["observation.recorded"],
        "amended": ["observation.recorded"], "corrected": ["observation.recorded"],
        "cancelled": [], "entered-in-error": [], "unknown": [], "ordered": REFUSED,
    },
    "Coverage": {
        "active": ["cover.activated"], "cancelled": ["cover.ended"], "draft": [],
        "entered-in-error": ["cover.ended"], "proposed": REFUSED,
    },
}  # fmt: skip
"""What each status says; one code more than R4 knows is refused."""

ORDERS = ("order", "original-order", "reflex-order", "filler-order", "instance-order")
PROPOSALS = ("proposal", "plan", "option")
PRESCRIBED = {
    "active": ["active"], "on-hold": ["stopped"], "cancelled": ["stopped"],
    "completed": ["stopped"], "stopped": ["stopped"], "entered-in-error": [], "draft": [],
    "unknown": [], "proposed": REFUSED,
}  # fmt: skip
"""What each status of an order says of the medicine."""

CHARGED = {
    "active": ["charge.posted"], "cancelled": ["charge.voided"],
    "entered-in-error": ["charge.voided"], "draft": [], "planned": REFUSED,
}  # fmt: skip
"""What each status of a claim says."""


def read(resource: dict[str, Any]) -> Translation:
    exact = json.loads(json.dumps(resource), parse_float=Decimal)
    return translate(exact, Context(load_network(), NOW))


def said(resource: dict[str, Any]) -> list[str]:
    """Return the kinds of facts in a resource, or that it is refused; never nothing unsaid."""
    (entry,) = read(resource).entries
    if any(problem.severity == "error" for problem in entry.problems):
        return REFUSED
    assert entry.facts or entry.problems
    return [fact.data.TYPE.split(".", 1)[1].rpartition(".")[0] for fact in entry.facts]


@pytest.mark.parametrize(
    ("kind", "status"), [(kind, status) for kind, codes in SAID.items() for status in codes]
)
def test_each_status_says_a_fact_or_a_plan_or_nothing(kind: str, status: str) -> None:
    assert said(changed(RESOURCES[kind], status=status)) == SAID[kind][status]


@pytest.mark.parametrize(
    ("status", "intent"), [*product(PRESCRIBED, [*ORDERS, *PROPOSALS, "wish", None])]
)
def test_a_prescription_counts_only_if_it_was_ordered(status: str, intent: str | None) -> None:
    request = changed(RESOURCES["MedicationRequest"], status=status, intent=intent)
    expected = PRESCRIBED[status]
    if intent not in ORDERS and expected != REFUSED:
        expected = [] if intent in PROPOSALS else REFUSED

    (entry,) = read(request).entries

    if expected == REFUSED:
        assert said(request) == REFUSED
    else:
        assert [fact.data.status for fact in entry.facts] == expected  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("status", "use"),
    [*product(CHARGED, ["claim", "preauthorization", "predetermination", "bill"])],
)
def test_only_a_claim_charges(status: str, use: str) -> None:
    expected = CHARGED[status]
    if use != "claim" and expected != REFUSED:
        expected = REFUSED if use == "bill" else []

    assert said(changed(CLAIM, status=status, use=use)) == expected


@pytest.mark.parametrize("kind", sorted(PLANS))
def test_resources_that_only_plan_are_passed_over_as_such(kind: str) -> None:
    (entry,) = read({"resourceType": kind, "id": "x1", "status": "booked"}).entries

    assert not entry.facts
    assert "no plan is a fact" in entry.problems[0].says


def test_the_tables_hold_every_code_that_is_read() -> None:
    readers = {**SAID, "MedicationRequest": PRESCRIBED, "Claim": CHARGED}
    for kind, codes in readers.items():
        assert set(STATUSES[kind]) == {code for code, facts in codes.items() if facts != REFUSED}
    assert set(INTENTS["MedicationRequest"]) == {*ORDERS, *PROPOSALS}


@pytest.mark.parametrize(
    ("start", "told"),
    [
        ("2026-04-01T09:00:00+08:00", "2026-04-01T09:00:00+08:00"),
        ("2026-04-01", "2026-04-01"),
        ("2026-04", "2026-04"),
        ("2026", "2026"),
        (None, None),
    ],
)
async def test_a_plan_is_told_as_precisely_as_it_is_known(
    settings: Settings, start: str | None, told: str | None
) -> None:
    planned = changed(PLANNED, period={"start": start} if start else None)
    async with gateway(settings, lambda: NOW) as (client, door):
        answer = await post(client, bundle(planned, PATIENT))
        known, plan = events(door)

    assert answer.status_code == 200, answer.text
    assert plan.data.model_dump(mode="json")["starts"] == told
    assert (plan.time, plan.correlation_id) == (NOW, "v1")
    assert known.time == NOW


async def test_a_plan_moves_there_and_back_and_is_known_when_it_comes_again(
    settings: Settings,
) -> None:
    days = ["2026-04-01", "2026-04-08", "2026-04-08", "2026-04-01"]
    async with gateway(settings) as (client, door):
        await post(client, PATIENT)
        for day in days:
            answer = await post(client, changed(PLANNED, period={"start": day}))
            assert answer.status_code in {200, 201}, answer.text
        plans = events(door)[1:]

    assert [event.data.starts for event in plans] == ["2026-04-01", "2026-04-08", "2026-04-01"]
    assert len({event.id for event in plans}) == 3


async def test_a_plan_that_is_called_off_dates_nothing(settings: Settings) -> None:
    off = changed(PLANNED, status="cancelled")
    async with gateway(settings, lambda: NOW) as (client, door):
        await post(client, bundle(PATIENT, PLANNED))
        await post(client, off)
        await post(client, changed(off, meta={"lastUpdated": "2026-02-03T10:00:00Z"}))
        await post(client, changed(PATIENT, id="m2"))
        again = await post(client, changed(off, id="v2", period=None))
        sent = events(door)

    assert [event.type.split(".")[2] for event in sent] == [
        "registered", "planned", "cancelled", "registered", "cancelled",
    ]  # fmt: skip
    assert again.status_code == 201
    assert {event.time for event in sent} == {NOW}


async def test_a_planned_visit_begins_when_the_patient_comes(settings: Settings) -> None:
    planned = changed(PLANNED, period={"start": "2026-02-20T08:00:00+08:00"})
    async with gateway(settings) as (client, door):
        await post(client, bundle(PATIENT, planned))
        await post(client, ENCOUNTER)
        begun = events(door)[2]

    assert begun.type == "careloop.visit.registered.v1"
    assert begun.time.isoformat() == "2026-03-01T08:00:00+08:00"


async def test_a_plan_is_announced_at_the_other_door_too(settings: Settings) -> None:
    data = {
        "visit_id": "v1", "visit_class": "ambulatory", "provider": {"id": "hospital-owned-1"},
        "starts": "2026-04",
    }  # fmt: skip
    async with gateway(settings) as (client, door):
        body = [
            registered(),
            cloud_event("careloop.visit.planned.v1", data, id="p1"),
            cloud_event("careloop.visit.planned.v1", data | {"starts": "2026-02-30"}, id="p2"),
        ]
        answer = await client.post(
            "/events", json=body, headers={"content-type": "application/cloudevents-batch+json"}
        )
        plan = events(door)[1]

    assert [each["status"] for each in answer.json()["events"]] == [
        "accepted", "accepted", "refused",
    ]  # fmt: skip
    assert "there is no such day" in answer.text
    assert plan.data.provider.network == "owned"
