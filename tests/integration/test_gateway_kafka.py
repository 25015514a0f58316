"""The gateway as a process on a real Kafka: sent in order, waiting, dying, and coming back."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import httpx

from services.contract.codec import decode, encode
from services.contract.event import Event, EventData
from services.contract.ids import derived_id
from services.contract.payment import DirectPayDecided, Parts, PaymentRequested, TraceStep
from services.contract.topics import HEALTH_EVENTS, PAYMENT_EVENTS
from services.contract.visit import Provider
from services.local.ports import free_port
from services.runtime.log_writer import LogWriter, Write, partition_of
from services.runtime.settings import Settings
from tests.gateways import CLAIM, ENCOUNTER, FHIR, PATIENT, bundle, cloud_event, registered
from tests.workers import read


@contextmanager
def running(
    settings: Settings, port: int
) -> Iterator[tuple[httpx.Client, subprocess.Popen[bytes]]]:
    """Yield a client of a gateway process, and the process; it is stopped at the end."""
    environment = os.environ | {
        "CARELOOP_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "CARELOOP_DATA_DIR": str(settings.data_dir),
        "CARELOOP_PARTITIONS": str(settings.partitions),
        "CARELOOP_HTTP_PORT": str(port),
        # A killed gateway keeps its partitions of the timeline for that long.
        "CARELOOP_SESSION_TIMEOUT_S": "6",
    }
    process = subprocess.Popen([sys.executable, "-m", "services.gateway"], env=environment)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=40) as client:
            until(lambda: answers(client), "an answer of the gateway")
            yield client, process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(20)


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"still waiting for {what}"
        time.sleep(0.05)


def until_counted(client: httpx.Client, seconds: float = 60, **wanted: int) -> None:
    """Wait until the gateway's counters are as wanted; its timeline follows its answers."""
    deadline = time.monotonic() + seconds
    while not wanted.items() <= (found := client.get("/progress").json()).items():
        assert time.monotonic() < deadline, f"after {seconds} s {found}, not {wanted}"
        time.sleep(0.05)


def all_events(settings: Settings, topic: str) -> list[Event[EventData]]:
    return [decode(row.record) for rows in read(settings, topic).values() for row in rows]


def is_heard(client: httpx.Client, settings: Settings) -> bool:
    """Write a decision on another visit, and tell whether the gateway has heard any."""
    [registered] = all_events(settings, HEALTH_EVENTS)
    decide(settings, registered, visit="v0")
    return (
        'careloop_decision_latency_seconds_count{service="gateway"}' in client.get("/metrics").text
    )


def decide(settings: Settings, cause: Event[EventData], visit: str = "v1") -> None:
    """Write a decision on a visit, as settlement would."""
    parts = Parts(social_insurance=0, insurer=0, subsidy=0, member=1_200_000, written_off=0)
    step = TraceStep(
        rule="none@1/member",
        payer="member",
        open_before=1_200_000,
        taken=1_200_000,
        note="No cover.",
    )
    decision = DirectPayDecided(
        request_id=f"q-{visit}",
        episode=visit,
        service_date=date(2026, 3, 5),
        provider=Provider(id="hospital-owned-1", network="owned"),
        currency="CNY",
        billed=1_200_000,
        parts=parts,
        shares=(),
        trace=(step,),
        outcome="declined",
    )
    event: Event[EventData] = Event(
        id=f"d-{cause.id}",
        source="/settlement",
        subject=cause.subject,
        household=cause.household,
        time=cause.time,
        recorded_time=cause.recorded_time,
        sequence=1,
        data=decision,
        causation_id=derived_id("treatment", cause.id, cause.subject, PaymentRequested.TYPE, 1),
        correlation_id=visit,
    )

    async def write() -> None:
        writer = await LogWriter(settings.bootstrap_servers, "test").start()
        record = encode(event)
        await writer.write(
            [Write(PAYMENT_EVENTS, partition_of(record.key, settings.partitions), record)]
        )
        await writer.stop()

    asyncio.run(write())


def test_what_is_accepted_reaches_the_log_and_the_timeline_in_order(
    kafka_settings: Settings,
) -> None:
    with running(kafka_settings, free_port()) as (client, process):
        body = bundle(CLAIM, ENCOUNTER, PATIENT)
        assert client.post("/fhir", json=body, headers=FHIR).status_code == 200
        until_counted(client, timeline_events=5)
        shown = client.get("/members/m1/timeline").json()
        process.send_signal(signal.SIGTERM)

        assert process.wait(20) == 0

    events = all_events(kafka_settings, HEALTH_EVENTS)
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5]
    assert [event["id"] for event in shown["events"]] == [event.id for event in events]
    assert [event.type.split(".")[2] for event in events] == [
        "registered", "registered", "admitted", "posted", "discharged",
    ]  # fmt: skip
    assert all(event.household == "m1" for event in events)


