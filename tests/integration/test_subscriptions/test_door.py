"""The insurers' door over HTTP: subscribing, tenancy, pages and streams; on both databases."""

import asyncio
import re
from contextlib import asynccontextmanager

import httpx
import httpx_sse
import pytest
from pydantic import SecretStr
from sqlalchemy import select
from standardwebhooks import Webhook

from services.subscriptions import stream
from services.subscriptions.app import serving
from services.subscriptions.bell import Bell
from services.subscriptions.routes import Door, build
from services.subscriptions.tables import subscriptions as subscriptions_table
from tests.integration.test_subscriptions.conftest import KEYRING

JSON = {"accept": "application/json"}


@asynccontextmanager
async def _open_door(subscriptions, settings, clock):
    addresses = []
    door = Door(subscriptions, KEYRING, settings, clock, Bell())
    async with serving(door, settings, addresses.append), httpx.AsyncClient() as client:
        client.base_url = addresses[0]
        client.door = door
        yield client


@pytest.fixture
def door_settings(database_settings):
    return database_settings.model_copy(
        update={"subscriptions_port": 0, "allow_loopback_webhooks": True}
    )


@pytest.fixture
async def client(subscriptions, door_settings, clock):
    async with _open_door(subscriptions, door_settings, clock) as opened:
        yield opened


async def _subscribe(client, **body):
    response = await client.post("/subscriptions", json={"insurer": "insurer-a", **body})
    assert response.status_code == 201, response.text
    made = response.json()
    return f"/subscriptions/{made['id']}", {"authorization": f"Bearer {made['token']}"}, made


def _is_problem(response):
    """Errors have the form of the gateway's (RFC 9457), whatever found them."""
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body.keys() == {"type", "title", "status", "detail", "problems"}
    assert body["status"] == response.status_code
    for row in body["problems"]:
        assert row.keys() == {"severity", "code", "place", "detail"}


async def _read(lines, count):
    """Read `count` events of a stream as (id, data) pairs; comments are passed over."""
    events, current = [], {}
    async with asyncio.timeout(10):
        async for line in lines:
            if not line and "data" in current:
                events.append((int(current["id"]), current["data"]))
                current = {}
                if len(events) == count:
                    return events
            elif line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                current[name] = value
    return events


async def test_the_token_and_the_secret_that_signs_are_shown_once(client):
    path, auth, made = await _subscribe(client, url="http://127.0.0.1:9/in")

    seen = (await client.get(path, headers=auth)).json()

    assert made["secret"].startswith("whsec_")
    assert Webhook(made["secret"])
    assert seen.keys() & {"token", "secret"} == set()
    assert {**seen, "token": made["token"], "secret": made["secret"]} == made
    assert (seen["state"], seen["last_number"], seen["next_attempt_at"]) == ("active", 0, None)


async def test_what_is_never_signed_has_no_secret(client):
    _, _, made = await _subscribe(client)

    assert "secret" not in made


async def test_what_signs_does_not_open_the_door(client):
    path, _, made = await _subscribe(client, url="http://127.0.0.1:9/in")

    response = await client.get(path, headers={"authorization": f"Bearer {made['secret']}"})

    assert response.status_code == 404


async def test_neither_token_nor_secret_stands_in_the_database(client, engine):
    _, _, made = await _subscribe(client, url="http://127.0.0.1:9/in")

    with engine.connect() as connection:
        row = " ".join(map(str, connection.execute(select(subscriptions_table)).one()))

    assert made["id"] in row
    assert made["token"] not in row
    assert made["secret"] not in row
    assert made["secret"].removeprefix("whsec_") not in row


async def test_every_route_of_a_subscription_is_closed_to_another_insurers_token(client, feed):
    path, auth, _ = await _subscribe(client)
    _, stranger, _ = await _subscribe(client, insurer="insurer-b")
    feed.publish(feed.milestone("e1", "insurer-a"))
    routes = [
        ("GET", path),
        ("GET", f"{path}/events"),
        ("GET", f"{path}/events?after=0"),
        ("POST", f"{path}/resume"),
        ("POST", f"{path}/tickets"),
        ("DELETE", path),
    ]

    for method, route in routes:
        foreign = await client.request(method, route, headers={**JSON, **stranger})
        unknown = await client.request(
            method, route.replace("sub_", "sub_0"), headers={**JSON, **stranger}
        )
        nobody = await client.request(method, route, headers=JSON)
        assert foreign.status_code == 404
        assert foreign.json() == unknown.json()
        assert nobody.status_code == 401
        assert nobody.headers["www-authenticate"] == "Bearer"
        _is_problem(foreign)
        _is_problem(nobody)

    page = (await client.get(f"{path}/events", headers={**JSON, **auth})).json()
    assert [event["id"] for event in page["events"]] == ["e1"]


