"""Every form of a reference, wherever one is read: it names its resource, or is refused there."""

import copy
from typing import Any

import httpx
import pytest

from services.contract.codec import decode
from services.contract.event import Event
from services.gateway.doors.fhir.entry import _READ
from services.gateway.doors.fhir.requests import IDENTIFIED
from services.gateway.routes import Gateway
from services.runtime.settings import Settings
from tests.gateways import (
    CLAIM,
    COVERAGE,
    ENCOUNTER,
    FHIR,
    PATIENT,
    PRESSURE,
    bundle,
    gateway,
)

SYSTEM = "urn:hospital:mrn"
URN = "urn:uuid:5a6f0f5e-0000-4c1a-9a51-00000000000"
HOSPITAL = {
    "resourceType": "Organization",
    "id": "hospital-owned-1",
    "identifier": [{"system": SYSTEM, "value": "H1"}],
}
CONDITION = {
    "resourceType": "Condition",
    "id": "d1",
    "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "I10"}]},
    "subject": {"reference": "Patient/m1"},
    "encounter": {"reference": "Encounter/v1"},
    "recordedDate": "2026-03-02T09:00:00+08:00",
}
PROCEDURE = {
    "resourceType": "Procedure",
    "id": "p1",
    "status": "completed",
    "code": {"text": "Scan"},
    "subject": {"reference": "Patient/m1"},
    "encounter": {"reference": "Encounter/v1"},
    "performedDateTime": "2026-03-02T09:00:00+08:00",
}
PRESCRIPTION = {
    "resourceType": "MedicationRequest",
    "id": "r1",
    "status": "active",
    "intent": "order",
    "medicationReference": {"reference": "Medication/drug"},
    "subject": {"reference": "Patient/m1"},
    "encounter": {"reference": "Encounter/v1"},
    "authoredOn": "2026-03-02T09:00:00+08:00",
}
DRUG = {
    "resourceType": "Medication",
    "id": "drug",
    "identifier": [{"system": SYSTEM, "value": "M-drug"}],
    "code": {"coding": [{"system": "urn:drugs", "code": "42"}]},
}

# What reads a reference: resource, element, type that it names, and its id.
PLACES = {
    "Coverage.beneficiary": (COVERAGE, "beneficiary", "Patient", "m1"),
    "Coverage.subscriber": (COVERAGE, "subscriber", "Patient", "m1"),
    "Coverage.payor": (COVERAGE, "payor", "Organization", "hospital-owned-1"),
    "Encounter.subject": (ENCOUNTER, "subject", "Patient", "m1"),
    "Encounter.serviceProvider": (
        ENCOUNTER, "serviceProvider", "Organization", "hospital-owned-1",
    ),
    "Claim.patient": (CLAIM, "patient", "Patient", "m1"),
    "Claim.item.encounter": (CLAIM, "item", "Encounter", "v1"),
    "Condition.subject": (CONDITION, "subject", "Patient", "m1"),
    "Condition.encounter": (CONDITION, "encounter", "Encounter", "v1"),
    "Procedure.subject": (PROCEDURE, "subject", "Patient", "m1"),
    "Procedure.encounter": (PROCEDURE, "encounter", "Encounter", "v1"),
    "Observation.subject": (PRESSURE, "subject", "Patient", "m1"),
    "Observation.encounter": (PRESSURE, "encounter", "Encounter", "v1"),
    "MedicationRequest.subject": (PRESCRIPTION, "subject", "Patient", "m1"),
    "MedicationRequest.encounter": (PRESCRIPTION, "encounter", "Encounter", "v1"),
    "MedicationRequest.medication": (PRESCRIPTION, "medicationReference", "Medication", "drug"),
}  # fmt: skip

# The forms that name a resource; {t} its type, {i} its id, {u} the fullUrl of its entry.
FORMS: dict[str, dict[str, Any]] = {
    "relative": {"reference": "{t}/{i}"},
    "relative with a version": {"reference": "{t}/{i}/_history/2"},
    "absolute": {"reference": "https://ehr.example/fhir/{t}/{i}"},
    "absolute with a version": {"reference": "https://ehr.example/fhir/{t}/{i}/_history/7"},
    "an absolute one with a port": {"reference": "http://ehr.example:8080/{t}/{i}"},
    "fullUrl": {"reference": "{u}"},
    "by identifier": {"identifier": {"system": SYSTEM, "value": "{n}"}},
    "by identifier, with its type": {
        "type": "{t}", "identifier": {"system": SYSTEM, "value": "{n}"},
    },
    "conditional": {"reference": "{t}?identifier=urn:hospital:mrn|{n}"},
    "conditional, encoded": {"reference": "{t}?identifier=urn%3Ahospital%3Amrn%7C{n}"},
    "conditional, absolute": {
        "reference": "https://ehr.example/fhir/{t}?identifier=urn:hospital:mrn|{n}",
    },
    "conditional, by id": {"reference": "{t}?_id={i}"},
    "an address that names nothing, with an identifier": {
        "reference": "urn:uuid:5a6f0f5e-9999-4c1a-9a51-000000000009",
        "identifier": {"system": SYSTEM, "value": "{n}"},
    },
}  # fmt: skip

