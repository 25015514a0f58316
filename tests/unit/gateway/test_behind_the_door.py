"""What becomes of accepted facts behind the door: doubts, what waits, what was refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.contract.codec import decode, encode
from services.contract.event import Event
from services.contract.topics import DEAD_LETTERS, HEALTH_EVENTS
from services.contract.waiting import WaitExpired
from services.gateway.routes import Gateway
from services.runtime.dead_letters import Place, dead_letter, read_letter, sent_again_as
from services.runtime.projection import Batch, Logged, LoggedLetter
from services.runtime.settings import Settings
from tests.gateways import (
    CLAIM,
    COVERAGE,
    ENCOUNTER,
    FHIR,
    PATIENT,
    bundle,
    cloud_event,
    gateway,
    registered,
)

BATCH = {"content-type": "application/cloudevents-batch+json"}
OWNED = {"id": "hospital-owned-1"}
VISIT = {"visit_id": "v1", "visit_class": "ambulatory", "provider": OWNED}
LINE = {"code": None, "text": "Visit", "amount": 500}
CHARGE = {
    "charge_id": "c1", "visit_id": "v1", "category": "institutional", "currency": "CNY",
    "amount": 500, "lines": [LINE],
}  # fmt: skip
COVER = {
    "cover": {
        "cover_id": "k1", "product": "basic-medical", "insurer": "social-insurance-fund",
        "valid_from": "2026-01-01", "valid_to": None,
    }
}  # fmt: skip

FACTS: dict[str, tuple[str, dict[str, Any]]] = {
    "register": ("visit.registered", VISIT),
    "admit": ("visit.admitted", {"visit_id": "v1", "provider": OWNED}),
    "discharge": ("visit.discharged", VISIT),
    "charge": ("charge.posted", CHARGE),
    "void": ("charge.voided", {"charge_id": "c1", "visit_id": "v1", "reason": "Typed twice."}),
    "reopen": ("visit.cancelled", {"visit_id": "v1", "cancels": "discharge", "reason": "Not yet."}),
    "cancel": ("visit.cancelled", {"visit_id": "v1", "cancels": "visit", "reason": "Nobody came."}),
    "cover": ("cover.activated", COVER),
    "end": ("cover.ended", {"cover_id": "k1", "last_day": "2026-02-01", "reason": "Moved."}),
}


def said(*names: str) -> list[dict[str, Any]]:
    """Return facts by their names, each under an id of its own.

    Each happened a minute after the one before, or as many minutes after nine as its name says.
    """
    facts = []
    for number, name in enumerate(names):
        what, _, minute = name.partition("@")
        kind, data = FACTS[what]
        time = f"2026-03-01T09:{int(minute or number + 10):02}:00Z"
        facts.append(cloud_event(f"careloop.{kind}.v1", data, id=f"{number}-{what}", time=time))
    return facts


async def waiting(client: httpx.AsyncClient, **asked: str) -> list[tuple[str, str]]:
    rows = (await client.get("/waiting", params=asked)).json()["waiting"]
    return [(row["what"], row["waits_for"]) for row in rows]


BILL = ("charge c1 of visit v1", "the discharge of visit v1")
VOID = ("the voiding of charge c1 of visit v1", "charge c1 of visit v1")
CANCEL = ("the cancellation of visit v1", "visit v1")
UNDISCHARGE = ("the cancellation of the discharge of visit v1", "the discharge of visit v1")
OPEN = ("visit v1, open again", "the discharge of visit v1")
END = ("the end of cover k1", "cover k1")


@pytest.mark.parametrize(
    ("names", "left"),
    [
        ("charge", [BILL]),
        ("register charge", [BILL]),
        ("charge register", [BILL]),
        ("charge discharge", []),
        ("register charge discharge", []),
        ("discharge charge", []),
        ("admit charge void", []),
        ("void", [VOID]),
        ("void charge", []),
        ("void charge discharge", []),
        ("register void discharge", [VOID]),
        ("reopen", [UNDISCHARGE]),
        ("reopen discharge@1", [OPEN]),
        ("reopen discharge", [UNDISCHARGE]),
        ("reopen discharge@1 charge", [OPEN, BILL]),
        ("reopen discharge charge", [UNDISCHARGE]),
        ("charge reopen discharge@1", [OPEN, BILL]),
        ("reopen@5 reopen", [UNDISCHARGE]),
        ("reopen reopen@5", [UNDISCHARGE]),
        ("reopen discharge@1 discharge@2 charge", [OPEN, BILL]),
        ("register discharge reopen", [OPEN]),
        ("register discharge charge reopen", [OPEN]),
        ("discharge reopen charge", [OPEN, BILL]),
        ("register discharge reopen discharge", []),
        ("register discharge reopen discharge@1", [OPEN]),
        ("cancel", [CANCEL]),
        ("cancel register@1", []),
        ("cancel register@1 charge@2 discharge@3", []),
        ("cancel charge@1", []),
        ("charge cancel", []),
        ("charge void cancel", []),
        ("register charge cancel", []),
        ("register void cancel", []),
        ("discharge charge cancel", []),
        ("discharge reopen cancel", []),
        ("end", [END]),
        ("end end", [END]),
        ("end cover", []),
        ("cover end", []),
        ("cover", []),
    ],
)
@pytest.mark.parametrize("together", [True, False])
async def test_what_waits_is_listed_until_what_it_needs_has_come(
    settings: Settings, names: str, left: list[tuple[str, str]], *, together: bool
) -> None:
    facts = said(*names.split())
    async with gateway(settings) as (client, _):
        requests = (
            [[registered(), *facts]] if together else [[registered()], *([each] for each in facts)]
        )
        for request in requests:
            answer = await client.post("/events", json=request, headers=BATCH)
            assert answer.status_code == 200
        found = await waiting(client)
        counted = (await client.get("/progress")).json()["waiting"]

    assert sorted(found) == sorted(left)
    assert counted == len(left)


async def test_what_waits_is_listed_by_sender_and_in_pages(settings: Settings) -> None:
    async with gateway(settings) as (client, _):
        people = [registered(), registered(source="urn:hospital:2")]
        await client.post("/events", json=people, headers=BATCH)
        for number in range(5):
            data = CHARGE | {"charge_id": f"c{number}"}
            charge = cloud_event("careloop.charge.posted.v1", data, id=f"c{number}")
            charge["source"] = "urn:hospital:2" if number == 3 else "urn:hospital:1"
            await client.post("/events", json=[charge], headers=BATCH)
        mine = await waiting(client, source="urn:hospital:1")
        pages = []
        path: str | None = "/waiting?limit=2"
        while path:
            page = (await client.get(path)).json()
            pages.append([row["what"] for row in page["waiting"]])
            path = f"/waiting?limit=2&after={page['next']}" if page["next"] else None
        first = (await client.get("/waiting?limit=1")).json()["waiting"][0]

    assert len(mine) == 4
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [what for page in pages for what in page] == [
        f"charge c{number} of visit v1" for number in range(5)
    ]
    assert first["source"] == "urn:hospital:1"
    assert first["member"] == "m1"
    assert first["at_most_days"] == 90


NOBODY = "nobody has told of"


@pytest.mark.parametrize(
    ("resources", "severity", "says"),
    [
        ([CLAIM], "warning", f"{NOBODY} visit v1"),
        ([ENCOUNTER | {"status": "in-progress"}, CLAIM], "information", "waits for the discharge"),
        ([ENCOUNTER | {"status": "cancelled"}], "warning", f"{NOBODY} visit v1"),
        ([CLAIM | {"status": "cancelled"}], "warning", f"{NOBODY} charge c1 of visit v1"),
        (
            [ENCOUNTER | {"serviceProvider": {"reference": "Organization/hospital-nowhere"}}],
            "warning", "hospital-nowhere is not in the registry of providers",
        ),
        ([COVERAGE], "warning", "is not in the registry of insurers"),
        (
            [COVERAGE | {"class": [{"type": {"coding": [{"code": "plan"}]}, "value": "gold"}]}],
            "warning", "gold is not in the catalogue of products",
        ),
        (
            [ENCOUNTER | {"period": {"start": "2090-03-01T08:00:00+08:00",
                                     "end": "2090-03-01T09:00:00+08:00"}}],
            "warning", "It is dated 2090-03-01T08:00:00+08:00",
        ),
    ],
)  # fmt: skip
async def test_what_is_doubtful_is_accepted_with_a_warning_that_names_the_doubt(
    settings: Settings, resources: list[dict[str, Any]], severity: str, says: str
) -> None:
    async with gateway(settings) as (client, _):
        answer = await client.post("/fhir", json=bundle(PATIENT, *resources), headers=FHIR)

    outcomes = [entry["response"].get("outcome", {}) for entry in answer.json()["entry"]]
    issues = [issue for outcome in outcomes for issue in outcome.get("issue", ())]
    told = [issue for issue in issues if says.lower() in issue["diagnostics"].lower()]
    assert answer.status_code == 200
    assert [issue["severity"] for issue in told] == [severity], issues


async def test_a_doubt_is_said_once_although_one_resource_says_several_facts(
    settings: Settings,
) -> None:
    nowhere = ENCOUNTER | {"serviceProvider": {"reference": "Organization/nowhere"}}
    async with gateway(settings) as (client, _):
        answer = await client.post("/fhir", json=bundle(PATIENT, nowhere), headers=FHIR)

    [issue] = answer.json()["entry"][1]["response"]["outcome"]["issue"]
    assert "nowhere" in issue["diagnostics"]


@pytest.mark.parametrize(
    ("heard", "dated", "status"),
    [
        (None, timedelta(days=2), 200),
        (timedelta(), timedelta(hours=23), 200),
        (timedelta(), timedelta(hours=25), 422),
        (timedelta(days=-900), timedelta(hours=25), 422),
        (timedelta(days=400), timedelta(days=400, hours=23), 200),
        (timedelta(days=400), timedelta(days=401, hours=1), 422),
    ],
)
async def test_what_has_happened_is_dated_a_day_after_the_log_s_clock_at_most(
    settings: Settings, heard: timedelta | None, dated: timedelta, status: int
) -> None:
    """The log's clock may run ahead of ours; before it is heard nothing is refused for its date."""
    now = datetime.now(UTC)
    arrival = said("register")[0] | {"time": (now + dated).isoformat()}
    cover = said("cover")[0] | {"time": (now + timedelta(days=4_000)).isoformat()}
    async with gateway(settings) as (client, door):
        if heard is not None:
            door.intake.doubts.log_time.hear(now + heard)
        answer = await client.post("/events", json=[registered(), cover, arrival], headers=BATCH)

    assert answer.status_code == status, answer.text
    assert [row["status"] for row in answer.json()["events"][:2]] == ["accepted", "accepted"]


