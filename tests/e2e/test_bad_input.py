"""Whatever comes in, it is refused with its reasons, and the flow goes on."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from services.contract.codec import Record
from services.contract.topics import DEAD_LETTERS, HEALTH_EVENTS, PAYMENT_EVENTS
from services.runtime.settings import Settings
from tests.e2e.people import SOURCE, bundle, claim, encounter, parameters, patient
from tests.e2e.running import Run, post_fhir, wait_for
from tests.workers import read

MEMBER = "patient-one"


@pytest.fixture(scope="module")
def gateway(system: Run) -> str:
    answer = post_fhir(system.gateway, bundle(patient(MEMBER)), careloop_source=SOURCE)
    assert answer.status_code == 200, answer.text
    return system.gateway


@pytest.fixture
def _a_good_visit_is_still_decided(gateway: str, request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    visit = f"good-after-{abs(hash(request.node.name))}"
    good = bundle(encounter(MEMBER, visit), claim(MEMBER, visit, 100))
    answer = post_fhir(gateway, good, careloop_source=SOURCE, prefer="wait=30")
    assert answer.status_code == 200, answer.text
    assert parameters(answer)["member"] == 100_00


def _stay(**changes: Any) -> dict[str, Any]:
    bill = claim(MEMBER, "bad", 100) | changes
    return bundle(encounter(MEMBER, "bad"), bill)


def _nan() -> bytes:
    return json.dumps(_stay()).replace("100", "NaN", 1).encode()


BAD = {
    "not JSON": (b"{", 400, ["JSON"]),
    "a wrong type": (_stay(item="everything"), 422, ["item"]),
    "two problems at once": (
        bundle(encounter(MEMBER, "bad") | {"status": "dreaming"}, {"resourceType": "Sorcery"}),
        422,
        ["dreaming", "Sorcery"],
    ),
    "an unknown resource": (bundle({"resourceType": "Sorcery"}), 422, ["Sorcery"]),
    "an unknown member": (
        bundle(encounter("nobody", "bad"), claim("nobody", "bad", 100)),
        422,
        ["nobody"],
    ),
    "an amount below one fen": (
        _stay(total={"value": 100.005, "currency": "CNY"}),
        422,
        ["100.005"],
    ),
    "NaN": (_nan(), 400, ["NaN"]),
    "10 MB": (b'{"resourceType": "' + b"x" * (10 << 20) + b'"}', 413, ["8"]),
}


@pytest.mark.usefixtures("_a_good_visit_is_still_decided")
@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_is_refused_with_its_problems_and_nothing_of_it_is_accepted(
    gateway: str, name: str
) -> None:
    body, status, words = BAD[name]
    before = httpx.get(f"{gateway}/progress").json()

    answer = post_fhir(gateway, body, careloop_source=SOURCE)

    after = httpx.get(f"{gateway}/progress").json()
    assert answer.status_code == status, answer.text
    issues = answer.json()["issue"]
    told = json.dumps(issues, ensure_ascii=False)
    assert all(word in told for word in words), told
    assert len(issues) >= len(words)
    assert after["accepted"] == before["accepted"]
    assert after["refused"] == before["refused"] + 1


@pytest.mark.usefixtures("_a_good_visit_is_still_decided")
def test_a_bad_cloud_event_is_refused_and_the_good_one_beside_it_is_accepted(gateway: str) -> None:
    good = {
        "specversion": "1.0",
        "id": "beside-1",
        "source": SOURCE,
        "type": "careloop.observation.recorded.v2",
        "subject": MEMBER,
        "time": "2026-03-02T08:00:00Z",
        "data": {
            "observation_id": "beside-1",
            "codes": [{"system": "http://loinc.org", "code": "8480-6"}],
            "value": 120,
            "unit": "mm[Hg]",
            "text": None,
            "components": [],
            "visit_id": None,
        },
    }
    unknown_type = good | {"id": "beside-2", "type": "careloop.sorcery.done.v1"}
    stranger = good | {"id": "beside-3", "subject": "nobody"}

    answer = httpx.post(
        f"{gateway}/events",
        content=json.dumps([unknown_type, good, stranger]),
        headers={"content-type": "application/cloudevents-batch+json"},
    )

    assert answer.status_code == 422
    body = answer.json()
    assert [row["status"] for row in body["events"]] == ["refused", "accepted", "refused"]
    assert "careloop.sorcery.done.v1" in json.dumps(body["events"][0])
    assert "nobody" in json.dumps(body["events"][2])


def _dead_letters(settings: Settings) -> list[dict[str, str]]:
    rows = [row for rows in read(settings, DEAD_LETTERS).values() for row in rows]
    return [{name: value.decode() for name, value in row.record.headers} for row in rows]


@pytest.mark.usefixtures("_a_good_visit_is_still_decided")
@pytest.mark.parametrize("topic", [HEALTH_EVENTS, PAYMENT_EVENTS])
def test_a_poison_record_on_the_log_becomes_dead_letters_with_their_reason(
    system: Run, topic: str
) -> None:
    import asyncio

    from services.runtime.log_writer import LogWriter, Write, partition_of

    settings = system.settings
    known = len(_dead_letters(settings))
    poison = Record(
        MEMBER.encode(), b"\x00\xff{poison", (("ce_type", b"careloop.charge.posted.v1"),)
    )

    async def write() -> None:
        writer = await LogWriter(settings.bootstrap_servers, "test").start()
        await writer.write([Write(topic, partition_of(poison.key, settings.partitions), poison)])
        await writer.stop()

    asyncio.run(write())

    wait_for(lambda: len(_dead_letters(settings)) > known, "the dead letter", 30)
    letters = _dead_letters(settings)[known:]
    assert all(letter["deadletter-reason"] for letter in letters), letters
