"""How one Claim names another: what it replaces, what stands beside it, and what cannot be read."""

from typing import Any

import pytest

from services.contract.codec import decode
from services.runtime.settings import Settings
from tests.gateways import CLAIM, ENCOUNTER, FHIR, PATIENT, bundle, cloud_event, gateway

NUMBER = {"system": "urn:hospital:bills", "value": "17"}
OTHER = {"claim": {"reference": "Claim/c0"}}


def related(code: str | None, **more: Any) -> dict[str, Any]:
    relationship = {} if code is None else {"relationship": {"coding": [{"code": code}]}}
    return {**OTHER, **more, **relationship}


def type_of_bill(code: str) -> list[dict[str, Any]]:
    system = "https://www.nubc.org/CodeSystem/TypeOfBill"
    return [{"sequence": 1, "code": {"coding": [{"system": system, "code": code}]}}]


READ = {
    "prior": ({"related": [related("prior")]}, "c0"),
    "replaces": ({"related": [related("replaces")]}, "c0"),
    "prior, with a version": (
        {"related": [related("prior", claim={"reference": "Claim/c0/_history/3"})]}, "c0"),
    "prior, by its number": (
        {"related": [related("prior", claim={"identifier": NUMBER})]}, "c0"),
    "prior, by its number in the files": (
        {"related": [related("prior", claim=None, reference=NUMBER)]}, "c0"),
    "associated": ({"related": [related("associated")]}, None),
    "associated and prior": ({"related": [related("associated"), related("prior")]}, "c0"),
    "frequency 7, and prior": (
        {"related": [related("prior")], "supportingInfo": type_of_bill("0117")}, "c0"),
    "frequency 1": ({"supportingInfo": type_of_bill("0111")}, None),
    "nothing": ({}, None),
}  # fmt: skip
REFUSED = {
    "no relationship": ({"related": [related(None)]}, "related[0].relationship"),
    "an unknown one": ({"related": [related("cousin")]}, "related[0].relationship"),
    "no claim": ({"related": [related("prior", claim=None)]}, "related[0].claim"),
    "no Claim": (
        {"related": [related("prior", claim={"reference": "Encounter/v1"})]},
        "related[0].claim.reference"),
    "an unknown number": (
        {"related": [related("prior", claim={"identifier": {"value": "18"}})]},
        "related[0].claim.identifier"),
    "two": (
        {"related": [related("prior"), related("prior", claim={"reference": "Claim/c9"})]}, "related"),
    "itself": ({"related": [related("prior", claim={"reference": "Claim/c1"})]}, "related"),
    "frequency 7 of nothing": ({"supportingInfo": type_of_bill("0117")}, "supportingInfo[0].code"),
    "frequency 8": (
        {"related": [related("prior")], "supportingInfo": type_of_bill("0118")},
        "supportingInfo[0].code"),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "replaces"), READ.values(), ids=READ)
async def test_a_claim_names_the_one_that_it_replaces(
    settings: Settings, fields: dict[str, Any], replaces: str | None
) -> None:
    prior = {**CLAIM, "id": "c0", "identifier": [NUMBER]}
    async with gateway(settings) as (client, door):
        await client.post("/fhir", json=bundle(PATIENT, ENCOUNTER, prior), headers=FHIR)
        answer = await client.post("/fhir", json=bundle({**CLAIM, **fields}), headers=FHIR)
        last = decode(door.store.unsent(100)[-1].record)

    assert answer.status_code == 200, answer.json()
    assert (last.data.charge_id, last.data.replaces) == ("c1", replaces)


@pytest.mark.parametrize(("fields", "at"), REFUSED.values(), ids=REFUSED)
async def test_a_link_that_cannot_be_read_is_refused_at_its_place(
    settings: Settings, fields: dict[str, Any], at: str
) -> None:
    body = bundle(PATIENT, ENCOUNTER, {**CLAIM, **fields})
    async with gateway(settings) as (client, door):
        answer = await client.post("/fhir", json=body, headers=FHIR)
        nothing = door.store.waiting()

    assert answer.status_code == 422
    [error] = [each for each in answer.json()["issue"] if each["severity"] == "error"]
    assert error["expression"] == [f"Bundle.entry[2].resource.{at}"]
    assert nothing == 0


async def test_a_replacement_of_what_nobody_knows_waits_where_its_sender_sees_it(
    settings: Settings,
) -> None:
    corrected = {**CLAIM, "related": [related("prior")]}
    async with gateway(settings) as (client, _):
        answer = await client.post(
            "/fhir", json=bundle(PATIENT, ENCOUNTER, corrected), headers=FHIR
        )
        listed = (await client.get("/waiting")).json()
        await client.post("/fhir", json=bundle({**CLAIM, "id": "c0"}), headers=FHIR)
        after = (await client.get("/waiting")).json()

    assert answer.status_code == 200
    assert "charge c0 of visit v1" in answer.text
    assert "charge c0 of visit v1" in str(listed)
    assert "charge c0 of visit v1" not in str(after)


async def test_the_door_for_events_has_the_same_link(settings: Settings) -> None:
    line = {"code": None, "text": "Stay", "amount": 100}
    charge = {
        "charge_id": "c1", "visit_id": "v1", "category": "institutional", "currency": "CNY",
        "amount": 100, "lines": [line], "replaces": "c0",
    }  # fmt: skip
    headers = {"content-type": "application/cloudevents+json"}
    async with gateway(settings) as (client, door):
        await client.post("/fhir", json=bundle(PATIENT, ENCOUNTER), headers=FHIR)
        event = cloud_event("careloop.charge.posted.v1", charge, source="urn:careloop:fhir")
        good = await client.post("/events", json=event, headers=headers)
        itself = {**event, "id": "e2", "data": {**charge, "replaces": "c1"}}
        bad = await client.post("/events", json=itself, headers=headers)
        last = decode(door.store.unsent(100)[-1].record)

    assert (good.status_code, last.data.replaces) == (200, "c0")
    assert bad.status_code == 422
    assert "cannot replace itself" in bad.text