def test_a_hospital_gets_the_decision_in_the_same_request(kafka_settings: Settings) -> None:
    with running(kafka_settings, free_port()) as (client, _):
        client.post("/fhir", json=bundle(PATIENT), headers=FHIR)
        until(lambda: all_events(kafka_settings, HEALTH_EVENTS), "the registration")
        # The follower reads from the end on: what it must not miss comes after it has begun.
        until(lambda: is_heard(client, kafka_settings), "the follower to begin")

        async def ask() -> httpx.Response:
            prefer = FHIR | {"prefer": "respond-async, wait=25"}
            body = bundle(ENCOUNTER, CLAIM)
            return await asyncio.to_thread(client.post, "/fhir", json=body, headers=prefer)

        async def ask_and_decide() -> httpx.Response:
            asked = asyncio.create_task(ask())
            discharged = None
            while discharged is None:
                await asyncio.sleep(0.2)
                events = await asyncio.to_thread(all_events, kafka_settings, HEALTH_EVENTS)
                discharged = next((e for e in events if "discharged" in e.type), None)
            await asyncio.to_thread(decide, kafka_settings, discharged)
            return await asked

        answer = asyncio.run(ask_and_decide())
        until_counted(client, timeline_events=7)
        again = client.post(
            "/fhir", json=bundle(ENCOUNTER, CLAIM), headers=FHIR | {"prefer": "wait=5"}
        )

    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() < 25, "found only when the wait had run out"
    assert answer.headers["preference-applied"] == "wait=25"
    decided = parameters(answer.json()["entry"][2])
    assert decided["member"] == {"value": 12000.0, "currency": "CNY"}
    assert decided["outcome"] == "declined"
    assert '"value":12000.00,' in answer.text
    assert again.status_code == 200
    assert parameters(again.json()["entry"][2]) == decided


def parameters(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        each["name"]: each.get("valueMoney") or each.get("valueCode")
        for each in entry["resource"]["parameter"]
    }


def test_events_are_accepted_while_kafka_is_away_and_sent_when_it_is_back(
    kafka_settings: Settings,
) -> None:
    port = free_port()
    away = kafka_settings.model_copy(update={"bootstrap_servers": f"127.0.0.1:{free_port()}"})
    with running(away, port) as (client, process):
        answer = client.post("/events", json=registered(), headers=structured())
        assert answer.json()["accepted"] == 1
        assert client.get("/progress").json()["outbox"] == 1
        process.kill()
        process.wait(20)

    with running(kafka_settings, port) as (client, _):
        until_counted(client, timeline_events=1, outbox=0, accepted=1)

    assert [event.subject for event in all_events(kafka_settings, HEALTH_EVENTS)] == ["m1"]


def test_a_gateway_killed_again_and_again_loses_nothing_and_renumbers_nothing(
    kafka_settings: Settings,
) -> None:
    port = free_port()
    sent = 0
    with running(kafka_settings, port) as (client, _):
        client.post("/events", json=registered(), headers=structured())
    for _ in range(3):
        with running(kafka_settings, port) as (client, process):
            for _ in range(40):
                event = prescription(sent)
                assert client.post("/events", json=event, headers=structured()).status_code == 200
                sent += 1
            process.kill()
            process.wait(20)
    with running(kafka_settings, port) as (client, _):
        # The group waits for the session of each killed gateway, one after another.
        until_counted(client, seconds=90, timeline_events=sent + 1)

    events = all_events(kafka_settings, HEALTH_EVENTS)
    by_sequence = {event.sequence: event.id for event in events}
    assert sorted(by_sequence) == list(range(1, sent + 2))
    assert {event.id for event in events} == set(by_sequence.values())


def structured() -> dict[str, str]:
    return {"content-type": "application/cloudevents+json"}


def prescription(number: int) -> dict[str, Any]:
    data = {
        "prescription_id": f"p{number}",
        "codes": [{"system": "urn:atc", "code": "C09AA02"}],
        "status": "active",
        "visit_id": None,
    }
    kind = "careloop.medication.prescribed.v1"
    return cloud_event(kind, data, id=f"p{number}", time=datetime.now(UTC).isoformat())
