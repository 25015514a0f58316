"""Waiting for decisions, and the timeline that shows them."""

import asyncio
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contract.codec import decode, encode
from services.contract.event import Event, EventData
from services.contract.ids import derived_id
from services.contract.payment import DirectPayDecided, Parts, PaymentRequested, TraceStep
from services.contract.topics import PAYMENT_EVENTS
from services.contract.visit import Provider, VisitRegistered
from services.gateway.answer.http import wait_s
from services.gateway.app import timeline_of
from services.gateway.routes import Gateway
from services.runtime.projection import Batch, Logged, StaleWriterError
from services.runtime.settings import Settings
from tests.gateways import CLAIM, ENCOUNTER, FHIR, PATIENT, bundle, gateway

NOW = datetime(2026, 3, 5, 2, tzinfo=UTC)
OWNED = Provider(id="hospital-owned-1", network="owned")
VISIT = ("m1", "v1")


def decision(number: int = 1, cause: str = "c") -> Event[EventData]:
    step = TraceStep(rule="x@1/y", payer="member", open_before=500, taken=500, note="No cover.")
    data = DirectPayDecided(
        request_id=f"q{number}",
        episode="v1",
        service_date=date(2026, 3, 5),
        provider=OWNED,
        currency="CNY",
        billed=500,
        parts=Parts(social_insurance=0, insurer=0, subsidy=0, member=500, written_off=0),
        shares=(),
        trace=(step,),
        outcome="declined",
    )
    return made(f"d{number}", data, number)._replace(causation_id=cause)


def request_after(door: Gateway, kind: str) -> str:
    """Return the id that treatment's request would have after the last accepted fact of a kind."""
    events = [decode(row.record) for row in door.store.unsent(100)]
    fact = [event for event in events if event.type == f"careloop.{kind}.v1"][-1]
    return derived_id("treatment", fact.id, "m1", PaymentRequested.TYPE, 1)


def made(event_id: str, data: EventData, sequence: int) -> Event[EventData]:
    return Event(
        id=event_id,
        source="/x",
        subject="m1",
        household="m1",
        time=NOW,
        recorded_time=NOW,
        sequence=sequence,
        data=data,
        causation_id="c",
        correlation_id="v1",
    )


def batch(start: int, *events: Event[EventData]) -> Batch:
    logged = tuple(
        Logged(start + index, 1_000 + start + index, event, encode(event).value)
        for index, event in enumerate(events)
    )
    return Batch(PAYMENT_EVENTS, 0, start, start + len(events), logged)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], 0),
        (["wait=10"], 10),
        (["respond-async, wait=5"], 5),
        (["return=minimal; wait=5"], 5),
        (['Wait="7"'], 7),
        (["wait=999999"], 30),
        (["wait=-1"], 0),
        (["wait=soon"], 0),
        (["await=3"], 0),
        (["return=minimal", "wait=4"], 4),
    ],
)
def test_the_prefer_header_is_read_as_its_standard_says(headers: list[str], seconds: int) -> None:
    assert wait_s(headers) == seconds


@given(header=st.text(max_size=40))
def test_any_prefer_header_gives_a_wait_within_bounds(header: str) -> None:
    assert 0 <= wait_s([header]) <= 30


async def accepted(door: Gateway, count: int) -> None:
    """Wait until so many facts are accepted, and somebody waits for what comes of them."""
    while len(door.store.unsent(100)) < count:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)


async def test_the_decision_comes_in_the_answer_and_an_older_one_does_not(
    settings: Settings,
) -> None:
    async with gateway(settings) as (client, door):
        ask = asyncio.create_task(
            client.post("/fhir", json=visit(), headers=FHIR | {"prefer": "wait=20"})
        )
        await accepted(door, 5)
        door.intake.waiting.tell(decision(1, request_after(door, "charge.posted")))
        await asyncio.sleep(0.2)
        assert not ask.done()
        door.intake.waiting.tell(decision(2, request_after(door, "visit.discharged")))
        answer = await ask

    parameters = {each["name"]: each for each in answer.json()["entry"][3]["resource"]["parameter"]}
    assert answer.status_code == 200
    assert parameters["request"]["valueString"] == "q2"
    assert parameters["trace"]["part"][3] == {
        "name": "taken", "valueMoney": {"value": 5.0, "currency": "CNY"},
    }  # fmt: skip
    assert door.intake.waiting._of_visits == {}
    assert door.intake.waiting._of_facts == {}


async def test_a_decision_that_nobody_heard_is_found_when_the_wait_runs_out(
    settings: Settings,
) -> None:
    """The log's follower may begin, or begin again, just after a decision was stored."""
    async with gateway(settings) as (client, door):
        headers = FHIR | {"prefer": "wait=2"}
        ask = asyncio.create_task(client.post("/fhir", json=visit(), headers=headers))
        await accepted(door, 5)
        cause = request_after(door, "visit.discharged")
        await asyncio.to_thread(door.timeline.apply, batch(0, decision(1, cause)))
        answer = await ask

    assert answer.status_code == 200
    assert answer.json()["entry"][3]["resource"]["resourceType"] == "Parameters"


