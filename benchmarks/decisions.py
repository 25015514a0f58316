"""Everything on: from the POST of a discharge to its direct-pay decision, and what it all weighs."""

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

import orjson
import psutil
import structlog

from benchmarks import report
from benchmarks.http import Connection, post
from services.cli.system import Options, System

GOAL_P50_MS, GOAL_P99_MS = 50.0, 400.0
RATES = (50, 200)
WARM_UP_VISITS = 200
WAIT_S = 30


def main(*, quick: bool) -> None:
    """Start the whole system as `careloop run` does, and send visits at a fixed rate."""
    load = report.begin()
    seconds = 5 if quick else 30
    members = WARM_UP_VISITS + sum(rate * seconds for rate in RATES)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    system = System(Options())
    system.start_log()
    try:
        system.start_services()
        system.wait_ready()
        system.start_time(None)
        port = system.ports["gateway"]
        taken = asyncio.run(_measure(port, members, seconds))
        memory = _memory(system)
    finally:
        system.supervisor.stop()
        system.stop_log()
    _tell(taken, memory)
    figures = {
        "goal_p50_ms": GOAL_P50_MS,
        "goal_p99_ms": GOAL_P99_MS,
        "seconds": seconds,
        "rates": {str(rate): _figures(latencies) for rate, latencies in taken.items()},
        "resident_mb": memory,
    }
    report.save("decisions", figures, quick=quick, load_before=load)


async def _measure(port: int, members: int, seconds: int) -> dict[int, list[float]]:
    await register(port, members)
    await at_rate(port, 0, WARM_UP_VISITS, 50)
    taken, begin = {}, WARM_UP_VISITS
    for rate in RATES:
        taken[rate] = await at_rate(port, begin, rate * seconds, rate)
        begin += rate * seconds
    return taken


async def at_rate(port: int, begin: int, count: int, rate: int) -> list[float]:
    """Send one visit every 1/rate seconds whatever is still unanswered; returns milliseconds.

    The clock of each visit starts when it is due, not when a connection is free for it.
    """
    idle: list[Connection] = []
    latencies: list[float] = []
    epoch = time.perf_counter() + 0.2

    async def one(number: int) -> None:
        due = epoch + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        connection = idle.pop() if idle else await Connection("127.0.0.1", port).open()
        status, body = await connection.send(_visit(begin + number))
        latencies.append((time.perf_counter() - due) * 1000)
        idle.append(connection)
        if status != 200 or b"direct_pay" not in body.replace(b"-", b"_"):
            raise AssertionError(f"{status}: {body[:800]!r}")

    await asyncio.gather(*(one(number) for number in range(count)))
    for connection in idle:
        connection.close()
    return sorted(latencies)


async def register(port: int, members: int) -> None:
    """Make members known, each with a cover, well before they are treated."""
    connection = await Connection("127.0.0.1", port).open()
    for start in range(0, members, 250):
        entries = [
            {"resource": resource}
            for number in range(start, min(members, start + 250))
            for resource in (_patient(number), _coverage(number))
        ]
        bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
        status, body = await connection.send(
            post("/fhir", "application/fhir+json", orjson.dumps(bundle))
        )
        if status != 200 or body.count(b'"201') != len(entries):
            raise AssertionError(f"{status}: {body[:800]!r}")
    connection.close()
    await asyncio.sleep(2)


def _patient(number: int) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": f"m{number}",
        "gender": "female",
        "birthDate": "1960-02-29",
    }


def _coverage(number: int) -> dict[str, Any]:
    return {
        "resourceType": "Coverage",
        "id": f"k{number}",
        "status": "active",
        "beneficiary": {"reference": f"Patient/m{number}"},
        "payor": [{"reference": "Organization/city-fund"}],
        "class": [{"type": {"coding": [{"code": "plan"}]}, "value": "basic-medical"}],
        "period": {"start": "2025-01-01", "end": "2027-12-31"},
    }


def _visit(number: int) -> bytes:
    encounter = {
        "resourceType": "Encounter",
        "id": f"v{number}",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": f"Patient/m{number}"},
        "serviceProvider": {"reference": "Organization/hospital-owned-1"},
        "period": {"start": "2026-03-01T08:00:00+08:00", "end": "2026-03-01T09:00:00+08:00"},
    }
    item = {
        "productOrService": {"text": "Visit"},
        "encounter": [{"reference": f"Encounter/v{number}"}],
    }
    claim = {
        "resourceType": "Claim",
        "id": f"c{number}",
        "status": "active",
        "use": "claim",
        "type": {"coding": [{"code": "institutional"}]},
        "patient": {"reference": f"Patient/m{number}"},
        "created": "2026-03-01",
        "total": {"value": 320.50, "currency": "CNY"},
        "item": [item],
    }
    entries = [{"resource": encounter}, {"resource": claim}]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    return post("/fhir", "application/fhir+json", orjson.dumps(bundle), prefer=f"wait={WAIT_S}")


def _memory(system: System) -> dict[str, float]:
    """Return the resident MB of every process; shared pages count in each."""
    assert system.broker is not None
    pids = {name: each.pid for name, each in system.supervisor.services.items()}
    pids["kafka"] = system.broker.pid
    return {
        name: round(psutil.Process(pid).memory_info().rss / 1e6)
        for name, pid in pids.items()
        if pid
    }


def _figures(latencies: list[float]) -> dict[str, float]:
    p50, p99 = (report.percentile(latencies, share) for share in (0.5, 0.99))
    return {
        "visits": len(latencies),
        "p50_ms": round(p50, 1),
        "p90_ms": round(report.percentile(latencies, 0.9), 1),
        "p99_ms": round(p99, 1),
        "max_ms": round(latencies[-1], 1),
        "reached": p50 < GOAL_P50_MS and p99 < GOAL_P99_MS,
    }


def _tell(taken: dict[int, list[float]], memory: dict[str, float]) -> None:
    rows = []
    for rate, latencies in taken.items():
        told = _figures(latencies)
        reached = report.goal(bool(told.pop("reached")))
        rows.append((f"{rate} visits/s", *told.values(), reached))
    head = ("rate", "visits", "p50 ms", "p90 ms", "p99 ms", "max ms", "p50<50, p99<400")
    report.table("From the POST of a discharge to its decision in the answer", head, rows)
    total = sum(memory.values())
    report.table("Resident memory", ("process", "MB"), [*memory.items(), ("all", total)])


def folder_mb(folder: Path) -> float:
    """Return what a folder takes on disk, in MB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
