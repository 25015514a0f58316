"""Patient.link: one record takes the place of another, in the gateway's database."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from services.contract.event import Event
from services.contract.member import CoverEnded, MemberMerged, MemberReleased
from services.contract.visit import ChargePosted
from services.gateway.merging import to_move
from services.gateway.routes import Gateway
from services.runtime.settings import Settings
from tests.gateways import CLAIM, COVERAGE, ENCOUNTER, FHIR, PATIENT, bundle, cloud_event, gateway
from tests.unit.gateway.test_events_door import BATCH, events

NOW = datetime(2026, 3, 6, tzinfo=UTC)
OTHER = {"resourceType": "Patient", "id": "m2", "gender": "female", "birthDate": "1960-02-29"}
ABOUT = {"subject": {"reference": "Patient/m2"}}


def link(to: str, kind: str) -> dict[str, Any]:
    return {"link": [{"other": {"reference": f"Patient/{to}"}, "type": kind}]}


REPLACED = OTHER | {"active": False} | link("m1", "replaced-by")
REPLACES = PATIENT | link("m2", "replaces")


async def post(client: httpx.AsyncClient, *resources: dict[str, Any]) -> httpx.Response:
    return await client.post("/fhir", json=bundle(*resources), headers=FHIR)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody moves facts here, so that nobody is to be waited for."""
    monkeypatch.setattr("services.gateway.answer.intake._MERGE_S", 0.01)


def merges(door: Gateway) -> list[tuple[str, str]]:
    return [
        (event.subject, event.data.into)
        for event in events(door)
        if isinstance(event.data, MemberMerged)
    ]


@pytest.mark.parametrize(
    "said",
    [
        (REPLACED,),
        (REPLACES,),
        (REPLACED, REPLACES),
        (REPLACES, REPLACED),
        ({"resourceType": "Patient", "id": "m2"} | link("m1", "replaced-by"),),
    ],
)
async def test_a_merge_is_said_by_either_record_and_counts_once(
    settings: Settings, said: tuple[dict[str, Any], ...]
) -> None:
    async with gateway(settings) as (client, door):
        await post(client, PATIENT, OTHER)
        answers = [await post(client, *said), await post(client, *said)]
        found = merges(door)
        last = events(door)[-1]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert found == [("m2", "m1")]
    assert last.household == "m2"


async def test_what_is_said_of_the_replaced_record_counts_for_the_other(
    settings: Settings,
) -> None:
    async with gateway(settings) as (client, door):
        await post(client, PATIENT, OTHER)
        await post(client, REPLACED)
        answer = await post(client, ENCOUNTER | ABOUT)
    async with gateway(settings) as (client, door):
        later = await post(client, CLAIM | {"patient": {"reference": "Patient/m2"}})
        said = events(door)

    assert (answer.status_code, later.status_code) == (200, 200)
    assert {each.subject for each in said if hasattr(each.data, "visit_id")} == {"m1"}
    assert said[-1].household == "m1"
    assert [each.sequence for each in said if each.household == "m1"] == [1, 2, 3, 4, 5]


async def test_a_fact_known_of_one_record_is_known_of_the_other(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        await post(client, PATIENT, OTHER, ENCOUNTER | ABOUT)
        await post(client, REPLACED)
        under_the_other = await post(client, ENCOUNTER)
        under_its_own = await post(client, ENCOUNTER | ABOUT)
        later = ENCOUNTER["period"] | {"start": "2026-03-02T08:00:00+08:00"}
        changed = await post(client, ENCOUNTER | {"status": "arrived", "period": later})
        counters = door.store.counters()

    assert (under_the_other.status_code, under_its_own.status_code) == (200, 200)
    assert counters["accepted"] == 2 + 3 + 1
    assert changed.status_code == 422


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            OTHER | link("m9", "replaced-by"),
            "m9, who is to take the place of m2, is not registered",
        ),
        (PATIENT | {"id": "m3"} | link("m3", "replaced-by"), "its own place"),
        (PATIENT | link("m2", "replaced-by"), "its own place"),
        (OTHER | link("m3", "replaced-by"), "merged into m1 before"),
        (OTHER | link("m1", "twin"), "not a type of link"),
    ],
)
async def test_a_merge_that_cannot_be_is_refused_by_name(
    settings: Settings, said: dict[str, Any], reason: str
) -> None:
    async with gateway(settings) as (client, door):
        await post(client, PATIENT, OTHER, PATIENT | {"id": "m3"})
        await post(client, REPLACED)
        answer = await post(client, said)

        assert merges(door) == [("m2", "m1")]

    assert answer.status_code == 422
    assert reason in answer.text


