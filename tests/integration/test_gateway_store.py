"""The gateway on a real database: two processes accept at once, and numbers stay gapless."""

import asyncio
import json
import threading
from collections import Counter
from datetime import UTC, datetime

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import event, select

from services.contract.codec import decode
from services.contract.member import MemberRegistered
from services.contract.topics import DEAD_LETTERS, HEALTH_EVENTS
from services.contract.visit import Provider, VisitRegistered
from services.gateway.acceptance.decide import GroupOutcome
from services.gateway.acceptance.facts import Fact, Group, Submission
from services.gateway.acceptance.store import MIGRATIONS, Store
from services.gateway.acceptance.tables import OUTBOX
from services.gateway.acceptance.writer import GroupWriter, NotStoredError
from services.gateway.app import timeline_of
from services.runtime.dead_letters import Place, dead_letter, read_letter
from services.runtime.projection import Batch, Logged, LoggedLetter
from services.runtime.settings import Settings
from tests.gateways import (
    CLAIM,
    ENCOUNTER,
    FHIR,
    PATIENT,
    bundle,
    cloud_event,
    gateway,
    registered,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OWNED = Provider(id="hospital-owned-1", network="owned")
_SYNCED = {"sqlite": "PRAGMA synchronous", "postgresql": "SHOW synchronous_commit"}


def registration(member: str, household: str) -> Fact:
    data = MemberRegistered(birth_date="1960-02-29", sex="female")
    return Fact(f"r-{member}", "urn:a", member, NOW, data, "", household=household)


def arrival(event_id: str, member: str, visit: str = "v") -> Fact:
    data = VisitRegistered(visit_id=visit, visit_class="ambulatory", provider=OWNED)
    return Fact(event_id, "urn:a", member, NOW, data, "")


def submission(*facts: Fact) -> Submission:
    return Submission(tuple(Group((fact,)) for fact in facts))


async def test_two_processes_accept_the_same_events_once_and_number_them_without_a_gap(
    database_settings: Settings,
) -> None:
    submissions = [
        submission(
            registration(f"m{number % 7}", "h"),
            *(arrival(f"e{number}-{each}", f"m{number % 7}") for each in range(5)),
        )
        for number in range(40)
    ]
    stores = [Store.open(database_settings), Store.open(database_settings)]

    async def send(store: Store) -> None:
        writer = GroupWriter(store, lambda: NOW, asyncio.Event())
        running = asyncio.create_task(writer.run())
        await asyncio.gather(*(writer.accept(each) for each in submissions))
        running.cancel()

    threads = [threading.Thread(target=lambda own=own: asyncio.run(send(own))) for own in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = [decode(row.record) for row in stores[0].unsent(10_000)]
    counters = stores[0].counters()
    for store in stores:
        store.close()

    assert [event.sequence for event in events] == list(range(1, 7 + 200 + 1))
    assert len({event.id for event in events}) == 207
    assert counters["accepted"] == 207
    assert counters["duplicates"] == 2 * 40 * 6 - 207
    assert counters["members"] == 7


async def test_a_refused_group_does_not_touch_the_others_of_its_transaction(
    database_settings: Settings,
) -> None:
    store = Store.open(database_settings)
    outcomes = store.accept(
        [
            submission(registration("m1", "h")),
            submission(arrival("e1", "stranger")),
            submission(arrival("e2", "m1"), arrival("e2", "m1", visit="other")),
            submission(arrival("e3", "m1")),
        ],
        NOW,
    )
    events = [decode(row.record) for row in store.unsent(100)]
    store.close()

    assert [[each.refused for each in some] for some in outcomes] == [
        [False], [True], [False, True], [False],
    ]  # fmt: skip
    assert [(event.id, event.sequence) for event in events] == [("r-m1", 1), ("e2", 2), ("e3", 3)]


async def test_a_whole_visit_goes_in_and_onto_the_timeline(database_settings: Settings) -> None:
    async with gateway(database_settings) as (client, door):
        first = await client.post("/fhir", json=bundle(CLAIM, ENCOUNTER, PATIENT), headers=FHIR)
        again = await client.post("/fhir", json=bundle(CLAIM, ENCOUNTER, PATIENT), headers=FHIR)
        rows = door.store.unsent(100)
        logged = tuple(
            Logged(number, 1_000, decode(row.record), row.record.value)
            for number, row in enumerate(rows)
        )
        timeline_of(door.store).apply(Batch(HEALTH_EVENTS, 0, 0, len(logged), logged))
        door.store.forget_sent([row.position for row in rows[:3]])
        left = door.store.unsent(100)
        page = (await client.get("/members/m1/timeline?limit=3")).json()
        rest = (await client.get(f"/members/m1/timeline?after={page['next']}")).json()

    assert (first.status_code, again.status_code) == (200, 200)
    assert [row.position for row in left] == [row.position for row in rows[3:]]
    assert Counter(event["stage"] for event in page["events"] + rest["events"]) == {"gateway": 5}
    assert rest["next"] is None


def test_what_waited_in_the_outbox_before_an_upgrade_is_sent_after_it(
    database_settings: Settings,
) -> None:
    store = Store.open(database_settings)
    store.accept([submission(registration("m1", "h"), arrival("e1", "m1"))], NOW)
    before = store.unsent(10)
    migrations = Config()
    migrations.set_main_option("script_location", str(MIGRATIONS))
    with store.engine.begin() as connection:
        migrations.attributes["connection"] = connection
        command.downgrade(migrations, "0001")
        headers = connection.scalars(select(OUTBOX.c.headers)).all()
    store.close()

    store = Store.open(database_settings)
    after = store.unsent(10)
    store.close()

    assert all(["ce_specversion", "1.0"] in json.loads(bytes(each)) for each in headers)
    assert after == before
    assert [decode(row.record).id for row in after] == ["r-m1", "e1"]


async def test_a_submission_that_cannot_be_stored_does_not_fail_the_others() -> None:
    class Poisoned:
        def accept(
            self, submissions: list[Submission], now: datetime
        ) -> list[tuple[GroupOutcome, ...]]:
            assert now == NOW
            if any(each.unreadable == 13 for each in submissions):
                raise ValueError("poison")
            return [() for _ in submissions]

    writer = GroupWriter(Poisoned(), lambda: NOW, asyncio.Event())
    asked = [asyncio.create_task(writer.accept(Submission(unreadable=n))) for n in range(10, 16)]
    await asyncio.sleep(0)
    running = asyncio.create_task(writer.run())
    answers = await asyncio.gather(*asked, return_exceptions=True)
    running.cancel()

    assert [isinstance(answer, NotStoredError) for answer in answers] == [
        False, False, False, True, False, False,
    ]  # fmt: skip


async def test_who_waits_when_the_gateway_stops_is_told(settings: Settings) -> None:
    writer = GroupWriter(Store.open(settings), lambda: NOW, asyncio.Event())
    running = asyncio.create_task(writer.run())
    asked = asyncio.create_task(writer.accept(submission(registration("m1", "h"))))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()

    with pytest.raises(NotStoredError):
        await asyncio.wait_for(asked, 5)


def test_an_event_that_stands_on_the_log_twice_is_shown_and_counted_once(
    database_settings: Settings,
) -> None:
    store = Store.open(database_settings)
    store.accept([submission(registration("m1", "h"), arrival("e1", "m1"))], NOW)
    records = [row.record for row in store.unsent(10)]
    timeline = timeline_of(store)
    twice = [records[0], records[1], records[1]]
    for start, logged in ((0, twice), (3, [records[0]]), (4, twice)):
        events = tuple(
            Logged(start + number, 1_000, decode(record), record.value)
            for number, record in enumerate(logged)
        )
        timeline.apply(Batch(HEALTH_EVENTS, 0, start, start + len(events), events))
    page = timeline.page("m1", None, 10)
    counted = store.counters()["timeline_events"]
    store.close()

    assert page is not None
    assert [each["id"] for each in page.events] == ["r-m1", "e1"]
    assert counted == 2


def test_the_timeline_waits_for_the_disk(database_settings: Settings) -> None:
    """A database that crashes alone must not lose what the follower of the log has passed."""
    store = Store.open(database_settings)
    ask = _SYNCED[store.engine.dialect.name]
    levels = []
    event.listen(store.engine, "commit", lambda c: levels.append(c.exec_driver_sql(ask).scalar()))

    timeline_of(store).apply(Batch("health-events", 0, 0, 1, ()))
    store.close()

    assert levels in ([2], ["on"])


def test_what_is_accepted_waits_for_the_disk_also_after_what_need_not(
    database_settings: Settings,
) -> None:
    store = Store.open(database_settings)
    ask = _SYNCED[store.engine.dialect.name]

    with store.write_again() as connection:
        lazy = connection.exec_driver_sql(ask).scalar()
    with store.write() as connection:
        careful = connection.exec_driver_sql(ask).scalar()
    store.close()

    assert (lazy, careful) in {(1, 2), ("off", "on")}


async def test_what_waits_and_what_was_refused_is_listed_by_either_database(
    database_settings: Settings,
) -> None:
    void = {"charge_id": "c1", "visit_id": "v1", "reason": "Typed twice."}
    events = [
        registered(),
        cloud_event("careloop.charge.voided.v1", void, id="e1"),
        cloud_event("careloop.charge.voided.v1", void | {"charge_id": "c2"}, id="e2"),
    ]
    async with gateway(database_settings) as (client, door):
        batch = {"content-type": "application/cloudevents-batch+json"}
        await client.post("/events", json=events, headers=batch)
        records = [row.record for row in door.store.unsent(9)]
        logged = tuple(
            Logged(number, 1_000, decode(record), record.value)
            for number, record in enumerate(records)
        )
        door.timeline.apply(Batch(HEALTH_EVENTS, 0, 0, 3, logged))
        before = (await client.get("/waiting?source=urn:hospital:1&limit=1")).json()
        rest = (await client.get(f"/waiting?after={before['next']}")).json()
        letter = read_letter(
            dead_letter(records[1], Place(HEALTH_EVENTS, 0, 1), "treatment", "No.")
        )
        assert letter is not None
        for start in (0, 1):  # a repeat of a letter is the same
            letters = (LoggedLetter(2_000, letter),)
            door.timeline.apply(Batch(DEAD_LETTERS, 0, start, start + 1, (), letters=letters))
        refusals = (await client.get("/refusals?source=urn:hospital:1")).json()
        left = (await client.get("/waiting")).json()["waiting"]
        progress = (await client.get("/progress")).json()

    assert sorted(row["what"] for row in (*before["waiting"], *rest["waiting"])) == [
        "the voiding of charge c1 of visit v1", "the voiding of charge c2 of visit v1",
    ]  # fmt: skip
    assert [row["reason"] for row in refusals["refusals"]] == ["No."]
    assert [row["waits_for"] for row in left] == ["charge c2 of visit v1"]
    assert (progress["refused_behind"], progress["waiting"]) == (1, 1)


async def test_bills_and_how_visits_stand_are_read_from_either_database(
    database_settings: Settings,
) -> None:
    async with gateway(database_settings) as (client, door):
        await client.post("/fhir", json=bundle(PATIENT, ENCOUNTER, CLAIM), headers=FHIR)
        visit = ("m1", "v1")
        billed = door.store.visits([visit])[visit]
        again = [CLAIM | {"status": "cancelled"}, CLAIM | {"id": "c2"}]
        await client.post("/fhir", json=bundle(*again), headers=FHIR)
        corrected = door.store.visits([visit])[visit]
        await client.post("/fhir", json=bundle(ENCOUNTER | {"status": "cancelled"}), headers=FHIR)
        cancelled = door.store.visits([visit])[visit]
        last = door.store.last_in_outbox()

    assert billed[:4] == corrected[:4] == (True, True, False, True)
    assert billed.last != corrected.last
    assert cancelled[:3] == (False, False, True)
    assert last == 8