def logged(door: Gateway) -> list[Logged]:
    """Return what waits for Kafka, as it will stand on the log."""
    rows = door.store.unsent(100)
    return [
        Logged(number, 1_000 + number, decode(row.record), row.record.value)
        for number, row in enumerate(rows)
    ]


def refuse(door: Gateway, event: Event[Any], offset: int, reason: str, at: int = 0) -> None:
    """Let treatment refuse an event, and the timeline read of it."""
    letter = read_letter(
        dead_letter(encode(event), Place(HEALTH_EVENTS, 0, offset), "treatment", reason)
    )
    assert letter is not None
    batch = Batch(DEAD_LETTERS, 0, at, at + 1, (), letters=(LoggedLetter(2_000 + at, letter),))
    door.timeline.apply(batch)


async def test_what_a_stage_refuses_is_listed_marked_and_waits_no_longer(
    settings: Settings,
) -> None:
    async with gateway(settings) as (client, door):
        await client.post("/events", json=[registered(), *said("void")], headers=BATCH)
        log = logged(door)
        door.timeline.apply(Batch(HEALTH_EVENTS, 0, 0, len(log), tuple(log)))
        before = await waiting(client)
        refuse(door, log[1].event, 1, "charge c1 was never posted")
        after = await waiting(client)
        listed = (await client.get("/refusals?source=urn:hospital:1")).json()
        others = (await client.get("/refusals?source=urn:hospital:2")).json()
        shown = (await client.get("/members/m1/timeline")).json()["events"][-1]
        counted = (await client.get("/progress")).json()
        metrics = (await client.get("/metrics")).text

    [refusal] = listed["refusals"]
    assert before == [VOID]
    assert after == []
    assert (refusal["refused_by"], refusal["reason"]) == ("treatment", "charge c1 was never posted")
    assert (refusal["member"], refusal["source"]) == ("m1", "urn:hospital:1")
    assert (refusal["type"], refusal["mended"]) == ("careloop.charge.voided.v1", False)
    assert others == {"refusals": [], "next": None}
    assert shown["refused"][0]["reason"] == "charge c1 was never posted"
    assert shown["summary"].endswith("Refused by treatment: charge c1 was never posted")
    assert counted["refused_behind"] == 1
    assert 'careloop_refused_behind_the_door_total{refused_by="treatment"}' in metrics


