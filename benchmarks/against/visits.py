"""Processor time for a decided visit: both systems run, one at a time is sent visits."""

import asyncio
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from benchmarks import decisions, report
from benchmarks.against.pairs import Pair
from benchmarks.builds import Build

SETTLE_S = 1.5
"""After the last answer: time for ledger, timeline and checkpoints to catch up."""
START_S = 120.0


@dataclass(slots=True)
class Running:
    """A whole system under its driver."""

    driver: "subprocess.Popen[str]"
    port: int
    processes: dict[str, psutil.Process]
    visits: int = 0

    def cpu_s(self) -> tuple[float, float]:
        """Return the processor seconds so far of all services, and of the broker."""
        spent = {name: each.cpu_times() for name, each in self.processes.items()}
        total = {name: each.user + each.system for name, each in spent.items()}
        broker = total.pop("broker")
        return sum(total.values()), broker


Figures = tuple[float, float, float]
"""Microseconds a visit of services and of the broker, and the median latency in ms."""
Found = dict[int, tuple[list[Figures], list[Figures]]]
"""By rate: what was measured of each build, window by window."""


def measure(builds: Sequence[Build], *, starts: int, rounds: int, seconds: int) -> list[Pair]:
    """Send visits at each rate to each build in turns.

    Both are started anew several times: how its processes happen to fall into step tells one start
    of a build from the next by more than two windows of one start differ. The first round at each
    rate warms both up and is dropped.
    """
    found: Found = {rate: ([], []) for rate in decisions.RATES}
    for start in range(starts):
        order = (0, 1) if start % 2 == 0 else (1, 0)
        drivers = {number: builds[number].drive("serve") for number in order}
        try:
            running = [_ready(drivers[number]) for number in (0, 1)]
            asyncio.run(_measure(running, found, rounds, seconds))
        finally:
            for driver in drivers.values():
                driver.communicate(timeout=START_S)
    return [pair for rate in decisions.RATES for pair in _pairs(rate, *found[rate])]


def _ready(driver: "subprocess.Popen[str]") -> Running:
    assert driver.stdout is not None
    line = driver.stdout.readline()
    if not line:
        raise RuntimeError(f"a system did not start: status {driver.wait()}")
    children = psutil.Process(driver.pid).children(recursive=True)
    return Running(driver, int(line), {_name(each): each for each in children})


def _name(process: psutil.Process) -> str:
    words = process.cmdline()
    services = [word for word in words if word.startswith("services.")]
    return services[0] if services else "broker" if "java" in words[0] else str(process.pid)


async def _measure(running: list[Running], found: Found, rounds: int, seconds: int) -> None:
    members = decisions.WARM_UP_VISITS + (rounds + 1) * seconds * sum(decisions.RATES)
    for system in running:
        await decisions.register(system.port, members)
        await decisions.at_rate(system.port, 0, decisions.WARM_UP_VISITS, 50)
        system.visits = decisions.WARM_UP_VISITS
    for rate in decisions.RATES:
        for turn in range(rounds + 1):
            for number in (0, 1) if turn % 2 == 0 else (1, 0):
                taken = await _window(running[number], rate, seconds)
                if turn > 0:
                    found[rate][number].append(taken)


async def _window(system: Running, rate: int, seconds: int) -> Figures:
    await asyncio.sleep(SETTLE_S)
    before, begun = system.cpu_s(), time.monotonic()
    count = rate * seconds
    latencies = await decisions.at_rate(system.port, system.visits, count, rate)
    system.visits += count
    await asyncio.sleep(max(0.0, begun + seconds + SETTLE_S - time.monotonic()))
    services, broker = (
        (after - was) / count * 1e6 for was, after in zip(before, system.cpu_s(), strict=True)
    )
    return services, broker, report.percentile(latencies, 0.5)


def _pairs(rate: int, base: list[Figures], this: list[Figures]) -> list[Pair]:
    names = ("services, us a visit", "broker, us a visit", "latency p50, ms")
    columns = zip(names, zip(*base, strict=True), zip(*this, strict=True), strict=True)
    return [
        Pair(f"{rate} visits/s: {name}", was, now, at_most=1.0 if name == names[0] else None)
        for name, was, now in columns
    ]
