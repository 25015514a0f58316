"""Runs inside one build, whichever it is, on its own code: answers each line with a line of JSON.

It takes what may have moved between builds from the benchmarks and tests of the build itself:
`benchmarks.whatif`, `benchmarks.workload`, `benchmarks.decisions` and `tests.gateways`.
"""

import asyncio
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

DISTINCT = 6
"""A log has so many events for each of its households."""


def main() -> None:
    """Do what the first word says, until standard input ends."""
    doing = {"folds": folds, "state": state, "serve": serve}[sys.argv[1]]
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a build logs is no answer
        for answer in doing(*sys.argv[2:]):
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


def folds(events: str) -> Iterator[Any]:
    """Fold a stage's log once for each line that names the stage; events a processor second."""
    from benchmarks import whatif, workload
    from services.runtime.process import collect_garbage_seldom

    collect_garbage_seldom()
    sizes = (int(events), int(events) // DISTINCT)
    logs = {
        "screening": workload.observations,
        "treatment": workload.treatment_log,
        "settlement": whatif.requests,
    }
    rows = {name: whatif._rows(make(*sizes)) for name, make in logs.items()}
    gc.collect()
    gc.freeze()
    stages = {stage.name: stage for stage in whatif.all_stages()}
    yield "ready"
    for line in sys.stdin:
        name = line.strip()
        _, cpu_s = whatif._fold(stages[name], rows[name])
        yield sum(map(len, rows[name].values())) / cpu_s


def state(requests: str, most: str) -> Iterator[Any]:
    """Send recorded requests through the doors, fold what is accepted; bytes by stage, members."""
    with lzma.open(requests, "rt", encoding="utf-8") as lines:
        chosen = [json.loads(line) for line, _ in zip(lines, range(int(most)), strict=False)]
    yield asyncio.run(_states(chosen))


async def _states(requests: list[dict[str, Any]]) -> dict[str, Any]:
    from benchmarks.whatif import HEALTH_EVENTS, InProcess, all_stages
    from tests.gateways import Settings, gateway

    stages = InProcess(all_stages())
    with tempfile.TemporaryDirectory() as folder:
        async with gateway(Settings(data_dir=Path(folder))) as (client, door):
            for each in requests:
                await client.post(each["path"], content=each["body"], headers=each["headers"])
            for row in door.store.unsent(10_000_000):
                stages.log.append(HEALTH_EVENTS, 0, row.record)
            members = door.store.counters()["members"]
    stages.run()
    sizes = Counter[str]()
    for running in stages._running:
        sizes[running.stage.name] += sum(len(stored) for _, stored in running.store.items())
    return {"members": members, "bytes": dict(sizes)}


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


if __name__ == "__main__":
    main()
