"""The insurers' door over HTTP, for tests: opened, subscribed at, read from."""

import asyncio
from contextlib import asynccontextmanager

import httpx

from services.subscriptions.app import serving
from services.subscriptions.bell import Bell
from services.subscriptions.routes import Door
from tests.integration.test_subscriptions.conftest import KEYRING

JSON = {"accept": "application/json"}


@asynccontextmanager
async def open_door(subscriptions, settings, clock):
    addresses = []
    door = Door(subscriptions, KEYRING, settings, clock, Bell())
    async with serving(door, settings, addresses.append), httpx.AsyncClient() as client:
        client.base_url = addresses[0]
        client.door = door
        yield client


async def subscribe_at(client, **body):
    response = await client.post("/subscriptions", json={"insurer": "insurer-a", **body})
    assert response.status_code == 201, response.text
    made = response.json()
    return f"/subscriptions/{made['id']}", {"authorization": f"Bearer {made['token']}"}, made


def is_problem(response):
    """Errors have the form of the gateway's (RFC 9457), whatever found them."""
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body.keys() == {"type", "title", "status", "detail", "problems"}
    assert body["status"] == response.status_code
    for row in body["problems"]:
        assert row.keys() == {"severity", "code", "place", "detail"}


async def read(lines, count):
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
