"""Side by side: our worker and its peers work off the same backlog by the same rule, in turns."""

import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from benchmarks import report, workload
from benchmarks.kafka import PARTITIONS, Arrived, Log, broker, processor_topics
from benchmarks.peers.stages import stage_named
from benchmarks.processes import Child
from services.contract.codec import Record
from services.contract.topics import CARE_MILESTONES, HEALTH_EVENTS, PAYMENT_EVENTS

OUTPUTS = (PAYMENT_EVENTS, CARE_MILESTONES)
START_S = 60.0
OURS = "Careloop worker"
GOALS = {"Quix Streams": 2.0, "plain Faust": 15.0, "bare loop": 0.6}
WORKERS = {"counting": "benchmarks.counting", "treatment": "services.treatment"}


@dataclass(frozen=True, slots=True)
class Contender:
    """An engine: the module to run, its consumer group, and its own changelog topics."""

    name: str
    module: str
    group: str
    changelogs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """What one contender did in one round. events_s: input events a second."""

    events_s: float
    outputs: int
    repeated: int
    complete: bool
    cpu_us: float
    rss_mb: float


def contenders(stage: str) -> list[Contender]:
    """Return who competes."""
    ours = stage_named(stage)
    return [
        Contender(OURS, WORKERS[stage], f"careloop-{ours.name}"),
        Contender("Quix Streams", "benchmarks.peers.quix", "bench-quix"),
        Contender("plain Faust", "benchmarks.peers.plain_faust", "bench-faust"),
        Contender("bare loop", "benchmarks.peers.bare", "bench-bare"),
    ]


def main(*, quick: bool, rounds: int = 0) -> None:
    """Measure both rules; print medians and ratios. rounds: 0 is one if quick, else three."""
    load = report.begin()
    rounds = rounds or (1 if quick else 3)
    window_s = 6.0 if quick else 12.0
    count, households = (30_000, 5_000) if quick else (150_000, 20_000)
    figures: dict[str, Any] = {
        "rounds": rounds,
        "window_s": window_s,
        "events": count,
        "households": households,
        "partitions": PARTITIONS,
    }
    with broker() as log:
        for stage in WORKERS:
            figures[stage] = _side_by_side(log, stage, count, households, rounds, window_s)
            report.save("throughput", figures, quick=quick, load_before=load)


def _side_by_side(
    log: Log, stage: str, count: int, households: int, rounds: int, window_s: float
) -> dict[str, Any]:
    make = workload.observations if stage == "counting" else workload.treatment_log
    records = list(make(count, households))
    expected = _expected(stage, records)
    log.create(HEALTH_EVENTS)
    log.fill(HEALTH_EVENTS, records)
    runs: dict[str, list[Run]] = defaultdict(list)
    for turn in range(rounds):
        order = contenders(stage)
        for each in order[turn % len(order) :] + order[: turn % len(order)]:
            runs[each.name].append(_run(log, stage, each, expected, count, window_s))
    return _told(stage, records, runs)


def _expected(stage: str, records: list[Record]) -> dict[tuple[str, bytes], list[bytes]]:
    """Return what must be said to each household on each topic: ids in order."""
    rows = workload.by_partition(records, PARTITIONS)
    said: dict[tuple[str, bytes], list[bytes]] = defaultdict(list)
    for topic, record in workload.outputs_of(stage_named(stage), rows):
        said[topic, record.key].append(_mark(dict(record.headers), record.value))
    return dict(said)


def _run(
    log: Log,
    stage: str,
    contender: Contender,
    expected: dict[tuple[str, bytes], list[bytes]],
    count: int,
    window_s: float,
) -> Run:
    wanted = sum(map(len, expected.values()))
    log.forget_group(contender.group)
    stale = [name for name in log.topics() if "changelog" in name]
    log.delete(*stale)
    log.create(*processor_topics(stage_named(stage).name))
    with Child(contender.module, log.servers, BENCH_STAGE=stage) as child:
        first_output(log, child)
        begun, cpu_before, there = time.monotonic(), child.cpu_s(), log.count(*OUTPUTS)
        while log.count(*OUTPUTS) < wanted and time.monotonic() - begun < window_s:
            time.sleep(0.3)
            child.check()
        said = log.count(*OUTPUTS) - there
        cpu_us = (child.cpu_s() - cpu_before) / max(1, said) * 1e6 * wanted / count
        rss_mb = child.rss_mb()
    arrived = [(topic, each) for topic in OUTPUTS for each in log.read(topic)]
    repeated = check(arrived, expected)
    print(f"  {stage}, {contender.name}: {len(arrived):,} outputs", flush=True)
    return Run(
        events_s=rate([each.at_ms for _, each in arrived]) * count / wanted,
        outputs=len(arrived),
        repeated=repeated,
        complete=len(arrived) - repeated == wanted,
        cpu_us=cpu_us,
        rss_mb=rss_mb,
    )


