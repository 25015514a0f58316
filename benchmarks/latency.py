"""One stage: how long an event takes against how many come, and how batches grow with the load."""

import itertools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Producer

from benchmarks import report, workload
from benchmarks.kafka import PARTITIONS, Log, broker, processor_topics
from benchmarks.processes import Child, metrics
from services.contract.codec import Record
from services.contract.topics import CARE_MILESTONES, HEALTH_EVENTS, PAYMENT_EVENTS
from services.local.ports import free_port
from services.runtime.log_writer import partition_of

RATES = (100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000)
HOUSEHOLDS = 5_000
DRAIN_S = 8.0
SATURATED_MS = 1_000.0


@dataclass(frozen=True, slots=True)
class Point:
    """What one rate led to. achieved_s: outputs' causes a second; batch: mean events in one."""

    rate: int
    answered: int
    achieved_s: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    batch: float


def main(*, quick: bool) -> None:
    """Feed treatment at rising rates until its latency says that it is saturated."""
    load = report.begin()
    seconds = 3.0 if quick else 10.0
    rates = [rate for rate in RATES if not quick or rate in {100, 500, 2_000}]
    count = HOUSEHOLDS + int(sum(rates) * seconds) + len(rates) + 1_000
    records = workload.treatment_log(count, HOUSEHOLDS)
    points = []
    with broker() as log:
        log.create(HEALTH_EVENTS, *processor_topics("treatment"))
        log.fill(HEALTH_EVENTS, itertools.islice(records, HOUSEHOLDS + 900))
        port = free_port()
        with Child("services.treatment", log.servers, CARELOOP_METRICS_PORT=str(port)) as child:
            _settled(log, child)
            for rate in rates:
                mine = list(itertools.islice(records, int(rate * seconds)))
                points.append(_point(log, child, port, rate, mine))
                if points[-1].p50_ms > SATURATED_MS:
                    break
    _tell(points)
    body = {"stage": "treatment", "seconds": seconds, "points": [_figures(each) for each in points]}
    report.save("latency", body, quick=quick, load_before=load)


def _settled(log: Log, child: Child) -> None:
    """Wait until the worker has said all about the visits that were there before."""
    deadline = time.monotonic() + 60
    while log.count(PAYMENT_EVENTS) < 300:
        child.check()
        if time.monotonic() > deadline:
            raise TimeoutError(child.said()[-2000:])
        time.sleep(0.2)
    time.sleep(1)


def _point(log: Log, child: Child, port: int, rate: int, records: Sequence[Record]) -> Point:
    before = metrics(port)
    due: dict[bytes, float] = {}
    asked = {
        dict(each.headers)["ce_id"]
        for each in records
        if b"visit.discharged" in dict(each.headers)["ce_type"]
    }
    tail = log.tail(PAYMENT_EVENTS, CARE_MILESTONES)
    tail.poll(0.5)
    epoch = time.perf_counter() + 0.2
    feeding = threading.Thread(target=_feed, args=(log, records, rate, epoch, due))
    feeding.start()
    latencies: list[float] = []
    last = epoch
    give_up = epoch + len(records) / rate + DRAIN_S
    while asked and time.perf_counter() < give_up:
        for message in tail.consume(500, 0.005):
            cause = dict(message.headers() or ()).get("ce_causationid", b"")
            if cause in asked:
                asked.discard(cause)
                last = time.perf_counter()
                latencies.append((last - due[cause]) * 1000)
        child.check()
    feeding.join()
    tail.close()
    after = metrics(port)
    latencies += [(give_up - due[cause]) * 1000 for cause in asked]
    latencies.sort()
    batches = _difference(before, after, "careloop_batch_size_count")
    return Point(
        rate=rate,
        answered=len(latencies) - len(asked),
        achieved_s=(len(latencies) - len(asked)) * 3 / (last - epoch),
        p50_ms=report.percentile(latencies, 0.5),
        p99_ms=report.percentile(latencies, 0.99),
        max_ms=latencies[-1],
        batch=_difference(before, after, "careloop_batch_size_sum") / max(1, batches),
    )


def _feed(
    log: Log, records: Sequence[Record], rate: int, epoch: float, due: dict[bytes, float]
) -> None:
    """Send each record when it is due, however far behind the worker is."""
    producer = Producer({"bootstrap.servers": log.servers, "linger.ms": 0, "log_level": 0})
    for number, record in enumerate(records):
        when = epoch + number / rate
        due[dict(record.headers)["ce_id"]] = when
        ahead = when - time.perf_counter()
        if ahead > 0.0005:
            time.sleep(ahead)
        partition = partition_of(record.key, PARTITIONS)
        producer.produce(
            HEALTH_EVENTS, record.value, record.key, partition, headers=list(record.headers)
        )
        producer.poll(0)
    producer.flush()


def _difference(before: dict[str, float], after: dict[str, float], name: str) -> float:
    key = f'{name}{{service="treatment"}}'
    return after.get(key, 0.0) - before.get(key, 0.0)


def _tell(points: Sequence[Point]) -> None:
    rows = [
        (
            f"{each.rate:,} events/s",
            each.achieved_s,
            each.p50_ms,
            each.p99_ms,
            each.max_ms,
            each.batch,
        )
        for each in points
    ]
    head = ("rate", "done/s", "p50 ms", "p99 ms", "max ms", "events in a batch")
    report.table("Treatment alone: discharge on the log to its bill on the log", head, rows)


def _figures(point: Point) -> dict[str, Any]:
    return {
        "rate_s": point.rate,
        "achieved_s": round(point.achieved_s),
        "answered": point.answered,
        "p50_ms": round(point.p50_ms, 1),
        "p99_ms": round(point.p99_ms, 1),
        "max_ms": round(point.max_ms, 1),
        "batch": round(point.batch, 1),
    }