# The forms that name nothing, or something else.
REFUSED: dict[str, dict[str, Any]] = {
    "another type": {"reference": "Location/{i}"},
    "another type by identifier": {
        "type": "Location", "identifier": {"system": SYSTEM, "value": "{n}"},
    },
    "no type of R4": {"reference": "Hospital/{i}"},
    "an address of something else": {"reference": "https://ehr.example/portal/{i}.html"},
    "an address with a query": {"reference": "https://ehr.example/get?id={i}"},
    "a urn of no entry": {"reference": "urn:uuid:5a6f0f5e-9999-4c1a-9a51-000000000009"},
    "an oid of no entry": {"reference": "urn:oid:1.2.3.4"},
    "contained nowhere": {"reference": "#nobody"},
    "the container": {"reference": "#"},
    "an id alone": {"reference": "{i}"},
    "a type alone": {"reference": "{t}"},
    "a type and no id": {"reference": "{t}/"},
    "an operation": {"reference": "{t}/{i}/$everything"},
    "a fragment of an address": {"reference": "https://ehr.example/{t}/{i}#x"},
    "another search": {"reference": "{t}?name=Li"},
    "two searches": {"reference": "{t}?identifier=urn:hospital:mrn|{n}&active=true"},
    "two identifiers": {"reference": "{t}?identifier=urn:hospital:mrn|{n},urn:x|2"},
    "a whole system": {"reference": "{t}?identifier=urn:hospital:mrn|"},
    "a wrong system": {"reference": "{t}?identifier=urn:nobody|{n}x"},
}  # fmt: skip


def events(door: Gateway) -> list[Event[Any]]:
    return [decode(row.record) for row in door.store.unsent(10_000)]


def filled(form: Any, kind: str, name: str, number: str, url: str) -> Any:
    """Return a form about one resource."""
    if isinstance(form, dict):
        return {key: filled(each, kind, name, number, url) for key, each in form.items()}
    return form.replace("{t}", kind).replace("{i}", name).replace("{n}", number).replace("{u}", url)


def referring(place: str, form: dict[str, Any]) -> dict[str, Any]:
    """Return the resource of a place, with one reference written in a form."""
    resource, element, kind, name = PLACES[place]
    number = "H1" if kind == "Organization" else f"M-{name}"
    url = f"{URN}{[each['id'] for each in AROUND].index(name)}"
    reference = filled(form, kind, name, number, url)
    made = {**copy.deepcopy(resource), "id": place}
    if element == "item":
        made["item"][0]["encounter"] = [reference]
    else:
        made[element] = [reference] if isinstance(made.get(element), list) else reference
    return made


def known(resource: dict[str, Any]) -> dict[str, Any]:
    """Return a resource with an identifier."""
    return {**resource, "identifier": [{"system": SYSTEM, "value": f"M-{resource['id']}"}]}


AROUND = [known(PATIENT), known(ENCOUNTER), HOSPITAL, DRUG]


def request(resource: dict[str, Any]) -> dict[str, Any]:
    """Return a transaction with all that can be referred to, and the resource that refers to it."""
    around = [{"fullUrl": f"{URN}{number}", "resource": each} for number, each in enumerate(AROUND)]
    return {**bundle(), "entry": [*around, {"resource": resource}]}


async def post(client: httpx.AsyncClient, body: Any, **headers: str) -> httpx.Response:
    return await client.post("/fhir", json=body, headers={**FHIR, **headers})


