"""Whatever a door is asked, its policy is asked first: no route can pass it by."""

import re
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from services.access.policy import Asked, Policy, Refusal
from services.gateway.routes import create_app
from services.subscriptions.routes import build

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
OPEN = {"/healthz", "/metrics"}
REFUSAL = Refusal(403, "Not for you", "Ask the operator for a token.")


class OnlyHealth:
    """Refuses all but what it states, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    async def judge(self, asked: Asked) -> Refusal | None:
        self.asked.append(asked)
        return None if asked.path in OPEN else REFUSAL


def gateway(policy: Policy) -> FastAPI:
    parts: Any = SimpleNamespace(
        store=None, timeline=None, intake=None, network=None, now=None, settings=None
    )
    return create_app(parts, policy)


def insurers_door(policy: Policy) -> FastAPI:
    nothing: Any = None
    return build(nothing, policy)


APPS: list[Callable[[Policy], FastAPI]] = [gateway, insurers_door]


def paths(routes: Iterable[BaseRoute], under: str = "") -> Iterator[str]:
    for route in routes:
        path = f"{under}{getattr(route, 'path', '')}"
        inside = getattr(route, "original_router", route)  # FastAPI's, of a router it includes
        if hasattr(inside, "routes"):
            yield from paths(inside.routes, path)
        else:
            yield re.sub(r"\{[^}]+\}", "x", path)


async def answers(app: ASGIApp, asked: Iterable[str]) -> dict[tuple[str, str], httpx.Response]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
        return {
            (method, path): await client.request(method, path)
            for path in asked
            for method in METHODS
        }


async def passed_by(app: Starlette, more: Iterable[str] = ()) -> set[str]:
    """Return the paths that were answered by something else than the policy."""
    found = await answers(app, {*paths(app.routes), *more, "/nowhere"})
    return {path for (_, path), answer in found.items() if answer.status_code != REFUSAL.status}


@pytest.mark.parametrize("make", APPS)
async def test_every_route_is_refused_but_those_that_the_policy_states(
    make: Callable[[Policy], FastAPI],
) -> None:
    app = make(OnlyHealth())
    described = [re.sub(r"\{[^}]+\}", "x", path) for path in app.openapi()["paths"]]

    assert len(described) > 3
    assert await passed_by(app, described) == OPEN


@pytest.mark.parametrize("make", APPS)
async def test_a_route_that_stands_outside_would_be_noticed(
    make: Callable[[Policy], FastAPI],
) -> None:
    async def outside(_: Any) -> PlainTextResponse:
        return PlainTextResponse("in")

    front = Starlette(routes=[Route("/outside", outside), Mount("/", make(OnlyHealth()))])

    assert await passed_by(front) == OPEN | {"/outside"}


@pytest.mark.parametrize("make", APPS)
async def test_a_route_that_is_added_later_stands_inside(
    make: Callable[[Policy], FastAPI],
) -> None:
    async def later() -> str:
        return "in"

    app = make(OnlyHealth())
    app.get("/later")(later)

    assert await passed_by(app) == OPEN


async def test_the_policy_is_told_who_asks_for_what_and_its_refusal_is_a_problem() -> None:
    policy = OnlyHealth()
    transport = httpx.ASGITransport(gateway(policy))
    async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
        answer = await client.post("/fhir/Patient", headers={"authorization": "Bearer me"})

    (asked,) = policy.asked
    assert (asked.method, asked.path) == ("POST", "/fhir/Patient")
    assert asked.headers["Authorization"] == "Bearer me"
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not for you",
        "status": 403,
        "detail": "Ask the operator for a token.",
        "problems": [
            {
                "severity": "error",
                "code": "forbidden",
                "place": "",
                "detail": "Ask the operator for a token.",
            }
        ],
    }
