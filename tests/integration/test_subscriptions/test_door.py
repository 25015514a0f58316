"""The insurers' door over HTTP: subscribing, tenancy, pages and streams; on both databases."""

import asyncio

import httpx
from pydantic import SecretStr
from sqlalchemy import select
from standardwebhooks import Webhook

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


async def test_the_token_and_the_secret_that_signs_are_shown_once(client):
    path, auth, made = await subscribe_at(client, url="http://127.0.0.1:9/in")

    seen = (await client.get(path, headers=auth)).json()

    assert made["secret"].startswith("whsec_")
    assert Webhook(made["secret"])
    assert seen.keys() & {"token", "secret"} == set()
    assert {**seen, "token": made["token"], "secret": made["secret"]} == made
    assert (seen["state"], seen["last_number"], seen["next_attempt_at"]) == ("active", 0, None)


async def test_what_is_never_signed_has_no_secret(client):
    _, _, made = await subscribe_at(client)

    assert "secret" not in made


async def test_what_signs_does_not_open_the_door(client):
    path, _, made = await subscribe_at(client, url="http://127.0.0.1:9/in")

    response = await client.get(path, headers={"authorization": f"Bearer {made['secret']}"})

    assert response.status_code == 404


async def test_neither_token_nor_secret_stands_in_the_database(client, engine):
    _, _, made = await subscribe_at(client, url="http://127.0.0.1:9/in")

    with engine.connect() as connection:
        row = " ".join(map(str, connection.execute(select(subscriptions_table)).one()))

    assert made["id"] in row
    assert made["token"] not in row
    assert made["secret"] not in row
    assert made["secret"].removeprefix("whsec_") not in row


async def test_every_route_of_a_subscription_is_closed_to_another_insurers_token(client, feed):
    path, auth, _ = await subscribe_at(client)
    _, stranger, _ = await subscribe_at(client, insurer="insurer-b")
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
        is_problem(foreign)
        is_problem(nobody)

    page = (await client.get(f"{path}/events", headers={**JSON, **auth})).json()
    assert [event["id"] for event in page["events"]] == ["e1"]


async def test_an_authorization_that_is_none_opens_nothing(client):
    path, _, _ = await subscribe_at(client)

    for header in ("Bearer", "Bearer x", "Basic abc", "whsec_abc", "Bearer é", "Bearer whsec_"):
        response = await client.get(path, headers={"authorization": header.encode()})

        assert response.status_code in {401, 404}, header


async def test_pages_are_contiguous_and_go_on_where_the_last_ended(client, feed):
    path, auth, _ = await subscribe_at(client)
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
    path, auth, _ = await subscribe_at(client, **{"from": "beginning"})
    feed.publish(*(feed.milestone(f"e{n}", "insurer-a") for n in range(1, 4)))

    async with client.stream("GET", f"{path}/events", headers=auth) as opened:
        assert opened.headers["content-type"].startswith("text/event-stream")
        first = await read(opened.aiter_lines(), 2)
    feed.publish(feed.milestone("e4", "insurer-a"))
    again = {**auth, "last-event-id": "2"}
    async with client.stream("GET", f"{path}/events?after=0", headers=again) as opened:
        lines = opened.aiter_lines()
        rest = await read(lines, 2)
        feed.publish(feed.milestone("e5", "insurer-a"))
        client.door.bell.ring()
        live = await read(lines, 1)

    assert [number for number, _ in first + rest + live] == [1, 2, 3, 4, 5]
    assert '"id":"e5"' in live[0][1]


async def test_a_stream_ends_with_its_subscription(client, feed):
    path, auth, _ = await subscribe_at(client)
    feed.publish(feed.milestone("e1", "insurer-a"))

    async with client.stream("GET", f"{path}/events", headers=auth) as opened:
        lines = opened.aiter_lines()
        await read(lines, 1)
        deleted = await client.delete(path, headers=auth)
        rest = await read(lines, 1)

    assert deleted.status_code == 204
    assert rest == []
    assert (await client.get(path, headers=auth)).status_code == 404


async def test_closing_the_door_ends_the_streams(subscriptions, door_settings, clock):
    connected = asyncio.Event()

    async def listen(base_url, path, auth):
        other = httpx.AsyncClient(base_url=base_url)
        async with other, other.stream("GET", f"{path}/events", headers=auth) as opened:
            connected.set()
            return await read(opened.aiter_lines(), 1)

    async with open_door(subscriptions, door_settings, clock) as client:
        path, auth, _ = await subscribe_at(client)
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
        is_problem(response)
        assert field in [row["place"].split(".")[0] for row in response.json()["problems"]]


async def test_a_page_that_makes_no_sense_is_refused(client):
    path, auth, _ = await subscribe_at(client)

    for query in ("after=-1", "after=x", "limit=0", "limit=1001"):
        response = await client.get(f"{path}/events?{query}", headers={**JSON, **auth})

        assert response.status_code == 422, query
        is_problem(response)
        assert response.json()["problems"][0]["place"] == query.split("=")[0]


async def test_plain_http_and_loopback_are_for_trying_out(subscriptions, door_settings, clock):
    strict = door_settings.model_copy(update={"allow_loopback_webhooks": False})

    async with open_door(subscriptions, strict, clock) as client:
        for url in ("http://hook.example/", "https://127.0.0.1/", "https://[::1]/"):
            body = {"insurer": "insurer-a", "url": url}
            assert (await client.post("/subscriptions", json=body)).status_code == 422


async def test_only_the_operator_subscribes_where_a_token_is_set(
    subscriptions, door_settings, clock
):
    closed = door_settings.model_copy(update={"subscriptions_token": SecretStr("operator")})
    body = {"insurer": "insurer-a"}

    async with open_door(subscriptions, closed, clock) as client:
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


async def test_the_process_tells_how_it_is(client):
    assert (await client.get("/healthz")).status_code == 200
    assert (await client.get("/readyz")).status_code == 200
    metrics = (await client.get("/metrics")).text

    assert "careloop_webhook_attempts_total" in metrics
    assert "careloop_webhook_oldest_undelivered_seconds" in metrics
