"""Ten years of visits written by Synthea, through the FHIR door."""

import json
import os
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.contract.codec import decode
from services.contract.visit import ChargePosted, VisitDischarged
from services.gateway.routes import Gateway
from services.runtime.settings import Settings
from tests.gateways import FHIR, gateway

TESTDATA = Path(
    os.environ.get("CARELOOP_TESTDATA", Path(__file__).parents[3] / "shared" / "testdata")
)

pytestmark = pytest.mark.skipif(
    not TESTDATA.is_dir(), reason="needs the folder of test data; name it in CARELOOP_TESTDATA"
)


def accepted_events(door: Gateway) -> list[Any]:
    return [decode(row.record) for row in door.store.unsent(1_000_000)]


async def publish(client: httpx.AsyncClient, folder: str) -> list[httpx.Response]:
    files = sorted((TESTDATA / folder).glob("*.json"))
    assert files
    return [await client.post("/fhir", content=file.read_bytes(), headers=FHIR) for file in files]


async def test_every_visit_and_every_cent_is_accepted_once(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        first = await publish(client, "synthea-r4")
        events = accepted_events(door)
        counters = door.store.counters()
        second = await publish(client, "synthea-r4")
        again = door.store.counters()

    assert len(first) == 15
    assert {answer.status_code for answer in first} <= {200, 201}
    assert {answer.status_code for answer in second} == {200}
    charges = [event.data for event in events if isinstance(event.data, ChargePosted)]
    assert counters["members"] == 12
    assert (
        len({event.data.visit_id for event in events if isinstance(event.data, VisitDischarged)})
        == 128
    )
    assert len(charges) == 159
    assert sum(charge.amount for charge in charges) == 2_084_629
    assert {charge.currency for charge in charges} == {"USD"}
    assert counters["refused"] == counters["duplicates"] == 0
    assert counters["accepted"] == len(events)
    assert again["accepted"] == counters["accepted"]
    assert again["duplicates"] == counters["accepted"]
    assert again["outbox"] == counters["outbox"]


async def test_every_household_is_numbered_from_one_without_a_gap(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        await publish(client, "synthea-r4")
        events = accepted_events(door)

    numbers: dict[str, list[int]] = {}
    for event in events:
        numbers.setdefault(event.household, []).append(event.sequence)
    assert len(numbers) == 12
    assert all(found == list(range(1, len(found) + 1)) for found in numbers.values())


async def test_each_bill_is_the_total_that_its_sender_wrote(settings: Settings) -> None:
    written = Counter[str]()
    for file in (TESTDATA / "synthea-r4").glob("*.json"):
        body = json.loads(file.read_text(), parse_float=Decimal)
        for entry in body.get("entry", ()):
            if entry["resource"]["resourceType"] == "Claim":
                claim = entry["resource"]
                written[claim["id"]] = int(Decimal(claim["total"]["value"]) * 100)

    async with gateway(settings) as (client, door):
        await publish(client, "synthea-r4")
        events = accepted_events(door)

    charged = {
        event.data.charge_id: event.data.amount
        for event in events
        if isinstance(event.data, ChargePosted)
    }
    assert charged == dict(written)


async def test_an_alert_with_an_undated_cover_is_taken_with_a_warning_at_the_element(
    settings: Settings,
) -> None:
    async with gateway(settings) as (client, door):
        answers = await publish(client, "davinci-alerts")
        accepted = door.store.counters()["accepted"]

    assert answers
    for answer in answers:
        assert answer.status_code == 200
        cover = answer.json()["entry"][7]["response"]["outcome"]["issue"]
        warned = [each["expression"] for each in cover if each["severity"] == "warning"]
        assert ["Bundle.entry[7].resource.period.start"] in warned
    assert accepted > 0


async def test_an_admission_and_a_discharge_of_one_visit_are_joined(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        for name in ("admit", "discharge"):
            [file] = (TESTDATA / "davinci-alerts").glob(f"{name}*.json")
            body = json.loads(file.read_text())
            for entry in body["entry"]:
                if entry["resource"]["resourceType"] == "Coverage":
                    entry["resource"]["period"] = {"start": "2018-01-01"}
            answer = await client.post("/fhir", json=body, headers=FHIR)
            assert answer.status_code == 200, answer.text
        types = Counter(event.type for event in accepted_events(door))

    assert types["careloop.member.registered.v1"] == 1
    assert types["careloop.visit.registered.v1"] == 1
    assert types["careloop.visit.admitted.v1"] == 1
    assert types["careloop.visit.discharged.v1"] == 1
