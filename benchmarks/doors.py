"""The gateway's doors: events accepted a second, in batches and one by one, over HTTP."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from benchmarks import report
from benchmarks.http import Connection, post
from benchmarks.kafka import Log, broker
from benchmarks.processes import Child
from services.contract.topics import CARE_MILESTONES, DEAD_LETTERS, HEALTH_EVENTS, PAYMENT_EVENTS
from services.local.ports import free_port

GOALS = {"batches of 500, 4 clients": 5_000, "single, 64 clients": 1_000}
BATCH = 500
MEMBERS = 2_000
START_S = 60.0


def main(*, quick: bool) -> None:
    """Publish observations of known members; a figure is the median of the rounds."""
    load = report.begin()
    batched, single, rounds = (10_000, 3_000, 1) if quick else (100_000, 20_000, 3)
    with broker() as log:
        log.create(HEALTH_EVENTS, PAYMENT_EVENTS, CARE_MILESTONES, DEAD_LETTERS)
        taken = asyncio.run(_measure(log, batched, single, rounds))
    rows, figures = [], {}
    for name, rounds_taken in taken.items():
        rates = [rate for rate, _ in rounds_taken]
        rate, cpu_us = report.median(rates), report.median([cpu for _, cpu in rounds_taken])
        rows.append((name, rate, cpu_us, report.goal(rate >= GOALS[name]), GOALS[name]))
        figures[name] = {
            "events_s": round(rate),
            "cpu_us_per_event": round(cpu_us, 1),
            "rounds": [round(each) for each in rates],
        }
    report.table(
        "The gateway, on SQLite, every commit synced",
        ("door", "events/s", "cpu us/event", "reached", "goal"),
        rows,
    )
    report.save("doors", {"goals_s": GOALS, "doors": figures}, quick=quick, load_before=load)


async def _measure(
    log: Log, batched: int, single: int, rounds: int
) -> dict[str, list[tuple[float, float]]]:
    port = free_port()
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in GOALS}
    with Child("services.gateway", log.servers, CARELOOP_HTTP_PORT=str(port)) as child:
        await wait_ready(child, port)
        await register(port)
        for turn in range(rounds):
            events = list(_observed(batched, f"b{turn}"))
            requests = [
                _batch(events[start : start + BATCH]) for start in range(0, len(events), BATCH)
            ]
            cpu, seconds = child.cpu_s(), await _send(port, requests, 4)
            used = (child.cpu_s() - cpu) / batched * 1e6
            taken["batches of 500, 4 clients"].append((batched / seconds, used))
            cpu, seconds = child.cpu_s(), await send_singles(port, single, f"s{turn}")
            used = (child.cpu_s() - cpu) / single * 1e6
            taken["single, 64 clients"].append((single / seconds, used))
        await _drained(log, MEMBERS + rounds * (batched + single))
    return taken


async def send_singles(port: int, count: int, name: str) -> float:
    """Publish events one by one from 64 clients; returns the seconds it took."""
    return await _send(port, [_single(event) for event in _observed(count, name)], 64)


async def register(port: int) -> None:
    """Make members known."""
    events = [
        _event("careloop.member.registered.v1", f"m{number}", f"r{number}", _PERSON)
        for number in range(MEMBERS)
    ]
    await _send(port, [_batch(events)], 1)


_PERSON = {"birth_date": "1960-02-29", "sex": "female"}


def _observed(count: int, name: str) -> Iterator[dict[str, Any]]:
    for number in range(count):
        data = {
            "observation_id": f"{name}-{number}",
            "codes": [{"system": "http://loinc.org", "code": "8480-6", "display": "Systolic"}],
            "value": 100.0 + number % 80,
            "unit": "mm[Hg]",
            "text": None,
            "components": [],
            "visit_id": None,
        }
        member = f"m{number % MEMBERS}"
        yield _event("careloop.observation.recorded.v2", member, f"{name}-{number}", data)


def _event(kind: str, member: str, event_id: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": "https://hospital-owned-1.example",
        "type": kind,
        "subject": member,
        "time": "2026-03-01T08:00:00Z",
        "data": data,
    }


def _batch(events: Sequence[dict[str, Any]]) -> bytes:
    return post("/events", "application/cloudevents-batch+json", orjson.dumps(list(events)))


def _single(event: dict[str, Any]) -> bytes:
    return post("/events", "application/cloudevents+json", orjson.dumps(event))


async def _send(port: int, requests: Sequence[bytes], clients: int) -> float:
    """Send requests from so many clients at once; returns the seconds until all are answered."""
    waiting = iter(requests)

    async def client() -> None:
        connection = await Connection("127.0.0.1", port).open()
        for request in waiting:
            status, body = await connection.send(request)
            if status not in {200, 201}:
                raise AssertionError(f"{status}: {body[:500]!r}")
        connection.close()

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return time.perf_counter() - begun


async def _drained(log: Log, wanted: int) -> None:
    """Check that everything that was accepted stands on the log, once."""
    for _ in range(600):
        if log.count(HEALTH_EVENTS) >= wanted:
            break
        await asyncio.sleep(0.1)
    found = log.count(HEALTH_EVENTS)
    if found != wanted:
        raise AssertionError(f"{found} of {wanted} facts on the log")


async def wait_ready(child: Child, port: int) -> None:
    """Wait until a gateway answers that it is ready."""
    asked = b"GET /readyz HTTP/1.1\r\nhost: careloop\r\n\r\n"
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        child.check()
        try:
            connection = await Connection("127.0.0.1", port).open()
            status, _ = await connection.send(asked)
            connection.close()
            if status == 200:
                return
        except OSError:
            pass
        await asyncio.sleep(0.1)
    raise TimeoutError(f"the gateway does not answer:\n{child.said()[-2000:]}")