async def test_what_was_driven_again_and_taken_is_mended(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        await client.post("/events", json=[registered(), *said("void")], headers=BATCH)
        log = logged(door)
        door.timeline.apply(Batch(HEALTH_EVENTS, 0, 0, 2, tuple(log)))
        refuse(door, log[1].event, 1, "charge c1 was never posted")
        again = said("void")[0] | {"id": sent_again_as(Place(HEALTH_EVENTS, 0, 1))}
        await client.post("/events", json=[again], headers=BATCH)
        door.timeline.apply(Batch(HEALTH_EVENTS, 0, 2, 3, (logged(door)[2],)))
        mended = (await client.get("/refusals")).json()["refusals"]
        refuse(door, logged(door)[2].event, 2, "it still was not", at=1)
        in_vain = (await client.get("/refusals")).json()["refusals"]

    assert [each["mended"] for each in mended] == [True]
    assert [each["mended"] for each in in_vain] == [False, False]


async def test_what_waited_in_vain_is_a_refusal_of_its_fact(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        await client.post("/events", json=[registered(), *said("charge")], headers=BATCH)
        log = logged(door)
        charge = log[1].event
        door.timeline.apply(Batch(HEALTH_EVENTS, 0, 0, 2, tuple(log)))
        data = WaitExpired(fact=charge.id, awaited="visit v1", reason="It never came.")
        expired = charge._replace(
            id="x1", source="/careloop/treatment", data=data, causation_id="t1"
        )
        body = encode(expired).value
        door.timeline.apply(Batch(HEALTH_EVENTS, 0, 2, 3, (Logged(2, 3_000, expired, body),)))
        left = await waiting(client)
        [refusal] = (await client.get("/refusals?source=urn:hospital:1")).json()["refusals"]
        events = (await client.get("/members/m1/timeline")).json()["events"]

    assert left == []
    assert (refusal["event"], refusal["refused_by"]) == (charge.id, "treatment")
    assert refusal["type"] == "careloop.charge.posted.v1"
    assert [event.get("refused", [{}])[0].get("reason") for event in events] == [
        None, "It never came.", None,
    ]  # fmt: skip


async def test_a_derived_event_that_is_refused_is_its_sender_s(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        await client.post("/events", json=[registered(), *said("charge")], headers=BATCH)
        log = logged(door)
        door.timeline.apply(Batch(HEALTH_EVENTS, 0, 0, 2, tuple(log)))
        derived = log[1].event._replace(
            id="q1", source="/careloop/treatment", causation_id=log[1].event.id
        )
        refuse(door, derived, 7, "the bill is decided")
        [refusal] = (await client.get("/refusals?source=urn:hospital:1")).json()["refusals"]

    assert refusal["event"] == "q1"


@pytest.mark.parametrize("path", ["/refusals", "/waiting"])
@pytest.mark.parametrize("asked", ["limit=0", "limit=x", "after=x", "after=2026_%00"])
async def test_a_page_that_is_none_is_a_problem(settings: Settings, path: str, asked: str) -> None:
    async with gateway(settings) as (client, _):
        answer = await client.get(f"{path}?{asked}")

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


async def test_refusals_come_in_pages(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        await client.post("/events", json=[registered()], headers=BATCH)
        [first] = logged(door)
        for number in range(5):
            refuse(door, first.event, number, f"reason {number}", at=number)
        reasons = []
        path: str | None = "/refusals?limit=2"
        while path:
            page = (await client.get(path)).json()
            reasons += [row["reason"] for row in page["refusals"]]
            path = f"/refusals?limit=2&after={page['next']}" if page["next"] else None

    assert reasons == [f"reason {number}" for number in range(5)]


def test_the_listed_products_are_those_of_the_catalogue() -> None:
    from services.gateway.doors.payers import load_payers
    from services.settlement.catalogue import shipped_catalogue

    assert load_payers().products == frozenset(shipped_catalogue())
