"""The gateway's OpenAPI description: bodies that are taken, and a page that needs nobody else."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from services.contract.catalog import catalog
from services.runtime.settings import Settings
from tests.gateways import FHIR, PATIENT, cloud_event, gateway, registered

ROOT = Path(__file__).parents[3]
FACTS = [name for name, entry in catalog().items() if entry.producers == ("gateway",)]
EXAMPLES = [path for name in FACTS for path in sorted((ROOT / "events/examples" / name).glob("*"))]
POSTED = {
    "/fhir": {"application/fhir+json", "application/json"},
    "/fhir/{resource_type}": {"application/fhir+json", "application/json"},
    "/events": {
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
        "application/json",
    },
}


@pytest.fixture
async def described(settings: Settings) -> dict[str, Any]:
    async with gateway(settings) as (client, _):
        found: dict[str, Any] = (await client.get("/openapi.json")).json()
    return found


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (each for name, each in value.items() if name == "$ref")
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from references(each)


def validator(described: dict[str, Any], name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", **described})


async def test_every_door_says_what_it_takes_and_answers(described: dict[str, Any]) -> None:
    posting = {path: each["post"] for path, each in described["paths"].items() if "post" in each}

    assert {path: set(each["requestBody"]["content"]) for path, each in posting.items()} == POSTED
    for each in posting.values():
        assert {"200", "202", "4XX"} <= set(each["responses"])
        assert "Prefer" in [parameter["name"] for parameter in each["parameters"]]
        for answer in each["responses"].values():
            assert all("schema" in content for content in answer.get("content", {}).values())


async def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    found = set(references(described))

    assert len(found) > len(FACTS)
    for reference in found:
        assert reference.removeprefix("#/components/schemas/") in described["components"]["schemas"]


async def test_every_published_fact_is_as_described_and_no_other(described: dict[str, Any]) -> None:
    event = validator(described, "CloudEvent")

    assert len(EXAMPLES) >= len(FACTS)
    for path in EXAMPLES:
        example = json.loads(path.read_text("utf-8"))
        found = [
            error.message for error in validator(described, example["type"]).iter_errors(example)
        ]
        assert found == [], path
        assert event.is_valid(example)
        assert not event.is_valid(example | {"data": {}})
        assert not event.is_valid(example | {"type": "careloop.direct-pay.decided.v1"})


async def test_what_is_taken_is_as_described(settings: Settings) -> None:
    provider = {"id": "hospital-owned-1"}
    visit = {"visit_id": "v1", "visit_class": "ambulatory", "provider": provider}
    events = [registered(), cloud_event("careloop.visit.registered.v1", visit)]
    async with gateway(settings) as (client, _):
        described = (await client.get("/openapi.json")).json()
        shown = described["paths"]["/fhir"]["post"]["requestBody"]["content"][
            "application/fhir+json"
        ]
        example = await client.post("/fhir", json=shown["schema"]["example"], headers=FHIR)
        answer = await client.post(
            "/events", json=events, headers={"content-type": "application/cloudevents-batch+json"}
        )

    assert example.status_code == 201, example.text
    assert all(validator(described, "CloudEvent").is_valid(event) for event in events)
    assert validator(described, "EventsAnswer").is_valid(answer.json())
    assert Draft202012Validator(shown["schema"]).is_valid(PATIENT)


async def test_the_page_loads_nothing_from_elsewhere(settings: Settings) -> None:
    async with gateway(settings) as (client, _):
        page = await client.get("/docs")
        addresses = re.findall(r"""(?:src|href)=["']([^"']+)""", page.text)
        answers = [await client.get(address) for address in addresses]

    assert len(addresses) >= 3
    assert all(address.startswith("/") for address in addresses)
    assert [each.status_code for each in answers] == [200] * len(answers)
