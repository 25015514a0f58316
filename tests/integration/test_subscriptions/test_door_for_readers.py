"""What a reader meets at the insurers' door: problems, lists, tickets, streams, its own page."""

import asyncio
import re

import httpx
import httpx_sse
from pydantic import SecretStr
from sqlalchemy import select

from services.subscriptions import stream
from services.subscriptions.bell import Bell
from services.subscriptions.routes import Door, build
from services.subscriptions.tables import subscriptions as subscriptions_table
from tests.integration.test_subscriptions.conftest import KEYRING
from tests.integration.test_subscriptions.doors import (
    JSON,
    is_problem,
    open_door,
    read,
    subscribe_at,
)


async def test_whatever_the_door_refuses_is_a_problem(client):
    refused = [
        await client.get("/nothing"),
        await client.put("/subscriptions", json={}),
        await client.post("/subscriptions", content=b"{", headers={"content-type": "text/plain"}),
    ]

    assert [each.status_code for each in refused] == [404, 405, 422]
    for each in refused:
        is_problem(each)


async def test_a_failure_of_ours_is_a_problem_too(door_settings, clock):
    class Broken:
        def token_digest(self, _subscription_id):
            raise RuntimeError("planted")

    door = Door(Broken(), KEYRING, door_settings, clock, Bell())
    transport = httpx.ASGITransport(build(door), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
        response = await client.get("/subscriptions/x", headers={"authorization": "Bearer x"})

    assert response.status_code == 500
    is_problem(response)
    assert "planted" not in response.text


async def test_who_may_subscribe_may_list(subscriptions, door_settings, clock):
    closed = door_settings.model_copy(update={"subscriptions_token": SecretStr("operator")})
    operator = {"authorization": "Bearer operator"}
    async with open_door(subscriptions, closed, clock) as client:
        made = [
            (await client.post("/subscriptions", json={"insurer": name}, headers=operator)).json()
            for name in ("insurer-a", "insurer-b", "insurer-a")
        ]
        ids = sorted(each["id"] for each in made)
        refused = await client.get("/subscriptions", headers={"authorization": "Bearer guess"})
        owners = {"authorization": f"Bearer {made[0]['token']}"}
        owner = await client.get("/subscriptions", headers=owners)
        everything = (await client.get("/subscriptions", headers=operator)).json()
        one = (await client.get("/subscriptions?insurer=insurer-b", headers=operator)).json()
        seen, after = [], ""
        while after is not None:
            query = f"/subscriptions?limit=2&after={after}"
            page = (await client.get(query, headers=operator)).json()
            seen += [each["id"] for each in page["subscriptions"]]
            after = page["next"]

    assert (refused.status_code, owner.status_code) == (403, 403)
    assert [each["id"] for each in everything["subscriptions"]] == ids
    assert everything["next"] is None
    assert [each["id"] for each in one["subscriptions"]] == [made[1]["id"]]
    assert seen == ids
    for each in everything["subscriptions"]:
        assert each.keys() & {"token", "secret"} == set()


async def test_a_ticket_opens_the_stream_and_nothing_else_for_a_minute(client, feed, clock):
    path, auth, _ = await subscribe_at(client)
    other, _, _ = await subscribe_at(client)
    feed.publish(feed.milestone("e1", "insurer-a"))

    given = await client.post(f"{path}/tickets", headers=auth)
    ticket = given.json()["ticket"]
    async with client.stream("GET", f"{path}/events?ticket={ticket}") as opened:
        origin = opened.headers["access-control-allow-origin"]
        found = await read(opened.aiter_lines(), 1)
    elsewhere = [
        await client.get(f"{other}/events?ticket={ticket}", headers=JSON),
        await client.get(f"{path}?ticket={ticket}"),
        await client.delete(f"{path}?ticket={ticket}"),
        await client.get(path, headers={"authorization": f"Bearer {ticket}"}),
        await client.get(f"{path}/events?ticket={ticket[:-4]}AAAA", headers=JSON),
        await client.get(f"{path}/events?ticket=%C3%A9", headers=JSON),
    ]
    clock.forward(59)
    in_time = await client.get(f"{path}/events?ticket={ticket}", headers=JSON)
    clock.forward(2)
    too_late = await client.get(f"{path}/events?ticket={ticket}", headers=JSON)

    assert given.status_code == 201
    assert origin == "*"
    assert [number for number, _ in found] == [1]
    assert [each.status_code for each in elsewhere] == [401, 401, 401, 404, 401, 401]
    assert (in_time.status_code, too_late.status_code) == (200, 401)
    is_problem(too_late)


async def test_what_is_sealed_otherwise_is_no_ticket(engine, client):
    path, _, _ = await subscribe_at(client, url="http://127.0.0.1:9/in")
    with engine.connect() as connection:
        sealed = connection.execute(select(subscriptions_table.c.sealed_secret)).scalar_one()

    response = await client.get(f"{path}/events?ticket={sealed}", headers=JSON)

    assert response.status_code == 401


async def test_the_keep_alive_gives_no_event_to_readers_of_three_kinds(client, feed, monkeypatch):
    """httpx-sse, the rules of HTML 9.2.6 as `read` has them, and a reader line by line."""
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.05)
    path, auth, _ = await subscribe_at(client)
    feed.publish(feed.milestone("e1", "insurer-a"))

    async def later():
        await asyncio.sleep(0.5)
        feed.publish(feed.milestone("e2", "insurer-a"))
        client.door.bell.ring()

    publishing = asyncio.create_task(later())
    async with httpx_sse.aconnect_sse(client, "GET", f"{path}/events", headers=auth) as source:
        found = []
        async for event in source.aiter_sse():
            found.append((event.id, bool(event.data)))
            if event.id == "2":
                break
    await publishing
    raw = b""
    async with client.stream("GET", f"{path}/events", headers=auth) as lines:
        async for chunk in lines.aiter_raw():
            raw += chunk
            if raw.count(b"keep-alive") >= 2:
                break

    assert found == [("1", True), ("2", True)]
    assert b": keep-alive\r\n\r\n" not in raw


async def test_the_doors_own_page_loads_nothing_from_elsewhere(client):
    page = await client.get("/docs")
    addresses = re.findall(r"""(?:src|href)=["']([^"']+)""", page.text)
    described = (await client.get("/openapi.json")).json()

    assert page.status_code == 200
    assert len(addresses) >= 3
    for address in addresses:
        assert address.startswith("/"), address
        assert (await client.get(address)).status_code == 200
    assert '"validatorUrl": null' in page.text
    assert "http" not in page.text.replace("httpx", "")
    posted = described["paths"]["/subscriptions"]["post"]
    assert "application/problem+json" in posted["responses"]["4XX"]["content"]
