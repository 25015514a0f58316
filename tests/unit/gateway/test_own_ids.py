"""An id is its sender's: who says `m1` means its own, and what is said of it stands there alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest

from services.contract.catalog import catalog
from services.contract.event import EventData
from services.contract.frozen import Frozen, Id
from services.contract.registry import BY_TYPE
from services.gateway.acceptance.names import named, scoped
from services.gateway.acceptance.scope import OWN_IDS
from services.gateway.doors.senders import Senders, SendersFileError, load_senders
from services.runtime.settings import Settings
from tests.gateways import CLAIM, COVERAGE, ENCOUNTER, FHIR, PATIENT, bundle, cloud_event, gateway
from tests.unit.gateway.test_events_door import events

A, B = "urn:hospital:a", "urn:hospital:b"
CITY = ("https://hospital-owned-1.example", "https://hospital-strategic-2.example")
EVERYBODYS = {"id", "product", "insurer", "approval"}
"""Ids that are nobody's own: providers, products, insurers, and a payer's approval."""
MEMBERS = {"into"}
"""Ids of members."""


async def post(
    client: httpx.AsyncClient, source: str, *resources: dict[str, Any]
) -> httpx.Response:
    headers = FHIR | {"careloop-source": source}
    return await client.post("/fhir", json=bundle(*resources), headers=headers)


async def test_two_senders_patients_of_one_id_are_two_members(settings: Settings) -> None:
    other = PATIENT | {"gender": "male", "birthDate": "1988-08-08"}
    async with gateway(settings) as (client, door):
        first = await post(client, A, PATIENT, COVERAGE, ENCOUNTER, CLAIM)
        second = await post(client, B, other, ENCOUNTER, CLAIM)
        accepted = events(door)
        pages = [
            (await client.get("/members/m1/timeline", headers=headers)).json()["member"]
            for headers in ({}, {"careloop-source": A}, {"careloop-source": B})
        ]

    assert (first.status_code, second.status_code) == (200, 200)
    assert {(event.source, event.subject) for event in accepted} == {
        (A, "m1"),
        (B, "m1#urn:hospital:b"),
    }
    assert {event.household for event in accepted} == {"m1", "m1#urn:hospital:b"}
    assert pages == ["m1", "m1", "m1#urn:hospital:b"]
    assert "stands under m1#urn:hospital:b" in second.text
    assert "stands under" not in first.text


async def test_two_people_of_whom_nothing_is_known_are_two_members(settings: Settings) -> None:
    unknown = {"resourceType": "Patient", "id": "m1"}
    async with gateway(settings) as (client, door):
        await post(client, A, unknown, COVERAGE)
        await post(client, B, unknown)

        assert len({event.subject for event in events(door)}) == 2


async def test_the_same_again_is_a_duplicate_and_a_restart_forgets_nothing(
    settings: Settings,
) -> None:
    async with gateway(settings) as (client, _):
        await post(client, A, PATIENT)
        await post(client, B, PATIENT, ENCOUNTER)
    async with gateway(settings) as (client, door):
        again = await post(client, B, PATIENT, ENCOUNTER)
        counters = door.store.counters()

    assert again.status_code == 200
    assert counters["accepted"] == 1 + 4
    assert counters["duplicates"] == 4


async def test_a_sender_may_use_the_id_that_it_was_told_of(settings: Settings) -> None:
    own = "m1#urn:hospital:b"
    visit = ENCOUNTER | {"subject": {"reference": f"Patient/{own}"}}
    async with gateway(settings) as (client, door):
        await post(client, A, PATIENT)
        await post(client, B, PATIENT)
        told = await post(client, B, visit)
        page = await client.get(f"/members/{own.replace('#', '%23')}/timeline")
        others = await post(client, A, visit)

        by_b = {event.subject for event in events(door) if event.source == B}

    assert told.status_code == 200
    assert page.json()["member"] == own
    assert others.status_code == 422
    assert by_b == {own}


async def test_who_is_another_senders_member_is_said(settings: Settings) -> None:
    async with gateway(settings) as (client, _):
        await post(client, A, PATIENT)
        answer = await post(client, B, ENCOUNTER)
        page = await client.get("/members/m1/timeline", headers={"careloop-source": B})

    assert answer.status_code == 422
    assert "another sender's" in answer.text
    assert "senders.toml" in answer.text
    assert page.status_code == 404


async def test_senders_of_one_exchange_mean_the_same_people(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        first = await post(client, CITY[0], PATIENT, COVERAGE)
        second = await post(client, CITY[1], PATIENT, ENCOUNTER, CLAIM)
        accepted = events(door)

    assert (first.status_code, second.status_code) == (200, 200)
    assert {event.subject for event in accepted} == {"m1"}
    assert {each.data.visit_id for each in accepted if hasattr(each.data, "visit_id")} == {"v1"}


async def test_a_household_that_two_senders_name_alike_is_two(settings: Settings) -> None:
    def registered(source: str, member: str, household: str | None) -> dict[str, Any]:
        data = {"birth_date": None, "sex": "unknown"}
        more = {"household": household} if household else {}
        kind = "careloop.member.registered.v1"
        return cloud_event(kind, data, id=member, source=source, subject=member, **more)

    async with gateway(settings) as (client, door):
        batch = {"content-type": "application/cloudevents-batch+json"}
        body = [
            registered(A, "a1", "h1"),
            registered(B, "b1", "h1"),
            registered(B, "b2", "h1"),
            registered(B, "h1", None),
            registered(A, "a2", "b1"),
            registered(B, "b3", "a1"),
        ]
        answer = await client.post("/events", json=body, headers=batch)
        households = [(event.subject, event.household) for event in events(door)]

    assert answer.json()["accepted"] == 6
    assert households == [
        ("a1", "h1"),
        ("b1", "h1#urn:hospital:b"),
        ("b2", "h1#urn:hospital:b"),
        ("h1", "h1#urn:hospital:b"),
        ("a2", "b1"),
        ("b3", "a1"),
    ]


def test_every_id_in_a_fact_is_its_senders_or_everybodys() -> None:
    facts = [BY_TYPE[entry.type] for entry in catalog().values() if entry.producers == ("gateway",)]

    names = {name for fact in facts for name in _ids(fact)}

    assert names == {*OWN_IDS, *EVERYBODYS, *MEMBERS}


def _ids(model: type[Frozen]) -> Iterator[str]:
    """Yield the fields of a model, and of those in it, that hold an id."""
    for name, field in model.model_fields.items():
        if "Id" in str(field) or field.metadata == list(get_args(Id)[1:]) or _is_id(field):
            yield name
        for part in _models(field.annotation):
            yield from _ids(part)


def _is_id(field: Any) -> bool:
    pattern = get_args(Id)[1].metadata[0].pattern
    return pattern in str(field)


def _models(annotation: Any) -> Iterator[type[Frozen]]:
    for each in (annotation, *get_args(annotation)):
        if isinstance(each, type) and issubclass(each, Frozen) and not issubclass(each, EventData):
            yield each
        elif each is not annotation:
            yield from _models(each)


NAMESPACES = ("a", "b", "a#b", "#", "urn:hospital:b", "x" * 200, "x" * 199, "\u00e9")
IDS = ("1", "1#a", "1#b", "1#a#b", "a", "b", "1##", "x" * 128, "x" * 127, "1#" + "x" * 100)


def test_no_two_senders_ids_become_one() -> None:
    pairs = [(namespace, sent) for namespace in NAMESPACES for sent in IDS]

    made = {(namespace, sent): scoped(sent, namespace) for namespace, sent in pairs}

    own = {(ns, sent) for ns, sent in pairs if made[ns, sent] == sent}
    assert own <= {(ns, sent) for ns, sent in pairs if sent.endswith(f"#{ns}")}
    others = [made[pair] for pair in pairs if pair not in own]
    again = {made[ns, sent]: ns for ns, sent in pairs}
    assert all(again[made[ns, sent]] == ns for ns, sent in pairs)
    assert len(set(others)) == len(others)
    assert all("#" in each for each in others)


def test_an_id_stays_as_it_is_for_who_had_it_first() -> None:
    assert named("1", "a", None) == named("1", "a", "a") == "1"
    assert named("1", "b", "a") == "1#b"
    assert named("1#b", "a", None) == "1#b#a"


def test_a_sender_that_no_exchange_lists_is_alone() -> None:
    senders = load_senders()

    assert {senders.namespace(source) for source in CITY} == {"city"}
    assert senders.namespace("/devices/bp-p00001") == "city"
    assert senders.namespace("https://hospital-owned-3.example") != "city"
    assert Senders().namespace(A) == A


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("exchange = 1", "list"),
        ("[[exchange]]\nnamespace = 'a'\nsources = []", "at least 1"),
        ("[[exchange]]\nnamespace = 'a#b'\nsources = ['x']", "pattern"),
        ("[[exchange]]\nnamespace = 'a'\nsources = ['x y']", "pattern"),
        ("[[exchange]]\nnamespace = 'a'\nsources = ['x']\n" * 2, "twice"),
        ("not toml", "Expected"),
    ],
)
def test_a_list_of_senders_that_cannot_be_read_is_refused(
    tmp_path: Path, text: str, says: str
) -> None:
    path = tmp_path / "senders.toml"
    path.write_text(text)

    with pytest.raises(SendersFileError, match=says):
        load_senders(path)


async def test_what_stood_on_the_log_comes_again_in_the_ids_of_the_log(settings: Settings) -> None:
    arrival = {"visit_id": "v1", "visit_class": "ambulatory", "provider": {"id": "x"}}
    again = cloud_event("careloop.visit.registered.v1", arrival, source=B, subject="m1")
    async with gateway(settings) as (client, door):
        await post(client, A, PATIENT)
        await post(client, B, PATIENT)
        batch = {"content-type": "application/cloudevents-batch+json"}
        await client.post("/events", json=[again | {"idsof": "careloop"}], headers=batch)
        last = events(door)[-1]

    assert (last.source, last.subject, last.data.visit_id) == (B, "m1", "v1")
