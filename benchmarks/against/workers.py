"""A worker's rate: each build's treatment worker works off the same visits, in turns, on one broker."""

import base64
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import throughput
from benchmarks.against.pairs import Pair
from benchmarks.builds import Build
from benchmarks.kafka import Log, broker, processor_topics
from benchmarks.processes import Child
from services.contract.codec import Record
from services.contract.topics import HEALTH_EVENTS

WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class Work:
    """A backlog in a build's own form. outputs: how many records its worker makes of it."""

    build: Build
    records: tuple[Record, ...]
    outputs: int


def measure(builds: Sequence[Build], *, events: int, rounds: int) -> list[Pair]:
    """Return events a processor second of the worker, and events a second."""
    works = [_work(build, events) for build in builds]
    found: tuple[list[tuple[float, float]], ...] = ([], [])
    with broker() as log:
        for turn in range(rounds):
            for number in (0, 1) if turn % 2 == 0 else (1, 0):
                found[number].append(_run(log, works[number]))
    (base_cpu, base_s), (this_cpu, this_s) = (zip(*each, strict=True) for each in found)
    return [
        Pair("treatment worker, events/cpu s", base_cpu, this_cpu, at_least=1.0),
        Pair("treatment worker, events/s", base_s, this_s),
    ]


def _work(build: Build, events: int) -> Work:
    driver = build.drive("records", str(events))
    assert driver.stdout is not None
    outputs = int(driver.stdout.readline())
    records = tuple(_record(line) for line in driver.stdout)
    driver.communicate()
    return Work(build, records, outputs)


def _record(line: str) -> Record:
    key, value, headers = json.loads(line)
    pairs = tuple((name, base64.b64decode(each)) for name, each in headers)
    return Record(base64.b64decode(key), base64.b64decode(value), pairs)


def _run(log: Log, work: Work) -> tuple[float, float]:
    """Let the worker work off its backlog once; the first batch sets the clock."""
    log.forget_group("careloop-treatment")
    log.create(HEALTH_EVENTS, *processor_topics("treatment"))
    log.fill(HEALTH_EVENTS, work.records)
    with Child("services.treatment", log.servers, build=work.build) as child:
        throughput.first_output(log, child)
        begun, cpu_before = time.monotonic(), child.cpu_s()
        there = log.count(*throughput.OUTPUTS)
        while log.count(*throughput.OUTPUTS) < work.outputs:
            if time.monotonic() - begun > WINDOW_S:
                raise TimeoutError(f"not done within {WINDOW_S:.0f} s:\n{child.said()[-2000:]}")
            time.sleep(0.1)
            child.check()
        share = (work.outputs - there) / work.outputs
        cpu_s = child.cpu_s() - cpu_before
    arrived = [each.at_ms for topic in throughput.OUTPUTS for each in log.read(topic)]
    events = len(work.records)
    return share * events / cpu_s, throughput.rate(arrived) * events / work.outputs