async def test_each_form_names_the_same_resource_wherever_it_is_written(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        wrong = {}
        for place in PLACES:
            plain = (await post(client, request(referring(place, FORMS["relative"])))).json()
            assert plain["resourceType"] == "Bundle", (place, plain)
            before = len(events(door))
            for form, written in FORMS.items():
                answer = (await post(client, request(referring(place, written)))).json()
                if answer["resourceType"] != "Bundle" or len(events(door)) != before:
                    wrong[place, form] = answer

    assert wrong == {}


async def test_what_names_nothing_is_refused_at_its_place_and_never_becomes_an_id(
    settings: Settings,
) -> None:
    async with gateway(settings) as (client, door):
        wrong = {}
        for place in PLACES:
            kind = PLACES[place][2]
            for form, written in REFUSED.items():
                if (kind, form) == ("Organization", "a wrong system"):
                    continue  # an organisation is known by what the registry calls it
                answer = await post(client, request(referring(place, written)))
                said = answer.json()
                element = place.partition(".")[2].partition(".")[0]
                at = [
                    each["expression"][0] for each in said["issue"] if each["severity"] == "error"
                ]
                if answer.status_code != 422 or not any(f".{element}" in each for each in at):
                    wrong[place, form] = said
        nothing = events(door)

    assert wrong == {}
    assert nothing == []


async def test_an_identifier_is_found_in_later_requests_of_its_sender_alone(
    settings: Settings,
) -> None:
    later = referring("Encounter.subject", FORMS["conditional"])
    async with gateway(settings) as (client, _):
        first = await post(client, bundle(known(PATIENT)), **{"careloop-source": "urn:h:1"})
        mine = await post(client, bundle(later), **{"careloop-source": "urn:h:1"})
        other = await post(client, bundle({**later, "id": "v9"}), **{"careloop-source": "urn:h:2"})

    assert first.status_code == mine.status_code == 200
    assert other.status_code == 422
    assert "No Patient with the identifier" in other.json()["issue"][0]["diagnostics"]


async def test_an_identifier_of_two_names_neither(settings: Settings) -> None:
    twin = {**known(PATIENT), "id": "m2"}
    later = referring("Encounter.subject", FORMS["conditional"])
    async with gateway(settings) as (client, _):
        await post(client, bundle(known(PATIENT)))
        await post(client, bundle(twin))
        answer = await post(client, bundle(later))

    assert answer.status_code == 422
    assert "More than one Patient" in answer.json()["issue"][0]["diagnostics"]


CONTAINED = {
    "an organisation by its identifier": (
        "serviceProvider",
        {"resourceType": "Organization", "identifier": [{"value": "hospital-owned-1"}]},
        "hospital-owned-1",
    ),
    "an organisation by its name": (
        "serviceProvider",
        {"resourceType": "Organization", "name": "East Clinic"},
        "east-clinic",
    ),
    "a patient by an identifier": ("subject", known(PATIENT), "hospital-owned-1"),
    "a patient who is nobody": ("subject", PATIENT, None),
    "an organisation that is nobody": ("serviceProvider", {"resourceType": "Organization"}, None),
    "something else": ("serviceProvider", PATIENT, None),
}


@pytest.mark.parametrize(("element", "inside", "provider"), CONTAINED.values(), ids=list(CONTAINED))
async def test_a_contained_resource_is_what_it_says_of_itself(
    settings: Settings, element: str, inside: dict[str, Any], provider: str | None
) -> None:
    visit = {
        **ENCOUNTER,
        "contained": [{**inside, "id": "x"}],
        element: {"reference": "#x"},
    }
    async with gateway(settings) as (client, door):
        await post(client, bundle(known(PATIENT)))
        answer = await post(client, bundle(visit))
        found = [each.data.provider.id for each in events(door) if hasattr(each.data, "provider")]

    assert set(found) == ({provider} if provider else set())
    assert answer.status_code == (200 if provider else 422)


async def test_a_medicine_is_coded_by_the_medication_that_comes_along(settings: Settings) -> None:
    inside = {**PRESCRIPTION, "id": "r2", "contained": [DRUG]}
    inside["medicationReference"] = {"reference": "#drug"}
    async with gateway(settings) as (client, door):
        await post(client, bundle(PATIENT, ENCOUNTER, PRESCRIPTION, DRUG))
        await post(client, bundle(inside))
        alone = await post(client, bundle({**PRESCRIPTION, "id": "r3"}))
        codes = [each.data.codes for each in events(door) if hasattr(each.data, "prescription_id")]

    assert [[code.code for code in each] for each in codes] == [["42"], ["42"]]
    assert alone.json()["issue"][0]["expression"] == [
        "Bundle.entry[0].resource.medicationReference.reference"
    ]


@pytest.mark.parametrize(
    ("payor", "status"),
    [
        ([{"reference": "Patient/m1"}], 200),
        ([{"reference": "RelatedPerson/wife"}], 200),
        ([{"reference": "Practitioner/doctor"}], 422),
        ([], 422),
        ([{}], 422),
    ],
)
async def test_a_cover_whose_payor_is_a_person_is_no_cover(
    settings: Settings, payor: list[Any], status: int
) -> None:
    cover = {**COVERAGE, "payor": payor}
    cover.pop("class")
    async with gateway(settings) as (client, door):
        answer = await post(client, bundle(PATIENT, cover))
        accepted = [event.type for event in events(door)]

    assert answer.status_code == status
    assert accepted == (["careloop.member.registered.v1"] if status == 200 else [])


async def test_of_persons_and_an_organisation_the_organisation_is_the_insurer(
    settings: Settings,
) -> None:
    payors = [{"reference": "Patient/m1"}, {"reference": "Organization/insurer-example"}]
    async with gateway(settings) as (client, door):
        await post(client, bundle(PATIENT, {**COVERAGE, "payor": payors}))
        cover = events(door)[0].data.cover

    assert cover.insurer == "insurer-example"


def test_identifiers_are_kept_of_all_that_is_read_and_of_organisations() -> None:
    assert {*_READ, "Organization"} == IDENTIFIED