async def test_an_older_decision_is_no_answer_when_the_wait_runs_out(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        door.timeline.apply(batch(0, decision(1)))
        headers = FHIR | {"prefer": "wait=1"}
        answer = await client.post("/fhir", json=visit(), headers=headers)

    assert answer.status_code == 202


async def test_when_the_wait_runs_out_the_answer_says_where_to_look(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        headers = FHIR | {"prefer": "wait=1"}
        answer = await client.post("/fhir", json=visit(), headers=headers)
        counters = door.store.counters()

    assert answer.status_code == 202
    assert answer.headers["location"] == "/members/m1/timeline"
    assert answer.json()["entry"][3]["response"]["location"] == "members/m1/timeline"
    assert counters["accepted"] == 5


async def test_nothing_is_waited_for_without_a_discharge(settings: Settings) -> None:
    async with gateway(settings) as (client, _):
        answer = await asyncio.wait_for(
            client.post("/fhir", json=bundle(PATIENT), headers=FHIR | {"prefer": "wait=30"}), 5
        )

    assert answer.status_code == 200


async def test_a_visit_sent_again_is_answered_with_its_decision(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        await client.post("/fhir", json=visit(), headers=FHIR)
        door.timeline.apply(batch(0, decision(1, request_after(door, "visit.discharged"))))
        headers = FHIR | {"prefer": "wait=30"}
        answer = await asyncio.wait_for(client.post("/fhir", json=visit(), headers=headers), 5)

    assert answer.status_code == 200
    assert answer.json()["entry"][3]["resource"]["resourceType"] == "Parameters"


async def test_a_visit_sent_again_is_accepted_although_the_timeline_cannot_be_asked(
    settings: Settings,
) -> None:
    async with gateway(settings) as (client, door):
        await client.post("/fhir", json=visit(), headers=FHIR)
        with door.store.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE timeline RENAME TO away")
        headers = FHIR | {"prefer": "wait=1"}
        answer = await client.post("/fhir", json=visit(), headers=headers)

    assert answer.status_code == 202


def visit() -> dict[str, Any]:
    return bundle(PATIENT, ENCOUNTER, CLAIM)


async def test_a_timeline_shows_each_event_once_in_order_with_parts_and_trace(
    settings: Settings,
) -> None:
    arrival = VisitRegistered(visit_id="v1", visit_class="inpatient", provider=OWNED)
    events = [made(f"a{number}", arrival, number) for number in range(1, 6)]
    async with gateway(settings) as (client, door):
        door.timeline.apply(batch(0, *events, decision()))
        door.timeline.apply(batch(6, events[0], decision()))
        pages = []
        path: str | None = "/members/m1/timeline?limit=4"
        while path:
            page = (await client.get(path)).json()
            pages.append(page["events"])
            path = f"/members/m1/timeline?limit=4&after={page['next']}" if page["next"] else None
        seen = door.store.counters()["timeline_events"]

    assert [[event["id"] for event in page] for page in pages] == [
        ["a1", "a2", "a3", "a4"], ["a5", "d1"],
    ]  # fmt: skip
    last = pages[1][1]
    assert last["decision"]["parts"]["member"] == 500
    assert last["decision"]["trace"][0]["note"] == "No cover."
    assert last["summary"] == "5.00 CNY for v1 declined: member 5.00 CNY."
    assert (last["stage"], last["cause"]) == ("settlement", "c")
    assert seen == 6


async def test_a_batch_is_applied_by_one_reader_only(settings: Settings) -> None:
    async with gateway(settings) as (_, door):
        door.timeline.apply(batch(0, decision()))
        other = timeline_of(door.store)

        with pytest.raises(StaleWriterError):
            other.apply(batch(0, decision()))

        assert other.position(PAYMENT_EVENTS, 0) == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/members/nobody/timeline", 404),
        ("/members/m1/timeline?limit=0", 400),
        ("/members/m1/timeline?limit=x", 400),
        ("/members/m1/timeline?after=x", 400),
        ("/members/m1/timeline?after=99999999999999999999-1", 400),
        ("/members/%00/timeline", 404),
        ("/nowhere", 404),
        ("/fhir", 405),
    ],
)
async def test_a_bad_address_is_a_problem(settings: Settings, path: str, status: int) -> None:
    async with gateway(settings) as (client, _):
        answer = await client.get(path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_counters_outlive_the_process(settings: Settings) -> None:
    async with gateway(settings) as (client, _):
        await client.post("/fhir", json=visit(), headers=FHIR)
        await client.post("/fhir", content=b"x", headers=FHIR)
        before = (await client.get("/progress")).json()
    async with gateway(settings) as (client, _):
        after = (await client.get("/progress")).json()

    assert after == before
    assert before == {
        "accepted": 5,
        "duplicates": 0,
        "refused": 1,
        "refused_behind": 0,
        "members": 1,
        "timeline_events": 0,
        "outbox": 5,
        "waiting": 0,
    }
