"""The FHIR door: what becomes a fact, what is passed over, and what is refused and why."""

import copy
from typing import Any

import httpx
import pytest

from services.contract.codec import decode
from services.contract.event import Event
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

VISIT = bundle(CLAIM, ENCOUNTER, PATIENT)


def events(door: Gateway) -> list[Event[Any]]:
    return [decode(row.record) for row in door.store.unsent(10_000)]


def changed(resource: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a copy of a resource with other fields; None removes one."""
    made = copy.deepcopy(resource) | fields
    return {name: value for name, value in made.items() if value is not None}


def issues(answer: httpx.Response) -> list[tuple[str, str]]:
    return [(each["expression"][0], each["diagnostics"]) for each in answer.json()["issue"]]


async def post(client: httpx.AsyncClient, body: Any, path: str = "/fhir") -> httpx.Response:
    return await client.post(path, json=body, headers=FHIR)


async def test_a_visit_becomes_facts_in_the_order_in_which_it_happened(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        answer = await post(client, VISIT)
        accepted = events(door)

    assert answer.json()["type"] == "transaction-response"
    assert [each["response"]["status"] for each in answer.json()["entry"]] == ["201 Created"] * 3
    assert [event.type for event in accepted] == [
        "careloop.member.registered.v1",
        "careloop.visit.registered.v1",
        "careloop.visit.admitted.v1",
        "careloop.charge.posted.v1",
        "careloop.visit.discharged.v1",
    ]
    assert [event.sequence for event in accepted] == [1, 2, 3, 4, 5]
    assert {event.correlation_id for event in accepted[1:]} == {"v1"}
    assert accepted[-1].data.provider.network == "owned"
    assert accepted[0].time == accepted[1].time


async def test_the_item_without_a_net_takes_the_remainder(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        await post(client, VISIT)
        charge = events(door)[3].data

    assert charge.amount == 1_200_000
    assert [line.amount for line in charge.lines] == [1_119_950, 80_050]


@pytest.mark.parametrize(
    ("total", "nets", "lines"),
    [
        ("100", ["60", None, None], [6_000, 4_000, 0]),
        ("100", [None, "130"], [-3_000, 13_000]),
        ("100", ["60", "50"], [6_000, 5_000, -1_000]),
        ("110", ["60", "50"], [6_000, 5_000]),
        (None, ["60", "-10.5"], [6_000, -1_050]),
        ("100", [None], [10_000]),
    ],
)
async def test_the_lines_of_a_bill_always_sum_to_it(
    settings: Settings, total: str | None, nets: list[str | None], lines: list[int]
) -> None:
    items = [
        {
            "productOrService": {"text": "x"},
            "encounter": [{"reference": "Encounter/v1"}],
            **({"net": {"value": float(net), "currency": "CNY"}} if net else {}),
        }
        for net in nets
    ]
    money = {"value": float(total), "currency": "CNY"} if total else None
    async with gateway(settings) as (client, door):
        await post(client, bundle(PATIENT, changed(CLAIM, item=items, total=money)))
        charge = events(door)[1].data

    assert [line.amount for line in charge.lines] == lines
    assert charge.amount == sum(lines)


REFUSED_CLAIMS = {
    "sub-cent": ({"total": {"value": 1.005, "currency": "CNY"}}, "total.value", "finer than"),
    "negative": ({"total": {"value": -1, "currency": "CNY"}}, "total.value", "negative"),
    "unknown currency": (
        {"total": {"value": 1, "currency": "XXX"}, "item": CLAIM["item"][:1]},
        "total.value",
        "not one of ISO 4217",
    ),
    "two currencies": ({"total": {"value": 1, "currency": "USD"}}, "total.currency", "CNY, USD"),
    "a text": ({"total": {"value": "12", "currency": "CNY"}}, "total.value", "a JSON number"),
    "no amount at all": ({"total": None}, "item[0].net", "Claim.total"),
    "no visit": ({"item": []}, "item", "which visit"),
    "unknown kind": ({"type": {"coding": [{"code": "x"}]}}, "type", "institutional"),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "at", "says"), REFUSED_CLAIMS.values(), ids=REFUSED_CLAIMS)
async def test_a_bill_that_cannot_be_paid_is_refused_at_the_element(
    settings: Settings, fields: dict[str, Any], at: str, says: str
) -> None:
    async with gateway(settings) as (client, door):
        answer = await post(client, bundle(PATIENT, changed(CLAIM, **fields)))
        nothing = events(door)

    assert answer.status_code == 422
    assert [place for place, _ in issues(answer)] == [f"Bundle.entry[1].resource.{at}"]
    assert says in issues(answer)[0][1]
    assert nothing == []


async def test_all_problems_of_all_entries_are_listed_and_nothing_is_accepted(
    settings: Settings,
) -> None:
    body = bundle(
        PATIENT,
        changed(ENCOUNTER, period={"start": "yesterday"}, serviceProvider=None),
        changed(CLAIM, patient={"reference": "Patient/stranger"}),
        {"resourceType": "Patinet", "id": "x"},
        {"resourceType": "Observation", "id": "o"},
    )
    async with gateway(settings) as (client, door):
        answer = await post(client, body)
        counters = door.store.counters()

    assert answer.status_code == 422
    assert [place.removeprefix("Bundle.entry") for place, _ in issues(answer)] == [
        "[1].resource.serviceProvider",
        "[1].resource.period.start",
        "[1].resource.period.end",
        "[3].resource",
        "[4].resource.status",
        "[4].resource.code",
        "[2].resource",
    ]
    assert all(says.count(". ") >= 1 for _, says in issues(answer))
    assert (counters["accepted"], counters["refused"]) == (0, 1)


async def test_in_a_batch_each_entry_is_judged_on_its_own(settings: Settings) -> None:
    bad = changed(CLAIM, id="bad", total={"value": 0.001, "currency": "CNY"})
    body = bundle(CLAIM, bad, ENCOUNTER, PATIENT, kind="batch")
    async with gateway(settings) as (client, door):
        answer = await post(client, body)
        counters = door.store.counters()

    assert answer.status_code == 200
    statuses = [each["response"]["status"][:3] for each in answer.json()["entry"]]
    assert statuses == ["201", "422", "201", "201"]
    assert (counters["accepted"], counters["refused"]) == (5, 1)


async def test_what_is_sent_again_is_known_and_progress_is_accepted(settings: Settings) -> None:
    begun = changed(ENCOUNTER, status="in-progress", period={"start": ENCOUNTER["period"]["start"]})
    async with gateway(settings) as (client, door):
        await post(client, bundle(PATIENT, begun))
        await post(client, bundle(PATIENT, begun))
        await post(client, VISIT)
        again = await post(client, VISIT)
        counters = door.store.counters()

    assert [each["response"]["status"] for each in again.json()["entry"]] == ["200 OK"] * 3
    assert counters["accepted"] == 5
    assert counters["duplicates"] == 3 + 3 + 5


async def test_another_amount_under_the_same_id_is_a_conflict_that_says_how_to_correct(
    settings: Settings,
) -> None:
    async with gateway(settings) as (client, door):
        await post(client, VISIT)
        other = changed(CLAIM, total={"value": 13000, "currency": "CNY"})
        answer = await post(client, other, "/fhir/Claim")
        counters = door.store.counters()

    assert answer.status_code == 422
    [issue] = answer.json()["issue"]
    assert issue["code"] == "conflict"
    assert "void" in issue["diagnostics"]
    assert counters["accepted"] == 5


async def test_a_cancelled_bill_and_a_cancelled_visit_are_facts(settings: Settings) -> None:
    meta = {"lastUpdated": "2026-03-06T00:00:00Z"}
    async with gateway(settings) as (client, door):
        await post(client, VISIT)
        await post(client, changed(CLAIM, status="cancelled", meta=meta))
        await post(client, changed(ENCOUNTER, status="entered-in-error", meta=meta))
        voided, cancelled = events(door)[5:]

    assert (voided.type, voided.data.charge_id) == ("careloop.charge.voided.v1", "c1")
    assert (cancelled.type, cancelled.data.cancels) == ("careloop.visit.cancelled.v1", "visit")


async def test_a_visit_discharged_at_another_time_is_discharged_anew(settings: Settings) -> None:
    later = changed(ENCOUNTER, period=ENCOUNTER["period"] | {"end": "2026-03-06T10:00:00+08:00"})
    async with gateway(settings) as (client, door):
        await post(client, VISIT)
        await post(client, later)
        types = [event.type for event in events(door)[5:]]

    assert types == ["careloop.visit.discharged.v1"]


async def test_a_family_shares_the_household_of_its_subscriber(settings: Settings) -> None:
    child = changed(PATIENT, id="m2")
    cover = changed(
        COVERAGE, beneficiary={"reference": "Patient/m2"}, subscriber={"reference": "Patient/m1"}
    )
    async with gateway(settings) as (client, door):
        await post(client, bundle(cover, child, PATIENT))
        accepted = events(door)

    assert [(event.subject, event.household) for event in accepted] == [
        ("m2", "m1"), ("m2", "m1"), ("m1", "m1"),
    ]  # fmt: skip
    assert [event.sequence for event in accepted] == [1, 2, 3]


async def test_an_insurer_hears_of_the_invitation_by_its_cover_in_the_same_request(
    settings: Settings,
) -> None:
    async with gateway(settings) as (client, door):
        await post(client, bundle(PATIENT, COVERAGE))
        types = [event.type.split(".")[1] for event in events(door)]

    assert types == ["cover", "member"]


async def test_a_batch_registers_members_before_their_covers(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        answer = await post(client, bundle(COVERAGE, PATIENT, kind="batch"))
        types = [event.type.split(".")[1] for event in events(door)]

    assert answer.status_code == 200
    assert types == ["member", "cover"]


async def test_a_cover_never_moves_a_member_to_another_household(settings: Settings) -> None:
    joining = changed(
        COVERAGE, beneficiary={"reference": "Patient/m2"}, subscriber={"reference": "Patient/m1"}
    )
    async with gateway(settings) as (client, _):
        await post(client, bundle(PATIENT, changed(PATIENT, id="m2")))
        answer = await post(client, joining)

    assert answer.status_code == 422
    assert "would move member m2" in answer.json()["issue"][0]["diagnostics"]


async def test_a_cover_names_product_insurer_and_days_and_can_end(settings: Settings) -> None:
    ended = changed(COVERAGE, status="cancelled", period={"end": "2026-06-30"})
    async with gateway(settings) as (client, door):
        await post(client, bundle(PATIENT, COVERAGE))
        await post(client, ended)
        cover, _, end = (event.data for event in events(door))

    assert cover.cover.product == "million-yuan-medical"
    assert cover.cover.insurer
    assert str(cover.cover.valid_to) == "2026-12-31"
    assert str(end.last_day) == "2026-06-30"


async def test_a_cover_may_end_before_it_is_known(settings: Settings) -> None:
    ended = changed(COVERAGE, status="cancelled", period={"end": "2026-06-30"})
    async with gateway(settings) as (client, door):
        first = await post(client, bundle(PATIENT, ended))
        then = await post(client, COVERAGE)
        end, cover = (event.data for event in events(door)[1:])

    assert (first.status_code, then.status_code) == (200, 201)
    assert end.cover_id == cover.cover.cover_id


async def test_a_blood_pressure_is_one_act_with_two_values(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        await post(client, bundle(PATIENT, PRESSURE))
        data = events(door)[1].data

    assert [(each.value, each.unit) for each in data.components] == [
        (151, "mm[Hg]"),
        (94.5, "mmHg"),
    ]
    assert [each.codes[0].system for each in data.components] == [
        "urn:careloop:unnamed", "urn:careloop:text",
    ]  # fmt: skip


async def test_nothing_that_names_a_person_is_stored(settings: Settings) -> None:
    named = changed(
        PATIENT,
        name=[{"family": "Secretname"}],
        identifier=[{"system": "urn:national", "value": "11010519491231002X"}],
        address=[{"city": "Secretcity"}],
    )
    async with gateway(settings) as (client, _):
        await post(client, named)
    stored = b"".join(file.read_bytes() for file in settings.data_dir.rglob("*") if file.is_file())

    assert b"m1" in stored
    for secret in (b"Secretname", b"11010519491231002X", b"Secretcity"):
        assert secret not in stored


async def test_a_bill_too_large_for_the_log_is_refused_and_says_so(settings: Settings) -> None:
    item = {
        "productOrService": {"text": "x" * 500},
        "net": {"value": 1, "currency": "CNY"},
        "encounter": [{"reference": "Encounter/v1"}],
    }
    async with gateway(settings) as (client, _):
        answer = await post(client, bundle(PATIENT, changed(CLAIM, item=[item] * 300)))

    assert answer.status_code == 422
    assert answer.json()["issue"][0]["code"] == "too-long"
    assert "Split it" in answer.json()["issue"][0]["diagnostics"]
