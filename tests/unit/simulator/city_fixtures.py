"""A gateway in miniature, and a small city to send to it."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import takewhile
from typing import Any

import httpx

from services.simulator.messages import Message
from services.simulator.plan import lanes
from services.simulator.population import City

START = datetime(2025, 1, 1, tzinfo=UTC)


def _refuse(name: str) -> None:
    raise ValueError(name)


def city(seed: int = 7, members: int = 200) -> City:
    return City(seed, members, START)


def plan_until(end_s: float, of: City) -> dict[int, list[Message]]:
    return {
        lane.household.index: list(takewhile(lambda each: each.due < end_s, lane.messages))
        for lane in lanes(of)
    }


@dataclass
class MiniatureGateway:
    """Refuses what the real one must refuse; `failing` answers come first, one per request.

    served: set once `serve` requests have come.
    """

    failing: list[httpx.Response | Exception] = field(default_factory=list)
    members: set[str] = field(default_factory=set)
    requests: list[bytes] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    serve: int = 0
    served: asyncio.Event = field(default_factory=asyncio.Event)

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request.content)
        if len(self.requests) >= self.serve:
            self.served.set()
        if self.failing:
            planned = self.failing.pop(0)
            if isinstance(planned, Exception):
                raise planned
            return planned
        status = 200 if self._is_good(request) else 422
        self.statuses[status] += 1
        return httpx.Response(status, json={})

    def _is_good(self, request: httpx.Request) -> bool:
        try:
            body = json.loads(request.content, parse_float=Decimal, parse_constant=_refuse)
            if request.url.path == "/events":
                return self._events_are_good(request, body)
            return all(self._resource_is_good(each["resource"]) for each in body["entry"])
        except (ValueError, KeyError, TypeError):
            return False

    def _events_are_good(self, request: httpx.Request, body: Any) -> bool:
        if "ce-subject" in request.headers:
            events = [{"subject": request.headers["ce-subject"], "data": body}]
        else:
            events = body if isinstance(body, list) else [body]
        return all(
            each["subject"] in self.members
            and all(isinstance(each["data"].get(name, 0), int) for name in ("price", "amount"))
            and "horoscope" not in each.get("type", "")
            for each in events
        )

    def _resource_is_good(self, resource: dict[str, Any]) -> bool:
        kind = resource["resourceType"]
        if kind == "Patient":
            self.members.add(resource["id"])
            return True
        if kind == "MessageHeader":
            return True
        if kind == "Claim":
            cents = resource["total"]["value"] * 100
            return resource["patient"]["reference"][8:] in self.members and cents == int(cents)
        whose = resource["beneficiary" if kind == "Coverage" else "subject"]["reference"]
        period = resource.get("period", {})
        return whose.removeprefix("Patient/") in self.members and isinstance(period, dict)
