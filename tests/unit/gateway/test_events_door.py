"""The CloudEvents door, in all three content modes, and with the official SDK."""

import json
from datetime import datetime
from typing import Any

import pytest
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from services.contract.catalog import catalog
from services.contract.codec import decode
from services.contract.event import Event
from services.gateway.routes import Gateway
from services.runtime.settings import Settings
from tests.gateways import cloud_event, gateway, registered

STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
PROVIDER = {"id": "hospital-owned-1"}
ARRIVAL = {"visit_id": "v1", "visit_class": "ambulatory", "provider": PROVIDER}


def events(door: Gateway) -> list[Event[Any]]:
    return [decode(row.record) for row in door.store.unsent(10_000)]


def arrival(**attributes: Any) -> dict[str, Any]:
    return cloud_event("careloop.visit.registered.v1", ARRIVAL) | attributes


def _as_object(data: dict[str, Any]) -> Any:
    return data


def _as_bytes(data: dict[str, Any]) -> Any:
    return json.dumps(data).encode()


@pytest.mark.parametrize("write", [to_binary_event, to_structured_event])
@pytest.mark.parametrize("form", [_as_object, _as_bytes])
@pytest.mark.parametrize("content_type", [None, "application/json", "application/fact+json"])
async def test_what_the_official_sdk_writes_is_accepted(
    settings: Settings, write: Any, form: Any, content_type: str | None
) -> None:
    """Without a datacontenttype it sends no Content-Type; bytes it sends as data_base64."""
    sent = registered()
    data = sent.pop("data")
    sent["time"] = datetime.fromisoformat(sent["time"])
    if content_type is not None:
        sent["datacontenttype"] = content_type
    message = write(CloudEvent(attributes=sent, data=form(data)))
    async with gateway(settings) as (client, door):
        answer = await client.post("/events", content=message.body, headers=dict(message.headers))
        [accepted] = events(door)

    assert answer.status_code == 200, answer.text
    assert answer.json()["accepted"] == 1
    assert (accepted.subject, accepted.source) == ("m1", "urn:hospital:1")
    assert accepted.data.sex == "female"


BAD_BASE64 = (
    ("a", {}, "This is not base64"),
    ("YQ", {}, "This is not base64"),
    (7, {}, "This is not base64"),
    ("eyJh_-8=", {}, "This is not base64"),
    ("e30=", {"data": {}}, "There is data as well"),
    ("PGEvPg==", {"datacontenttype": "application/xml"}, "which is not JSON"),
    ("PGEvPg==", {}, "The body is not JSON"),
    ("eyJhIjoxLCJhIjoyfQ==", {}, "stands twice in one object"),
    ("W10=", {}, "it is no object"),
)


async def test_data_in_base64_that_cannot_be_read_is_refused_alone(settings: Settings) -> None:
    good = registered()
    body = [good]
    for number, (encoded, more, _) in enumerate(BAD_BASE64):
        event = arrival(id=f"b{number}") | {"data_base64": encoded}
        del event["data"]
        body.append(event | more)
    async with gateway(settings) as (client, door):
        answer = await client.post("/events", json=body, headers=BATCH)
        accepted = events(door)

    assert answer.status_code == 422
    rows = answer.json()["events"]
    assert [row["status"] for row in rows] == ["accepted", *["refused"] * len(BAD_BASE64)]
    for row, (_, _, says) in zip(rows[1:], BAD_BASE64, strict=True):
        assert says in row["problems"][0]["detail"], row
    assert len(accepted) == 1


async def test_the_network_is_the_directorys_to_say_not_the_senders(settings: Settings) -> None:
    bragging = ARRIVAL | {"provider": {"id": "hospital-out-1", "network": "owned"}}
    body = [registered(), arrival(), arrival(id="e2", data=bragging)]
    async with gateway(settings) as (client, door):
        answer = await client.post("/events", json=body, headers=BATCH)
        tiers = [event.data.provider.network for event in events(door)[1:]]

    assert answer.json()["accepted"] == 3
    assert tiers == ["owned", "out"]


async def test_a_batch_is_judged_event_by_event_and_the_good_ones_stand(
    settings: Settings,
) -> None:
    body = [
        registered(),
        arrival(),
        arrival(),
        arrival(id="e2", subject="stranger"),
        arrival(id="e3", data=ARRIVAL | {"visit_class": "spa", "price": 1}),
        arrival(id="e1", data=ARRIVAL | {"visit_id": "v2"}),
    ]
    async with gateway(settings) as (client, door):
        answer = await client.post("/events", json=body, headers=BATCH)
        counters = door.store.counters()

    assert answer.status_code == 422
    assert [row["status"] for row in answer.json()["events"]] == [
        "accepted", "accepted", "duplicate", "refused", "refused", "refused",
    ]  # fmt: skip
    problems = [row.get("problems", []) for row in answer.json()["events"]]
    assert [each["place"] for each in problems[4]] == ["[4].data.visit_class", "[4].data.price"]
    assert problems[3][0]["code"] == "not-found"
    assert problems[5][0]["code"] == "conflict"
    assert (counters["accepted"], counters["duplicates"], counters["refused"]) == (2, 1, 3)