def first_output(log: Log, child: Child) -> None:
    deadline = time.monotonic() + START_S
    while not log.count(*OUTPUTS):
        child.check()
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing was said within {START_S:.0f} s:\n{child.said()[-2000:]}")
        time.sleep(0.1)


def rate(arrivals_ms: list[int]) -> float:
    """Return outputs a second from the first arrival to the last; the first batch sets the clock."""
    if not arrivals_ms:
        return 0.0
    first, last = min(arrivals_ms), max(arrivals_ms)
    return sum(1 for at in arrivals_ms if at > first) / max(1, last - first) * 1000


def check(
    arrived: list[tuple[str, Arrived]], expected: dict[tuple[str, bytes], list[bytes]]
) -> int:
    """Return how many outputs came again; fail if one is wrong, foreign, or out of order."""
    found: dict[tuple[str, bytes], list[bytes]] = defaultdict(list)
    seen: set[tuple[str, bytes]] = set()
    repeated = 0
    for topic, each in arrived:
        mark = _mark(each.headers, each.value)
        if (topic, mark) in seen:
            repeated += 1
            continue
        seen.add((topic, mark))
        found[topic, each.key].append(mark)
    for at, marks in found.items():
        if marks != expected.get(at, [])[: len(marks)]:
            raise AssertionError(f"{at}: what was said is not what the rule says")
    return repeated


def _mark(headers: dict[str, bytes], body: bytes) -> bytes:
    return headers["ce_id"] + b" " + headers["ce_sequence"] + b" " + body


def _told(stage: str, records: list[Record], runs: dict[str, list[Run]]) -> dict[str, Any]:
    medians = {name: report.median([run.events_s for run in mine]) for name, mine in runs.items()}
    ours_us = report.median([run.cpu_us for run in runs[OURS]])
    rows = []
    for name, mine in runs.items():
        ratio = medians[OURS] / max(1.0, medians[name])
        cpu_us = report.median([run.cpu_us for run in mine])
        wish = GOALS.get(name)
        reached = "" if wish is None else f">= {wish:g} x: {report.goal(ratio >= wish)}"
        rows.append(
            (
                name,
                medians[name],
                " ".join(f"{run.events_s:,.0f}" for run in mine),
                ratio,
                reached,
                cpu_us,
                cpu_us / ours_us,
                report.median([run.rss_mb for run in mine]),
                "all right" if all(run.complete for run in mine) else "right so far",
            )
        )
    head = (
        "engine",
        "events/s",
        "rounds",
        "ours is x",
        "goal",
        "us/event",
        "cpu x",
        "RSS MB",
        "outputs",
    )
    report.table(
        f"{stage}: {len(records):,} events of {workload.mean_body(records):.0f} bytes", head, rows
    )
    return _figures(records, runs, medians)


def _figures(
    records: list[Record], runs: dict[str, list[Run]], medians: dict[str, float]
) -> dict[str, Any]:
    ours_us = report.median([run.cpu_us for run in runs[OURS]])
    return {
        "body_bytes": round(workload.mean_body(records)),
        "engines": {
            name: {
                "events_s": round(medians[name]),
                "ours_is_times": round(medians[OURS] / max(1.0, medians[name]), 2),
                "by_processor_time_times": round(
                    report.median([run.cpu_us for run in mine]) / ours_us, 2
                ),
                "goal_times": GOALS.get(name),
                "rounds": [
                    {
                        "events_s": round(run.events_s),
                        "outputs": run.outputs,
                        "repeated": run.repeated,
                        "complete": run.complete,
                        "cpu_us_per_event": round(run.cpu_us, 1),
                        "rss_mb": round(run.rss_mb),
                    }
                    for run in mine
                ],
            }
            for name, mine in runs.items()
        },
    }
