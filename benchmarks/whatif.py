"""Replay and what-if: a recorded log, folded again on one core, without a broker."""

import gc
import random
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from benchmarks import counting, report, workload
from services.cli.stages import all_stages
from services.contract.codec import Record
from services.contract.member import MemberRegistered
from services.contract.topics import HEALTH_EVENTS, PAYMENT_EVENTS
from services.runtime.fold import PartitionFold, Row
from services.runtime.inprocess import InProcess
from services.runtime.log_writer import partition_of
from services.runtime.process import collect_garbage_seldom
from services.runtime.stage import Stage
from services.runtime.state_store import MemoryStore
from services.screening.app import STAGE as SCREENING
from services.settlement.app import STAGE as SETTLEMENT
from services.treatment.app import STAGE as TREATMENT

GOAL_S = 20_000
PARTITIONS = 12
BATCH = 2_000
FACTS_A_DAY = 1_000

Rows = dict[int, list[Row]]


def main(*, quick: bool) -> None:
    """Fold the logs of the other benchmarks, then a whole one; print events a second on one core."""
    collect_garbage_seldom()  # as in a worker and in `careloop replay`
    load = report.begin()
    count, households, rounds = (15_000, 2_500, 1) if quick else (120_000, 20_000, 3)
    facts, bills = workload.observations, workload.treatment_log
    cases: list[tuple[str, Stage[Any], Callable[[], Rows]]] = [
        ("counting", counting.STAGE, lambda: _rows(facts(count, households))),
        ("screening", SCREENING, lambda: _rows(facts(count, households))),
        ("treatment", TREATMENT, lambda: _rows(bills(count, households))),
        ("settlement", SETTLEMENT, lambda: _rows(requests(count, households))),
    ]
    whole = whole_log(count // 4, households // 4)
    cases += [
        (f"{stage.name}, whole topic", stage, partial(_read_by, stage, whole))
        for stage in all_stages()
    ]
    rows, figures = [], {}
    for name, stage, make in cases:
        records = make()
        total = sum(map(len, records.values()))
        gc.collect()
        gc.freeze()  # replay reads batch by batch: there is no log in memory to look through
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


def whole_log(count: int, households: int) -> InProcess:
    """Return the topics after `count` facts of all kinds and a tick a day, with what all stages said.

    Members are registered and covered; then one turn in two is a visit, the other a reading.
    """
    system = InProcess(all_stages(), PARTITIONS)
    for turn, record in enumerate(_mixed(count, households)):
        system.log.append(HEALTH_EVENTS, partition_of(record.key, PARTITIONS), record)
        if turn % FACTS_A_DAY == 0:
            system.run()
            system.tick(workload.T0 + timedelta(days=turn // FACTS_A_DAY))
    system.run()
    return system


def _mixed(count: int, households: int) -> Iterator[Record]:
    chance = random.Random(workload.SEED)
    facts = workload.Facts()
    born = MemberRegistered(birth_date="1960-05-01", sex="female")
    for number in range(households):
        yield facts.fact(number, born, workload.T0)
    yield from workload.covers(facts, households)
    for turn in range(2 * households, count, 4):
        at = workload.T0 + timedelta(days=turn / FACTS_A_DAY)
        number = chance.randrange(households)
        yield from facts.visit(number, turn, at, 100 * chance.randrange(20, 900))
        yield facts.observed(chance.randrange(households), at, chance.randrange(100, 180))


def _read_by(stage: Stage[Any], system: InProcess) -> Rows:
    return {
        number: list(system.log.rows(stage.input_topic, number)) for number in range(PARTITIONS)
    }


def _rows(records: Iterator[Record]) -> Rows:
    return workload.by_partition(records, PARTITIONS)


def _fold(stage: Stage[Any], records: Rows) -> tuple[float, float]:
    """Return wall and processor seconds; outputs are made and dropped, as a what-if compares them."""
    begun, cpu = time.perf_counter(), time.process_time()
    for partition, rows in records.items():
        store = MemoryStore()
        fold = PartitionFold(stage, partition, store)
        for start in range(0, len(rows), BATCH):
            fold.apply(rows[start : start + BATCH])
            store.put(fold.take_changes())
    return time.perf_counter() - begun, time.process_time() - cpu
