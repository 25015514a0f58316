"""This tree beside a commit, in one run and in turns: processor time, rates, bytes of state.

`make bench ARGS="against --base <commit>"`. Each build runs on its own code and its own locked
packages; what is read is the ratio, since the machine is the same for both at the same time.
"""

import json
from collections.abc import Sequence
from typing import Any

from benchmarks import report
from benchmarks.against import instructions, visits, workers
from benchmarks.against.pairs import Pair, figures, tell
from benchmarks.builds import BASE, REQUESTS, STAGES, Build, builds

EVENTS_A_TURN = 6_000


def main(*, quick: bool, base: str = BASE) -> None:
    """Measure both builds; print the ratios of this tree to the base."""
    load = report.begin()
    both = builds(base)
    found = [*_state(both, 400 if quick else 1_000_000)]
    tell(f"Bytes of state for a member, all stages: this tree by {base}", found)
    counted = [] if quick else instructions.measure(both)
    tell("Instructions, counted", counted)
    folds = _folds(both, rounds=12 if quick else 40)
    tell("Folding a log, events a processor second", folds)
    events, rounds = (30_000, 2) if quick else (90_000, 5)
    worked = workers.measure(both, events=events, rounds=rounds)
    tell("A worker on a backlog", worked)
    starts, rounds, seconds = (2, 1, 4) if quick else (3, 3, 8)
    decided = visits.measure(both, starts=starts, rounds=rounds, seconds=seconds)
    tell("From the POST of a discharge to its decision", decided)
    pairs = {pair.name: figures(pair) for pair in (*found, *counted, *folds, *worked, *decided)}
    report.save("against", {"base": base, "pairs": pairs}, quick=quick, load_before=load)


def _state(both: Sequence[Build], most: int) -> list[Pair]:
    said = []
    for build in both:
        out, _ = build.drive("state", str(REQUESTS), str(most)).communicate()
        said.append(json.loads(out))
    base, this = ({name: each[name] for name in each.keys() - {"bytes"}} for each in said)
    if base != this:
        raise AssertionError(f"the doors answered otherwise: {base} and {this}")
    sizes = [
        {name: size / each["members"] for name, size in each["bytes"].items()} for each in said
    ]
    stages = sorted(sizes[0].keys() & sizes[1].keys())
    pairs = [Pair(name, [sizes[0][name]], [sizes[1][name]]) for name in stages]
    was, now = (sum(each.values()) for each in sizes)
    return [*pairs, Pair("all stages", [was], [now], at_most=1.1)]


def _folds(both: Sequence[Build], rounds: int) -> list[Pair]:
    """Fold in many short turns: what else runs on the machine then meets both builds alike."""
    drivers = [build.drive("folds", str(EVENTS_A_TURN)) for build in both]
    rates: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in STAGES}
    for driver in drivers:
        _answer(driver)
    for turn in range(rounds):
        for stage in STAGES:
            for number in (0, 1) if turn % 2 == 0 else (1, 0):
                rates[stage][number].append(_asked(drivers[number], stage))
    for driver in drivers:
        driver.communicate()
    return [Pair(name, *rates[name], at_least=1.0) for name in STAGES]


def _asked(driver: Any, line: str) -> float:
    driver.stdin.write(line + "\n")
    driver.stdin.flush()
    return float(_answer(driver))


def _answer(driver: Any) -> Any:
    line = driver.stdout.readline()
    if not line:
        raise RuntimeError(f"a build ended with status {driver.wait()}; what it said is above")
    return json.loads(line)