@pytest.mark.parametrize(
    ("said", "why"), [(link("m1", "seealso"), "merges nothing"), (link("m9", "replaces"), "m9")]
)
async def test_a_link_that_merges_nothing_is_passed_over(
    settings: Settings, said: dict[str, Any], why: str
) -> None:
    async with gateway(settings) as (client, door):
        answer = await post(client, PATIENT, OTHER | said, ENCOUNTER)

        assert merges(door) == []

    assert answer.status_code == 200
    assert why in answer.text


async def test_a_registration_of_a_replaced_record_changes_nothing(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        await post(client, PATIENT, OTHER)
        await post(client, REPLACED)
        answer = await post(client, OTHER | {"birthDate": "1961-01-01"})
        accepted = len(events(door))

    assert answer.status_code == 200
    assert "was merged into m1" in answer.text
    assert accepted == 3


async def test_facts_are_moved_once_and_a_chain_leads_to_its_end(settings: Settings) -> None:
    third = PATIENT | {"id": "m3"}
    async with gateway(settings) as (client, door):
        await post(client, PATIENT, OTHER, third)
        await post(client, ENCOUNTER | ABOUT, COVERAGE | {"beneficiary": ABOUT["subject"]})
        await post(client, REPLACED)
        await post(client, PATIENT | link("m3", "replaced-by"))
        merge = next(each for each in door.store.unmoved() if each.member_id == "m2")
        said = [event for event in events(door) if event.subject == "m2"]
        facts = to_move(said, _released(merge.event_id, "v1"), "m1", ("urn:careloop:fhir",) * 2)
        before = len(events(door))
        for _ in range(2):
            door.store.move("m2", facts, door.now())
        moved = events(door)[before:]

    assert merge.member.same_as == "m3"
    assert [event.subject for event in moved] == ["m3"] * 4
    assert {event.causation_id for event in moved} == {merge.event_id}
    assert [event.time for event in moved] == [event.time for event in said[1:-1]]


def _released(cause: str, *visits: str) -> Event[MemberReleased]:
    data = MemberReleased(into="m1", visits=visits)
    return Event("r", "/careloop/treatment", "m2", "m2", NOW, NOW, 1, data, causation_id=cause)


async def test_a_visit_that_was_not_let_go_stays_and_so_do_sessions(settings: Settings) -> None:
    session = {"session_id": "s1", "mode": "home", "reason": "ill"}
    missed = cloud_event("careloop.session.missed.v1", session, subject="m2")
    async with gateway(settings) as (client, door):
        await post(client, OTHER, ENCOUNTER | ABOUT, CLAIM | {"patient": ABOUT["subject"]})
        await post(client, ENCOUNTER | ABOUT | {"id": "v2", "status": "in-progress"})
        await client.post("/events", json=[missed | {"source": "urn:careloop:fhir"}], headers=BATCH)
        said = events(door)

    moved = to_move(said, _released("m"), "m1", ("x", "x"))

    assert {getattr(fact.data, "visit_id", None) for fact in moved} == {"v2"}


async def test_ids_of_another_senders_member_are_marked_where_they_go(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        await post(client, OTHER, ENCOUNTER | ABOUT, CLAIM | {"patient": ABOUT["subject"]})
        await post(client, COVERAGE | {"beneficiary": ABOUT["subject"]})
        said = events(door)

    moved = to_move(said, _released("m", "v1"), "m1", ("urn:b", "urn:a"))

    bill = next(fact.data for fact in moved if isinstance(fact.data, ChargePosted))
    assert (bill.charge_id, bill.visit_id) == ("c1#urn:b", "v1#urn:b")
    cover = next(fact.data.cover.cover_id for fact in moved if hasattr(fact.data, "cover"))
    assert cover == "k1#urn:b"
    assert CoverEnded.TYPE not in {fact.data.TYPE for fact in moved}


async def test_an_index_of_patients_joins_two_senders_records(settings: Settings) -> None:
    index = {"source": "urn:careloop:index", "subject": "m1#urn:b"}
    merged = cloud_event("careloop.member.merged.v1", {"into": "m1"}, **index)
    by_b = FHIR | {"careloop-source": "urn:b"}
    async with gateway(settings) as (client, door):
        await post(client, PATIENT, ENCOUNTER)
        await client.post("/fhir", json=bundle(PATIENT), headers=by_b)
        answer = await client.post("/events", json=[merged], headers=BATCH)
        await client.post("/fhir", json=bundle(ENCOUNTER), headers=by_b)
        visits = [
            (event.source, event.subject, event.data.visit_id)
            for event in events(door)
            if hasattr(event.data, "visit_id")
        ]

    assert answer.json()["accepted"] == 1
    assert visits == [
        *[("urn:careloop:fhir", "m1", "v1")] * 3,
        *[("urn:b", "m1", "v1#urn:b")] * 3,
    ]
