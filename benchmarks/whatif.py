"""Replay and what-if: a recorded log, folded again on one core, without a broker."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks import counting, report, workload
from services.contract.codec import Record
from services.contract.topics import PAYMENT_EVENTS
from services.runtime.fold import PartitionFold, Row
from services.runtime.stage import Stage
from services.runtime.state_store import MemoryStore
from services.screening.app import STAGE as SCREENING
from services.settlement.app import STAGE as SETTLEMENT
from services.treatment.app import STAGE as TREATMENT

GOAL_S = 20_000
PARTITIONS = 12
BATCH = 2_000


def main(*, quick: bool) -> None:
    """Fold the same logs as the other benchmarks; print events a second on one core."""
    load = report.begin()
    count, households, rounds = (15_000, 2_500, 1) if quick else (120_000, 20_000, 3)
    logs: dict[str, tuple[Stage[Any], Callable[[], Iterator[Record]]]] = {
        "counting": (counting.STAGE, lambda: workload.observations(count, households)),
        "screening": (SCREENING, lambda: workload.observations(count, households)),
        "treatment": (TREATMENT, lambda: workload.treatment_log(count, households)),
        "settlement": (SETTLEMENT, lambda: requests(count, households)),
    }
    rows, figures = [], {}
    for name, (stage, make) in logs.items():
        records = workload.by_partition(make(), PARTITIONS)
        total = sum(map(len, records.values()))
        taken = [_fold(stage, records) for _ in range(rounds)]
        rate, cpu = (total / report.median(list(each)) for each in zip(*taken, strict=True))
        rows.append((name, total, rate, cpu, 1e6 / cpu, report.goal(cpu >= GOAL_S)))
        figures[name] = {
            "events": total,
            "events_s": round(rate),
            "events_per_cpu_s": round(cpu),
            "us_per_event": round(1e6 / cpu, 1),
            "goal_s": GOAL_S,
        }
    head = ("rule", "events", "events/s", "events/cpu s", "us/event", f">= {GOAL_S:,}")
    report.table("Folding a recorded log on one core", head, rows)
    report.save("whatif", {"rules": figures}, quick=quick, load_before=load)


def requests(count: int, households: int) -> Iterator[Record]:
    """Yield the payment requests that treatment makes of a log of `count` facts."""
    log = workload.by_partition(workload.treatment_log(count, households), PARTITIONS)
    for topic, record in workload.outputs_of(TREATMENT, log):
        if topic == PAYMENT_EVENTS:
            yield record


def _fold(stage: Stage[Any], records: dict[int, list[Row]]) -> tuple[float, float]:
    """Return wall and processor seconds; outputs are made and dropped, as a what-if compares them."""
    begun, cpu = time.perf_counter(), time.process_time()
    for partition, rows in records.items():
        store = MemoryStore()
        fold = PartitionFold(stage, partition, store)
        for start in range(0, len(rows), BATCH):
            fold.apply(rows[start : start + BATCH])
            store.put(fold.take_changes())
    return time.perf_counter() - begun, time.process_time() - cpu
