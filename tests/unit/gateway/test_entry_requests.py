"""What an entry's request asks for is done as asked, or refused: method, url and conditions."""

import asyncio
from typing import Any

import httpx
import pytest

from services.contract.codec import decode
from services.gateway.routes import Gateway
from services.runtime.settings import Settings
from tests.gateways import CLAIM, COVERAGE, ENCOUNTER, FHIR, PATIENT, PRESSURE, bundle, gateway

NUMBER = {"system": "urn:hospital:mrn", "value": "4401"}
SEARCH = "identifier=urn:hospital:mrn|4401"
RESOURCES = {each["resourceType"]: each for each in (PATIENT, COVERAGE, ENCOUNTER, CLAIM, PRESSURE)}


def entry(
    resource: dict[str, Any] | None, method: str, url: str | None, **more: Any
) -> dict[str, Any]:
    request = {"method": method, **({} if url is None else {"url": url}), **more}
    return {"request": request, **({} if resource is None else {"resource": resource})}


def transaction(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def rebuilt(number: int, kind: str) -> dict[str, Any]:
    """Return a resource as a client builds it anew for each try: without an id, under a new urn."""
    resource = {**RESOURCES[kind], "identifier": [NUMBER]}
    del resource["id"]
    made = entry(resource, "POST", kind, ifNoneExist=SEARCH)
    return {"fullUrl": f"urn:uuid:5a6f0f5e-0000-4c1a-9a51-{number:012}", **made}


def types(door: Gateway) -> list[str]:
    return [decode(row.record).type for row in door.store.unsent(10_000)]


async def post(
    client: httpx.AsyncClient, body: Any, path: str = "/fhir", **headers: str
) -> httpx.Response:
    return await client.post(path, json=body, headers={**FHIR, **headers})


DONE = [("POST", "{t}"), ("PUT", "{t}/{i}"), ("PUT", "{t}?_id={i}"), ("POST", "/{t}")]
REFUSED = {
    "another type": ("POST", "Location", {}, "invalid"),
    "a create with an id": ("POST", "{t}/{i}", {}, "invalid"),
    "a create with a search": ("POST", "{t}?" + SEARCH, {}, "invalid"),
    "an update of all": ("PUT", "{t}", {}, "invalid"),
    "an update of another": ("PUT", "{t}/another", {}, "invalid"),
    "an update of another type": ("PUT", "Location/{i}", {}, "invalid"),
    "an operation": ("POST", "{t}/$validate", {}, "invalid"),
    "no url": ("POST", None, {}, "invalid"),
    "an update by another search": ("PUT", "{t}?name=x", {}, "not-supported"),
    "a create by another search": ("POST", "{t}", {"ifNoneExist": "name=x"}, "not-supported"),
    "a create by an id": ("POST", "{t}", {"ifNoneExist": "_id={i}"}, "not-supported"),
    "an empty condition": ("POST", "{t}", {"ifNoneExist": ""}, "not-supported"),
    "a condition of a create with an update": ("PUT", "{t}/{i}", {"ifNoneExist": SEARCH}, "invalid"),
    "ifMatch": ("PUT", "{t}/{i}", {"ifMatch": 'W/"1"'}, "not-supported"),
    "ifNoneMatch": ("PUT", "{t}/{i}", {"ifNoneMatch": "*"}, "not-supported"),
    "ifModifiedSince": ("PUT", "{t}/{i}", {"ifModifiedSince": "2026-01-01T00:00:00Z"},
                        "not-supported"),
    "DELETE": ("DELETE", "{t}/{i}", {}, "not-supported"),
    "PATCH": ("PATCH", "{t}/{i}", {}, "not-supported"),
    "GET": ("GET", "{t}/{i}", {}, "not-supported"),
    "HEAD": ("HEAD", "{t}/{i}", {}, "not-supported"),
    "a method in small letters": ("post", "{t}", {}, "not-supported"),
}  # fmt: skip


@pytest.mark.parametrize("kind", RESOURCES)
async def test_a_method_and_url_that_fit_the_resource_are_done(
    settings: Settings, kind: str
) -> None:
    resource = RESOURCES[kind]
    async with gateway(settings) as (client, _):
        await post(client, bundle(PATIENT))
        for method, url in DONE:
            written = url.replace("{t}", kind).replace("{i}", resource["id"])
            answer = await post(client, transaction(entry(resource, method, written)))
            assert answer.status_code == 200, (method, url, answer.json())


@pytest.mark.parametrize("kind", [*RESOURCES, "Organization"])
async def test_a_request_that_does_not_fit_is_refused_at_its_place(
    settings: Settings, kind: str
) -> None:
    resource = RESOURCES.get(kind, {"resourceType": kind, "id": "o1"})
    async with gateway(settings) as (client, door):
        await post(client, bundle(PATIENT))
        before = types(door)
        for name, (method, url, more, code) in REFUSED.items():
            fill = [
                (each or "").replace("{t}", kind).replace("{i}", resource["id"])
                for each in (url, *more.values())
            ]
            request = entry(
                resource, method, fill[0] if url else None, **dict(zip(more, fill[1:], strict=True))
            )
            answer = await post(client, transaction(request))
            issue = answer.json()["issue"][0]
            assert (answer.status_code, issue["code"]) == (422, code), (name, issue)
            assert issue["expression"] == ["Bundle.entry[0].request"], (name, issue)
        assert types(door) == before


@pytest.mark.parametrize("method", ["DELETE", "GET", "PATCH"])
async def test_an_entry_without_a_resource_says_what_is_wrong_with_its_method(
    settings: Settings, method: str
) -> None:
    async with gateway(settings) as (client, _):
        answer = await post(client, transaction(entry(None, method, "Patient/m1")))

    assert answer.status_code == 422
    assert f"The method '{method}' is not supported" in answer.json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize("kind", ["transaction", "batch", "message"])
@pytest.mark.parametrize("entries", [{}, {"entry": []}])
async def test_a_request_without_entries_is_refused(
    settings: Settings, kind: str, entries: dict[str, Any]
) -> None:
    async with gateway(settings) as (client, _):
        answer = await post(client, {"resourceType": "Bundle", "type": kind, **entries})

    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry"]


@pytest.mark.parametrize("kind", RESOURCES)
async def test_a_request_that_is_rebuilt_after_a_timeout_makes_nothing_twice(
    settings: Settings, kind: str
) -> None:
    async with gateway(settings) as (client, door):
        await post(client, bundle(PATIENT, ENCOUNTER) if kind != "Patient" else bundle(COVERAGE))
        first = await post(client, transaction(rebuilt(1, kind)))
        once = types(door)
        again = await post(client, transaction(rebuilt(2, kind)))

        assert first.status_code == again.status_code == 200
        assert first.json()["entry"][0]["response"]["status"] == "201 Created"
        assert again.json()["entry"][0]["response"]["status"] == "200 OK"
        assert types(door) == once


async def test_a_whole_visit_that_is_rebuilt_refers_to_what_is_there(settings: Settings) -> None:
    def visit(number: int) -> dict[str, Any]:
        entries = [rebuilt(number * 10 + n, kind) for n, kind in enumerate(RESOURCES)]
        person, stay = entries[0]["fullUrl"], entries[2]["fullUrl"]
        for each in entries[1:]:
            resource = dict(each["resource"])
            for name in ("beneficiary", "subject", "patient"):
                if name in resource:
                    resource[name] = {"reference": person}
            if "item" in resource:
                item = {**resource["item"][0], "encounter": [{"reference": stay}]}
                resource["item"] = [item, *resource["item"][1:]]
            each["resource"] = resource
        return transaction(*entries)

    async with gateway(settings) as (client, door):
        first = await post(client, visit(1))
        once = types(door)
        again = await post(client, visit(2))

        assert first.status_code == again.status_code == 200, (first.json(), again.json())
        assert len(once) == 7
        assert types(door) == once


async def test_of_many_at_the_same_moment_one_makes_it(settings: Settings) -> None:
    async with gateway(settings) as (client, door):
        answers = await asyncio.gather(
            *(post(client, transaction(rebuilt(number, "Patient"))) for number in range(20))
        )

        assert types(door) == ["careloop.member.registered.v1"]
        assert {answer.status_code for answer in answers} <= {200, 422}
        assert all("again" in each.text for each in answers if each.status_code == 422)
        assert (await post(client, transaction(rebuilt(99, "Patient")))).status_code == 200


async def test_what_is_there_is_left_as_it_is(settings: Settings) -> None:
    other = rebuilt(2, "Patient")
    other["resource"]["gender"] = "male"
    async with gateway(settings) as (client, door):
        await post(client, transaction(rebuilt(1, "Patient")))
        answer = await post(client, transaction(other))

        assert answer.status_code == 200
        assert "left as it is" in answer.text
        assert types(door) == ["careloop.member.registered.v1"]


async def test_a_conditional_update_changes_the_one_that_is_found(settings: Settings) -> None:
    visit = {**ENCOUNTER, "identifier": [NUMBER], "status": "in-progress"}
    ended = {**ENCOUNTER, "identifier": [NUMBER]}
    del ended["id"]
    put = entry(ended, "PUT", f"Encounter?{SEARCH}")
    async with gateway(settings) as (client, door):
        await post(client, bundle(PATIENT, visit))
        answer = await post(client, transaction(put))
        last = decode(door.store.unsent(10)[-1].record)
        contrary = {**put, "resource": {**ended, "id": "v2"}}
        refused = await post(client, transaction(contrary))

    assert answer.status_code == 200
    assert last.data.TYPE == "careloop.visit.discharged.v1"
    assert last.data.visit_id == "v1"
    assert refused.status_code == 422


async def test_two_with_one_identifier_are_told_apart_by_nobody(settings: Settings) -> None:
    twins = [{**PATIENT, "id": name, "identifier": [NUMBER]} for name in ("m1", "m2")]
    async with gateway(settings) as (client, _):
        await post(client, bundle(*twins))
        answer = await post(client, transaction(rebuilt(3, "Patient")))

    assert answer.status_code == 422
    assert "More than one Patient" in answer.text


async def test_the_same_condition_twice_in_a_request_is_refused(settings: Settings) -> None:
    twice = transaction(rebuilt(1, "Patient"), rebuilt(2, "Patient"))
    async with gateway(settings) as (client, door):
        answer = await post(client, twice)
        nothing = types(door)

    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[1].request"]
    assert nothing == []


async def test_a_single_create_may_depend_on_the_header_if_none_exist(settings: Settings) -> None:
    person = {name: each for name, each in PATIENT.items() if name != "id"}
    condition = {"if-none-exist": SEARCH}
    async with gateway(settings) as (client, door):
        first = await post(client, person, "/fhir/Patient", **condition)
        again = await post(client, person, "/fhir/Patient", **condition)
        stray = await post(client, bundle(PATIENT), **condition)
        other = await post(client, person, "/fhir/Patient", **{"if-none-exist": "name=x"})

        assert [each.status_code for each in (first, again)] == [201, 200]
        assert [each.status_code for each in (stray, other)] == [422, 422]
        assert types(door) == ["careloop.member.registered.v1"]


async def test_a_refused_request_leaves_no_identifier_behind(settings: Settings) -> None:
    bad = {**PRESSURE, "subject": {"reference": "Patient/stranger"}}
    async with gateway(settings) as (client, door):
        refused = await post(client, transaction(rebuilt(1, "Patient"), {"resource": bad}))
        made = await post(client, transaction(rebuilt(2, "Patient")))
        once = types(door)

    assert (refused.status_code, made.status_code) == (422, 200)
    assert once == ["careloop.member.registered.v1"]
