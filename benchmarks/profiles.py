"""Where the time goes: worker, gateway, ledger and rules under a sampling profiler."""

import asyncio
import cProfile
import pstats
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks import books, counting, doors, report, workload
from benchmarks.kafka import PARTITIONS, Log, broker, processor_topics
from benchmarks.processes import Child
from services.contract.codec import Record
from services.contract.topics import CARE_MILESTONES, DEAD_LETTERS, HEALTH_EVENTS, PAYMENT_EVENTS
from services.local.ports import free_port
from services.runtime.fold import PartitionFold
from services.runtime.stage import Stage
from services.runtime.state_store import MemoryStore
from services.settlement.app import STAGE as SETTLEMENT
from services.treatment.app import STAGE as TREATMENT

TOP = 16
SAMPLES_S = 200


def main(*, quick: bool) -> None:
    """Profile each process while it works off a backlog; print the functions that cost most."""
    load = report.begin()
    count, households = (20_000, 3_000) if quick else (200_000, 20_000)
    figures: dict[str, Any] = {}
    with broker() as log:
        for name, make, module in (
            ("counting worker", workload.observations, "benchmarks.counting"),
            ("treatment worker", workload.treatment_log, "services.treatment"),
        ):
            stage = counting.STAGE if "counting" in name else TREATMENT
            log.create(HEALTH_EVENTS, *processor_topics(stage.name))
            log.fill(HEALTH_EVENTS, make(count, households))
            with Child(module, log.servers) as child:
                figures[name] = _sampled(name, child, 4 if quick else 8, log)
        figures["ledger"] = _ledger(log, count, households, 3 if quick else 8)
        log.create(HEALTH_EVENTS, PAYMENT_EVENTS, CARE_MILESTONES, DEAD_LETTERS)
        figures["gateway, single events"] = asyncio.run(_gateway(log, 4 if quick else 8))
    figures["fold of treatment"] = _traced("fold of treatment", _fold_treatment)
    figures["fold of settlement"] = _traced("fold of settlement", _fold_settlement)
    report.save("profiles", {"top": figures}, quick=quick, load_before=load)


def _ledger(log: Log, count: int, households: int, seconds: int) -> list[dict[str, Any]]:
    log.create(PAYMENT_EVENTS, DEAD_LETTERS)
    log.fill(PAYMENT_EVENTS, books.asked_and_decided(count, households))
    log.forget_group("careloop-ledger")
    with Child("services.ledger", log.servers) as child:
        return _sampled("ledger on SQLite", child, seconds, None)


async def _gateway(log: Log, seconds: int) -> list[dict[str, Any]]:
    port = free_port()
    with Child("services.gateway", log.servers, CARELOOP_HTTP_PORT=str(port)) as child:
        await doors.wait_ready(child, port)
        await doors.register(port)
        sending = asyncio.create_task(doors.send_singles(port, 1_500 * seconds, "p"))
        await asyncio.sleep(0.5)
        top = await asyncio.to_thread(_sampled, "gateway, single events", child, seconds, None)
        await sending
        return top


def _sampled(name: str, child: Child, seconds: int, log: Log | None) -> list[dict[str, Any]]:
    """Sample a process with py-spy; shares are of the time in which it ran Python or native code."""
    deadline = time.monotonic() + 30
    while log is not None and not log.count(PAYMENT_EVENTS, CARE_MILESTONES):
        child.check()
        if time.monotonic() > deadline:
            raise TimeoutError(child.said()[-1000:])
        time.sleep(0.05)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "stacks"
        program = Path(sys.executable).parent / "py-spy"
        command = [str(program), "record", "--pid", str(child.pid), "--duration", str(seconds)]
        command += ["--rate", str(SAMPLES_S), "--format", "raw", "--output", str(out)]
        subprocess.run(command, check=True, capture_output=True)
        return _top(name, out.read_text(encoding="utf-8"))


def _top(name: str, stacks: str) -> list[dict[str, Any]]:
    own: Counter[str] = Counter()
    within: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, samples = line.rpartition(" ")
        frames = [_short(frame) for frame in stack.split(";")]
        own[frames[-1]] += int(samples)
        for frame in set(frames):
            within[frame] += int(samples)
    total = max(1, own.total())
    wanted = {frame for frame, _ in own.most_common(TOP)}
    wanted |= {frame for frame, _ in within.most_common(2 * TOP) if "services/" in frame}
    ranked = sorted(wanted, key=lambda frame: -within[frame])
    found = [
        {
            "function": frame,
            "within_percent": round(100 * within[frame] / total, 1),
            "own_percent": round(100 * own[frame] / total, 1),
        }
        for frame in ranked
    ]
    _tell(name, found)
    return found


def _short(frame: str) -> str:
    """Return `function (file)` with the path from the package on, without line numbers."""
    function, _, place = frame.rpartition(" (")
    path = place.rstrip(")").partition(":")[0]
    for root in ("site-packages/", "python3.11/", "main/"):
        path = path.rpartition(root)[2]
    return f"{function} ({path})"


def _traced(name: str, work: Callable[[], None]) -> list[dict[str, Any]]:
    """Profile a call with cProfile, which counts calls and so weighs small functions too much."""
    profile = cProfile.Profile()
    profile.runcall(work)
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]  # typeshed leaves it out
    total = sum(entry[2] for entry in stats.values())
    ranked = sorted(stats.items(), key=lambda item: -item[1][2])[:TOP]
    found = [
        {
            "function": _short(f"{function} ({path}:{line})"),
            "calls": entry[1],
            "within_percent": round(100 * entry[3] / total, 1),
            "own_percent": round(100 * entry[2] / total, 1),
        }
        for (path, line, function), entry in ranked
    ]
    _tell(name, found)
    return found


def _fold_treatment() -> None:
    _fold(TREATMENT, workload.treatment_log(12_000, 2_000))


def _fold_settlement() -> None:
    _fold(SETTLEMENT, books.requests(12_000, 2_000))


def _fold(stage: Stage[Any], records: Iterable[Record]) -> None:
    for partition, rows in workload.by_partition(records, PARTITIONS).items():
        PartitionFold(stage, partition, MemoryStore()).apply(rows)


def _tell(name: str, found: list[dict[str, Any]]) -> None:
    rows = [(each["function"], each["within_percent"], each["own_percent"]) for each in found]
    report.table(name, ("function", "within %", "own %"), rows)
