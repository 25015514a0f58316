"""Runs inside one build, whichever it is, on its own code: answers each line with a line of JSON.

It takes what may have moved between builds from the benchmarks and tests of the build itself:
`benchmarks.whatif`, `benchmarks.workload`, `benchmarks.decisions` and `tests.gateways`.
"""

import asyncio
import base64
import gc
import json
import lzma
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

COUNTERS = ("members", "accepted", "duplicates", "refused")
EVENTS_COUNTED = 1_200
DISTINCT = 6
"""A log has so many events for each of its households."""


def main() -> None:
    """Do what the first word says, until standard input ends."""
    doing = DOING[sys.argv[1]]
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a build logs is no answer
        for answer in doing(*sys.argv[2:]):
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


def folds(events: str) -> Iterator[Any]:
    """Fold a stage's log once for each line that names the stage; events a processor second."""
    stages, rows = _logs(int(events))
    yield "ready"
    for line in sys.stdin:
        name = line.strip()
        yield _size(rows[name]) / _fold(stages[name], rows[name])


def repeat(stage: str, times: str) -> Iterator[Any]:
    """Fold each stage's log once, then one of them some times more; answer its events."""
    stages, rows = _logs(EVENTS_COUNTED)
    for name, log in rows.items():
        for _ in range(1 + (int(times) if name == stage else 0)):
            _fold(stages[name], log)
    yield _size(rows[stage]) if stage in rows else 0


def _logs(events: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the stages by name, and a log for each of those that are measured."""
    from benchmarks import whatif, workload
    from services.runtime.process import collect_garbage_seldom

    collect_garbage_seldom()
    sizes = (events, events // DISTINCT)
    makers = {
        "screening": workload.observations,
        "treatment": workload.treatment_log,
        "settlement": whatif.requests,
    }
    rows = {name: whatif._rows(make(*sizes)) for name, make in makers.items()}
    gc.collect()
    gc.freeze()
    return {stage.name: stage for stage in whatif.all_stages()}, rows


def _fold(stage: Any, rows: Any) -> float:
    """Return the processor seconds of one fold."""
    from benchmarks import whatif

    return float(whatif._fold(stage, rows)[1])


def _size(rows: Any) -> int:
    return sum(map(len, rows.values()))


def records(events: str) -> Iterator[Any]:
    """Answer how much treatment says to a log of visits, then the log: key, value, headers."""
    from benchmarks import whatif, workload

    log = list(workload.treatment_log(int(events), int(events) // DISTINCT))
    yield len(workload.outputs_of(whatif.TREATMENT, whatif._rows(log)))
    for key, value, headers in log:
        yield [_text(key), _text(value), [[name, _text(each)] for name, each in headers]]


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def state(requests: str, most: str) -> Iterator[Any]:
    """Send recorded requests through the doors, fold what is accepted; bytes by stage, members."""
    with lzma.open(requests, "rt", encoding="utf-8") as lines:
        chosen = [json.loads(line) for line, _ in zip(lines, range(int(most)), strict=False)]
    yield asyncio.run(_states(chosen))


async def _states(requests: list[dict[str, Any]]) -> dict[str, Any]:
    from benchmarks.whatif import HEALTH_EVENTS, InProcess, all_stages
    from services.runtime.process import collect_garbage_seldom
    from tests.gateways import Settings, gateway

    stages = InProcess(all_stages())
    collect_garbage_seldom()  # as each process of the system does
    with tempfile.TemporaryDirectory() as folder:
        async with gateway(Settings(data_dir=Path(folder))) as (client, door):
            for each in requests:
                await client.post(each["path"], content=each["body"], headers=each["headers"])
            for row in door.store.unsent(10_000_000):
                stages.log.append(HEALTH_EVENTS, 0, row.record)
            doors = door.store.counters()
    stages.run()
    sizes = Counter[str]()
    for running in stages._running:
        sizes[running.stage.name] += sum(len(stored) for _, stored in running.store.items())
    return {name: doors[name] for name in COUNTERS} | {"bytes": dict(sizes)}


def serve() -> Iterator[Any]:
    """Start the whole system without a city, as the decisions benchmark does; answer its port."""
    from benchmarks import decisions

    system = decisions.System(decisions.Options())
    system.start_log()
    try:
        system.start_services()
        system.wait_ready()
        system.start_time(None)
        yield system.ports["gateway"]
        sys.stdin.read()
    finally:
        system.supervisor.stop()
        system.stop_log()


DOING = {
    "folds": folds,
    "records": records,
    "repeat": repeat,
    "serve": serve,
    "state": state,
}

if __name__ == "__main__":
    main()