async def test_an_authorization_that_is_none_opens_nothing(client):
    path, _, _ = await _subscribe(client)

    for header in ("Bearer", "Bearer x", "Basic abc", "whsec_abc", "Bearer é", "Bearer whsec_"):
        response = await client.get(path, headers={"authorization": header.encode()})

        assert response.status_code in {401, 404}, header


async def test_pages_are_contiguous_and_go_on_where_the_last_ended(client, feed):
    path, auth, _ = await _subscribe(client)
    feed.publish(*(feed.milestone(f"e{n}", "insurer-a") for n in range(1, 6)))
    feed.publish(feed.milestone("not-yours", "insurer-b"))

    numbers, after = [], 0
    while True:
        page = await client.get(f"{path}/events?after={after}&limit=2", headers={**JSON, **auth})
        numbers += [event["number"] for event in page.json()["events"]]
        after = page.json()["after"]
        if not page.json()["events"]:
            break

    assert numbers == [1, 2, 3, 4, 5]
    assert after == 5


async def test_a_stream_resumes_after_the_last_event_it_saw(client, feed):
    path, auth, _ = await _subscribe(client, **{"from": "beginning"})
    feed.publish(*(feed.milestone(f"e{n}", "insurer-a") for n in range(1, 4)))

    async with client.stream("GET", f"{path}/events", headers=auth) as opened:
        assert opened.headers["content-type"].startswith("text/event-stream")
        first = await _read(opened.aiter_lines(), 2)
    feed.publish(feed.milestone("e4", "insurer-a"))
    again = {**auth, "last-event-id": "2"}
    async with client.stream("GET", f"{path}/events?after=0", headers=again) as opened:
        lines = opened.aiter_lines()
        rest = await _read(lines, 2)
        feed.publish(feed.milestone("e5", "insurer-a"))
        client.door.bell.ring()
        live = await _read(lines, 1)

    assert [number for number, _ in first + rest + live] == [1, 2, 3, 4, 5]
    assert '"id":"e5"' in live[0][1]


async def test_a_stream_ends_with_its_subscription(client, feed):
    path, auth, _ = await _subscribe(client)
    feed.publish(feed.milestone("e1", "insurer-a"))

    async with client.stream("GET", f"{path}/events", headers=auth) as opened:
        lines = opened.aiter_lines()
        await _read(lines, 1)
        deleted = await client.delete(path, headers=auth)
        rest = await _read(lines, 1)

    assert deleted.status_code == 204
    assert rest == []
    assert (await client.get(path, headers=auth)).status_code == 404


async def test_closing_the_door_ends_the_streams(subscriptions, door_settings, clock):
    connected = asyncio.Event()

    async def listen(base_url, path, auth):
        other = httpx.AsyncClient(base_url=base_url)
        async with other, other.stream("GET", f"{path}/events", headers=auth) as opened:
            connected.set()
            return await _read(opened.aiter_lines(), 1)

    async with _open_door(subscriptions, door_settings, clock) as client:
        path, auth, _ = await _subscribe(client)
        listening = asyncio.create_task(listen(client.base_url, path, auth))
        await connected.wait()

    assert await listening == []


REFUSED = (
    ({}, "insurer"),
    ({"insurer": ""}, "insurer"),
    ({"insurer": 7}, "insurer"),
    ({"insurer": "insurer-a", "milestones": ["treatment.died"]}, "milestones"),
    ({"insurer": "insurer-a", "milestones": []}, "milestones"),
    ({"insurer": "insurer-a", "from": "1970"}, "from"),
    ({"insurer": "insurer-a", "surprise": 1}, "surprise"),
    ({"insurer": "insurer-a", "url": "ftp://hook.example/"}, "url"),
    ({"insurer": "insurer-a", "url": "/in"}, "url"),
    ({"insurer": "insurer-a", "url": "https://"}, "url"),
    ({"insurer": "insurer-a", "url": "https://user:pass@hook.example/"}, "url"),
    ({"insurer": "insurer-a", "url": "https://169.254.169.254/latest"}, "url"),
    ({"insurer": "insurer-a", "url": "https://[::ffff:7f00:1]/"}, "url"),
    ({"insurer": "insurer-a", "url": "https://0177.0.0.1/"}, "url"),
    ({"insurer": "insurer-a", "url": "https://hook.example/" + "x" * 2000}, "url"),
)


async def test_what_cannot_be_subscribed_is_refused_by_its_field(client):
    for body, field in REFUSED:
        response = await client.post("/subscriptions", json=body)

        assert response.status_code == 422, body
        _is_problem(response)
        assert field in [row["place"].split(".")[0] for row in response.json()["problems"]]


