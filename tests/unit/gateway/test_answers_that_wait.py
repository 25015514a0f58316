"""What a request that waits is told of each of its visits: a decision, why none, or a refusal."""

import asyncio
import time
from typing import Any

import pytest

from services.contract.codec import decode, encode
from services.contract.topics import HEALTH_EVENTS
from services.gateway.answer import seen_through
from services.gateway.routes import Gateway
from services.runtime.dead_letters import Place, dead_letter, read_letter
from services.runtime.settings import Settings
from tests.gateways import CLAIM, ENCOUNTER, FHIR, PATIENT, bundle, gateway, registered
from tests.unit.gateway.test_behind_the_door import BATCH, said
from tests.unit.gateway.test_behind_the_door import refuse as refuse_and_read
from tests.unit.gateway.test_waiting_and_timeline import (
    accepted,
    batch,
    decision,
    request_after,
    visit,
)

WAIT = {"prefer": "wait=20"}


@pytest.fixture(autouse=True)
def _nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up on stages soon, since there are none."""
    monkeypatch.setattr(seen_through, "WAIT_S_MAX", 0.2)


@pytest.mark.parametrize(
    ("before", "now", "why"),
    [
        ("", "charge", "nobody has told of it"),
        ("", "register", "it is not discharged"),
        ("", "register charge", "it is not discharged"),
        ("register", "charge", "it is not discharged"),
        ("", "register discharge", "no charge of it is in force"),
        ("register discharge charge", "void", "no charge of it is in force"),
        ("register discharge charge", "reopen", "it is not discharged"),
        ("register discharge charge", "cancel", "it was cancelled"),
        ("register charge cancel", "discharge@1", "it was cancelled"),
        ("register discharge void", "charge", "no charge of it is in force"),
        ("charge discharge reopen discharge@1", "void", "it is not discharged"),
    ],
)
async def test_a_visit_that_will_have_no_decision_says_so_at_once_at_both_doors(
    settings: Settings, before: str, now: str, why: str
) -> None:
    facts = said(*f"{before} {now}".split())
    earlier = len(before.split())
    async with gateway(settings) as (client, door):
        await client.post("/events", json=[registered(), *facts[:earlier]], headers=BATCH)
        # As if the stages had read it: nothing of it stands in the outbox, nothing is refused.
        door.store.forget_sent([row.position for row in door.store.unsent(100)])
        begun = time.monotonic()
        answer = await client.post("/events", json=facts[earlier:], headers=BATCH | WAIT)
        taken_s = time.monotonic() - begun

    assert answer.status_code == 200, answer.text
    [row] = answer.json()["undecided"]
    assert row == {
        "member": "m1", "visit": "v1", "reason": f"There is no decision on visit v1: {why}.",
    }  # fmt: skip
    assert taken_s < 8, "it waited out the time"


async def test_fhir_says_it_too(settings: Settings) -> None:
    async with gateway(settings) as (client, _):
        body = bundle(PATIENT, ENCOUNTER)
        both = await client.post("/fhir", json=body, headers=FHIR | WAIT)
        single = await client.post("/fhir/Claim", json=CLAIM | {"id": "c9", "status": "cancelled"},
                                   headers=FHIR | WAIT)  # fmt: skip

    last = both.json()["entry"][-1]["response"]
    says = "There is no decision on visit v1: no charge of it is in force."
    assert (last["status"], last["outcome"]["issue"][0]["diagnostics"]) == ("200 OK", says)
    assert says in [issue["diagnostics"] for issue in single.json()["issue"]]


async def test_a_corrected_bill_is_answered_with_its_new_decision(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        await client.post("/fhir", json=visit(), headers=FHIR)
        door.timeline.apply(batch(0, decision(1, request_after(door, "visit.discharged"))))
        void, anew = CLAIM | {"status": "cancelled"}, CLAIM | {"id": "c2"}
        ask = asyncio.create_task(
            client.post("/fhir", json=bundle(void, anew), headers=FHIR | WAIT)
        )
        await accepted(door, 7)
        assert not ask.done(), "the old decision is not the answer"
        door.intake.waiting.tell(decision(2, request_after(door, "charge.posted")))
        await asyncio.sleep(0.1)
        assert not ask.done(), "the bill with both charges is not the last"
        door.intake.waiting.tell(decision(3, request_after(door, "charge.voided")))
        answer = await ask

    decisions = [entry["resource"] for entry in answer.json()["entry"] if "resource" in entry]
    assert [each["id"] for each in decisions] == ["d3"]


def refuse(door: Gateway, kind: str) -> None:
    """Let treatment refuse the last accepted fact of a kind."""
    events = [decode(row.record) for row in door.store.unsent(100)]
    event = [each for each in events if each.type == f"careloop.{kind}.v1"][-1]
    letter = read_letter(
        dead_letter(encode(event), Place(HEALTH_EVENTS, 0, 5), "treatment", "It cannot be.")
    )
    assert letter is not None
    door.intake.waiting.tell_refusal(letter)


async def test_what_a_stage_refuses_is_told_at_its_entry(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        ask = asyncio.create_task(client.post("/fhir", json=visit(), headers=FHIR | WAIT))
        await accepted(door, 5)
        refuse(door, "visit.discharged")
        door.intake.waiting.tell(decision(1, request_after(door, "charge.posted")))
        answer = await ask

    entries = [entry["response"] for entry in answer.json()["entry"] if "response" in entry]
    assert answer.status_code == 200
    assert entries[1]["status"] == "422 Unprocessable Entity"
    [issue] = entries[1]["outcome"]["issue"]
    assert issue["diagnostics"].startswith("Accepted, and refused by treatment: It cannot be.")
    assert entries[2]["status"] == "201 Created"
    assert "Parameters" in answer.text, "the bill that is in force without it is still the answer"


async def test_a_visit_of_which_all_was_refused_is_not_waited_for(settings: Settings) -> None:
    facts = said("register", "discharge", "charge")
    async with gateway(settings) as (client, door):
        await client.post("/events", json=[registered(), *facts[:2]], headers=BATCH)
        ask = asyncio.create_task(client.post("/events", json=facts[2:], headers=BATCH | WAIT))
        await accepted(door, 4)
        refuse(door, "charge.posted")
        answer = await asyncio.wait_for(ask, 5)

    body: dict[str, Any] = answer.json()
    assert answer.status_code == 422
    assert [row["status"] for row in body["events"]] == ["refused"]
    assert "It cannot be." in body["problems"][0]["detail"]
    assert body["undecided"][0]["reason"].endswith("what was to be decided was refused.")


async def test_what_was_refused_before_is_told_when_it_is_sent_again(settings: Settings) -> None:
    facts = said("register", "void")
    async with gateway(settings) as (client, door):
        await client.post("/events", json=[registered(), *facts], headers=BATCH)
        event = decode(door.store.unsent(9)[2].record)
        refuse_and_read(door, event, 2, "It cannot be.")
        answer = await client.post("/events", json=facts, headers=BATCH | WAIT)

    assert [row["status"] for row in answer.json()["events"]] == ["duplicate", "refused"]