async def test_the_same_id_from_two_senders_is_two_facts(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        for source in ("urn:a", "urn:b"):
            body = [registered(source=source), arrival(source=source)]
            answer = await client.post("/events", json=body, headers=BATCH)
            assert answer.json()["accepted"] == 2
        ids = {event.id for event in events(door)}

    assert len(ids) == 4


async def test_a_member_registered_by_two_senders_of_one_exchange_is_registered_once(
    settings: Settings,
) -> None:
    first, second = "https://hospital-owned-1.example", "/therapists/therapist-owned-1"
    async with gateway(settings) as (client, door):
        body = registered(household="h7", source=first)
        await client.post("/events", json=body, headers=STRUCTURED)
        again = registered(source=second, household="h7")
        known = await client.post("/events", json=again, headers=STRUCTURED)
        other = registered(household="h8", source=second)
        moved = await client.post("/events", json=other, headers=STRUCTURED)
        accepted = events(door)

    assert known.json()["duplicates"] == 1
    assert moved.status_code == 422
    assert "belongs to household h7" in moved.text
    assert [event.household for event in accepted] == ["h7"]


async def test_an_older_version_is_accepted_and_read_as_the_newest(settings: Settings) -> None:
    data = {
        "observation_id": "o1",
        "codes": [{"system": "http://loinc.org", "code": "8480-6"}],
        "value": 150.0,
        "unit": "mm[Hg]",
        "visit_id": None,
    }
    old = cloud_event("careloop.observation.recorded.v1", data)
    async with gateway(settings) as (client, door):
        await client.post("/events", json=[registered(), old], headers=BATCH)
        stored = door.store.unsent(10)[1].record
        read = events(door)[1]

    assert ("ce_type", b"careloop.observation.recorded.v1") in stored.headers
    assert read.type == "careloop.observation.recorded.v2"


DERIVED = [entry for entry in catalog().values() if not entry.is_fact or "clock" in entry.producers]


@pytest.mark.parametrize("entry", DERIVED, ids=lambda entry: entry.type)
async def test_what_a_service_produces_is_refused_from_clients(
    settings: Settings, entry: Any
) -> None:
    async with gateway(settings) as (client, _):
        answer = await client.post("/events", json=cloud_event(entry.type, {}), headers=STRUCTURED)

    assert answer.status_code == 422
    assert f"produced by {' and '.join(entry.producers)}, not by clients" in answer.text


BAD_ATTRIBUTES: dict[str, tuple[dict[str, Any], str]] = {
    "version": ({"specversion": "0.3"}, "specversion"),
    "no id": ({"id": ""}, "id"),
    "a number for an id": ({"id": 7}, "id"),
    "a long id": ({"id": "x" * 301}, "id"),
    "no source": ({"source": None}, "source"),
    "a source with a space": ({"source": "a b"}, "source"),
    "no subject": ({"subject": None}, "subject"),
    "a subject with a space": ({"subject": "a b"}, "subject"),
    "no time": ({"time": None}, "time"),
    "a time without offset": ({"time": "2026-03-01T08:00:00"}, "time"),
    "an impossible time": ({"time": "2026-02-30T08:00:00Z"}, "time"),
    "the year 1": ({"time": "0001-01-01T00:00:00+14:00"}, "time"),
    "unknown type": ({"type": "careloop.visit.imagined.v1"}, "type"),
    "binary data": ({"data_base64": "AAAA"}, "data_base64"),
    "no data": ({"data": None}, "data"),
    "data as text": ({"data": "{}"}, "data"),
    "missing data": ({"data": {}}, "data.visit_id"),
    "provider as text": ({"data": ARRIVAL | {"provider": "h"}}, "data.provider"),
}


@pytest.mark.parametrize(("fields", "at"), BAD_ATTRIBUTES.values(), ids=BAD_ATTRIBUTES)
async def test_a_bad_event_is_refused_at_the_attribute(
    settings: Settings, fields: dict[str, Any], at: str
) -> None:
    async with gateway(settings) as (client, _):
        answer = await client.post("/events", json=arrival(**fields), headers=STRUCTURED)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["problems"][0]["place"] == at
    assert answer.json()["refused"] == 1


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", {"content-type": "text/plain"}, 415),
        (b"{}", {"content-type": "application/json"}, 415),
        (b"{}", {"content-type": "text/plain", "ce-specversion": "1.0"}, 415),
        (b"{}", BATCH, 422),
        (b"", BATCH, 400),
        (b"[NaN]", BATCH, 400),
        (b"[" + b" " * 9_000_000 + b"]", BATCH, 413),
        (b"[1, null, []]", BATCH, 422),
        (b'"x"', STRUCTURED, 422),
    ],
)
async def test_what_is_no_event_is_refused_as_a_problem(
    settings: Settings, body: bytes, headers: dict[str, str], status: int
) -> None:
    async with gateway(settings) as (client, door):
        answer = await client.post("/events", content=body, headers=headers)
        refused = door.store.counters()["refused"]

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["problems"]
    assert refused >= 1


async def test_an_empty_batch_is_accepted_as_nothing(settings: Settings) -> None:
    async with gateway(settings) as (client, _):
        answer = await client.post("/events", json=[], headers=BATCH)

    assert answer.status_code == 200
    assert answer.json()["events"] == []


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text(max_size=10) | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@hypothesis_settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    fields=st.dictionaries(st.sampled_from([*arrival(), "household", "traceparent"]), _VALUES),
    inside=st.dictionaries(st.sampled_from([*ARRIVAL, "more"]), _VALUES, max_size=2),
)
async def test_no_event_of_any_shape_breaks_the_gateway(
    settings: Settings, fields: dict[str, Any], inside: dict[str, Any]
) -> None:
    body = json.dumps([registered(), arrival(data=ARRIVAL | inside) | fields], default=str)
    async with gateway(settings) as (client, _):
        answer = await client.post("/events", content=body, headers=BATCH)

    assert answer.status_code in {200, 400, 422}, answer.text