async def test_a_page_that_makes_no_sense_is_refused(client):
    path, auth, _ = await _subscribe(client)

    for query in ("after=-1", "after=x", "limit=0", "limit=1001"):
        response = await client.get(f"{path}/events?{query}", headers={**JSON, **auth})

        assert response.status_code == 422, query
        _is_problem(response)
        assert response.json()["problems"][0]["place"] == query.split("=")[0]


async def test_plain_http_and_loopback_are_for_trying_out(subscriptions, door_settings, clock):
    strict = door_settings.model_copy(update={"allow_loopback_webhooks": False})

    async with _open_door(subscriptions, strict, clock) as client:
        for url in ("http://hook.example/", "https://127.0.0.1/", "https://[::1]/"):
            body = {"insurer": "insurer-a", "url": url}
            assert (await client.post("/subscriptions", json=body)).status_code == 422


async def test_only_the_operator_subscribes_where_a_token_is_set(
    subscriptions, door_settings, clock
):
    closed = door_settings.model_copy(update={"subscriptions_token": SecretStr("operator")})
    body = {"insurer": "insurer-a"}

    async with _open_door(subscriptions, closed, clock) as client:
        nobody = await client.post("/subscriptions", json=body)
        wrong = await client.post(
            "/subscriptions", json=body, headers={"authorization": "Bearer guess"}
        )
        right = await client.post(
            "/subscriptions", json=body, headers={"authorization": "Bearer operator"}
        )

    assert [each.status_code for each in (nobody, wrong, right)] == [401, 403, 201]


async def test_a_door_that_is_open_to_the_network_needs_a_token(
    subscriptions, door_settings, clock
):
    exposed = door_settings.model_copy(update={"http_host": "0.0.0.0"})  # noqa: S104  # the point
    door = Door(subscriptions, KEYRING, exposed, clock, Bell())

    transport = httpx.ASGITransport(build(door))
    async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
        response = await client.post("/subscriptions", json={"insurer": "insurer-a"})

    assert response.status_code == 403
    assert "CARELOOP_SUBSCRIPTIONS_TOKEN" in response.json()["detail"]


async def test_whatever_the_door_refuses_is_a_problem(client):
    refused = [
        await client.get("/nothing"),
        await client.put("/subscriptions", json={}),
        await client.post("/subscriptions", content=b"{", headers={"content-type": "text/plain"}),
    ]

    assert [each.status_code for each in refused] == [404, 405, 422]
    for each in refused:
        _is_problem(each)


async def test_a_failure_of_ours_is_a_problem_too(door_settings, clock):
    class Broken:
        def token_digest(self, _subscription_id):
            raise RuntimeError("planted")

    door = Door(Broken(), KEYRING, door_settings, clock, Bell())
    transport = httpx.ASGITransport(build(door), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
        response = await client.get("/subscriptions/x", headers={"authorization": "Bearer x"})

    assert response.status_code == 500
    _is_problem(response)
    assert "planted" not in response.text


async def test_who_may_subscribe_may_list(subscriptions, door_settings, clock):
    closed = door_settings.model_copy(update={"subscriptions_token": SecretStr("operator")})
    operator = {"authorization": "Bearer operator"}
    async with _open_door(subscriptions, closed, clock) as client:
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
    path, auth, _ = await _subscribe(client)
    other, _, _ = await _subscribe(client)
    feed.publish(feed.milestone("e1", "insurer-a"))

    given = await client.post(f"{path}/tickets", headers=auth)
    ticket = given.json()["ticket"]
    async with client.stream("GET", f"{path}/events?ticket={ticket}") as opened:
        origin = opened.headers["access-control-allow-origin"]
        read = await _read(opened.aiter_lines(), 1)
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
    assert [number for number, _ in read] == [1]
    assert [each.status_code for each in elsewhere] == [401, 401, 401, 404, 401, 401]
    assert (in_time.status_code, too_late.status_code) == (200, 401)
    _is_problem(too_late)


async def test_what_is_sealed_otherwise_is_no_ticket(engine, client):
    path, _, _ = await _subscribe(client, url="http://127.0.0.1:9/in")
    with engine.connect() as connection:
        sealed = connection.execute(select(subscriptions_table.c.sealed_secret)).scalar_one()

    response = await client.get(f"{path}/events?ticket={sealed}", headers=JSON)

    assert response.status_code == 401


async def test_the_keep_alive_gives_no_event_to_readers_of_three_kinds(client, feed, monkeypatch):
    """httpx-sse, the rules of HTML 9.2.6 as `_read` has them, and a reader line by line."""
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.05)
    path, auth, _ = await _subscribe(client)
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


async def test_the_process_tells_how_it_is(client):
    assert (await client.get("/healthz")).status_code == 200
    assert (await client.get("/readyz")).status_code == 200
    metrics = (await client.get("/metrics")).text

    assert "careloop_webhook_attempts_total" in metrics
    assert "careloop_webhook_oldest_undelivered_seconds" in metrics
