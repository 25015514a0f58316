"""Who a member is may be unknown at first; it is filled in and corrected at either door."""

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.acceptance.persons import Person, now_known
from services.gateway.doors.fhir.bundle import DEFAULT_SOURCE
from services.runtime.settings import Settings
from tests.gateways import PATIENT, bundle, cloud_event, gateway
from tests.unit.gateway.test_fhir_door import changed, events, post

BATCH = {"content-type": "application/cloudevents-batch+json"}
BIRTH_DATES = [None, "1962", "1962-11", "1962-11-03", "1949-05-17", "1949", "1962-01"]
persons = st.builds(
    Person, st.sampled_from(BIRTH_DATES), st.sampled_from(["male", "female", "other", "unknown"])
)


@pytest.mark.parametrize(
    ("known", "told", "then"),
    [
        (None, "1962", "1962"),
        ("1962", "1962-11", "1962-11"),
        ("1962-11", "1962-11-03", "1962-11-03"),
        ("1962-11-03", "1962", "1962-11-03"),
        ("1962-11-03", None, "1962-11-03"),
        ("1962-11-03", "1949-05-17", "1949-05-17"),
        ("1962-11-03", "1949", "1949"),
        ("1962-11", "1962-01", "1962-01"),
    ],
)
def test_a_birth_date_is_filled_in_and_corrected_and_never_blurred(
    known: str | None, told: str | None, then: str | None
) -> None:
    assert now_known(Person(known, "male"), Person(told, "unknown")) == Person(then, "male")


@given(known=persons, told=persons)
def test_what_is_told_holds_and_what_is_not_told_is_kept(known: Person, told: Person) -> None:
    now = now_known(known, told)

    assert now_known(now, told) == now
    assert now_known(now, Person(None, "unknown")) == now
    assert now.sex == (known.sex if told.sex == "unknown" else told.sex)
    assert (now.birth_date or "").startswith(told.birth_date or "")
    assert now.birth_date in {known.birth_date, told.birth_date}


def fhir(born: str | None, gender: str | None) -> dict[str, Any]:
    return changed(PATIENT, birthDate=born, gender=gender)


def event(name: str, born: str | None, sex: str) -> dict[str, Any]:
    return cloud_event(
        "careloop.member.registered.v1",
        {"birth_date": born, "sex": sex},
        id=name,
        source=DEFAULT_SOURCE,
    )


async def send(client: httpx.AsyncClient, what: dict[str, Any]) -> httpx.Response:
    if "resourceType" in what:
        return await post(client, bundle(what))
    return await client.post("/events", json=[what], headers=BATCH)


UNKNOWN, YEAR = (None, "unknown"), ("1949", "male")
RIGHT, WRONG = ("1949-05-17", "male"), ("1962-11-03", "female")
HISTORIES = {
    "identified": ([fhir(*UNKNOWN), fhir(*RIGHT)], [UNKNOWN, RIGHT]),
    "identified at the other door": ([fhir(*UNKNOWN), event("1", *RIGHT)], [UNKNOWN, RIGHT]),
    "identified in an event": ([event("1", *UNKNOWN), event("2", *RIGHT)], [UNKNOWN, RIGHT]),
    "refined": ([fhir(None, None), fhir(*YEAR), fhir(*RIGHT)], [UNKNOWN, YEAR, RIGHT]),
    "corrected": ([fhir(*WRONG), fhir(*RIGHT)], [WRONG, RIGHT]),
    "corrected there and back": ([fhir(*WRONG), fhir(*RIGHT), fhir(*WRONG)], [WRONG, RIGHT, WRONG]),
    "corrected elsewhere and sent as before": (
        [fhir(*WRONG), event("1", *RIGHT), fhir(*WRONG), event("1", *RIGHT)], [WRONG, RIGHT],
    ),
    "told alike by both, then corrected by one": (
        [fhir(*WRONG), event("1", *WRONG), fhir(*RIGHT), event("1", *WRONG)], [WRONG, RIGHT],
    ),
    "told with less": ([fhir(*RIGHT), fhir(*YEAR), event("1", *UNKNOWN)], [RIGHT]),
    "each half at one door": (
        [fhir("1949-05-17", None), event("1", None, "male")], [("1949-05-17", "unknown"), RIGHT],
    ),
}  # fmt: skip
"""What is sent, and who the member then is, each time that changes."""


@pytest.mark.parametrize("history", HISTORIES)
async def test_a_registration_that_comes_again_with_more_is_an_update(
    settings: Settings, history: str
) -> None:
    sent, known = HISTORIES[history]
    async with gateway(settings) as (client, door):
        answers = [await send(client, each) for each in sent]
        said = events(door)

    assert [answer.status_code for answer in answers] == [200] * len(sent)
    assert [(event.data.birth_date, event.data.sex) for event in said] == known
    assert len({event.id for event in said}) == len(said)
    assert {event.type for event in said} == {"careloop.member.registered.v1"}


async def test_the_answer_says_what_was_learnt(settings: Settings) -> None:
    async with gateway(settings) as (client, _):
        await post(client, fhir(*UNKNOWN))
        answer = await post(client, fhir(*RIGHT))

    assert "birth date 1949-05-17, until now unknown; sex male, until now unknown" in answer.text


async def test_a_birth_date_that_is_no_day_is_refused(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        bad = [await send(client, fhir(born, "male")) for born in ("1962-13", "1962-02-30", "62")]
        bad += [await send(client, event(born, born, "male")) for born in ("1962-13", "1962-02-30")]
        said = events(door)

    assert [answer.status_code for answer in bad] == [422] * 5
    assert said == []


async def test_one_event_does_not_say_two_things(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        await send(client, event("1", *UNKNOWN))
        answer = await send(client, event("1", *RIGHT))
        said = events(door)

    assert answer.status_code == 422
    assert "an event with an id of its own" in answer.text
    assert len(said) == 1
