"""`python -m tests.faults --seed S --runs N`: see docs/faults.md."""

import argparse
import logging
import math
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.faults.oracle import Oracle, stages
from tests.faults.plan import Fault, deck, extras
from tests.faults.run import Result, Run
from tests.faults.system import FaultSystem


def main(arguments: list[str]) -> int:
    """Return the exit status: 0 if nothing was ever violated, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--seed", type=int, default=None, help="repeats the plan of another run")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--report", type=Path, help="write the lines and the table here too")
    parser.add_argument("--for", type=float, dest="seconds", help="begin no run after SECONDS")
    parser.add_argument("--only", default="", help="only faults whose name contains this")
    options = parser.parse_args(arguments)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a killed broker is meant
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: in order
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    folder = Path(tempfile.mkdtemp(prefix="careloop-faults-"))
    report = _Report(options.report)
    report.say(f"seed {seed}, database {options.database}, logs in {folder}")
    until = math.inf if options.seconds is None else time.monotonic() + options.seconds
    ended = ""
    try:
        run_all(
            seed, options.runs, options.database, folder, report.run, only=options.only, until=until
        )
    except BaseException as error:  # noqa: BLE001  # what was found so far is told all the same
        ended = f"ENDED by {error!r}; "
        (folder / "error.txt").write_text(traceback.format_exc())
    report.table({card.name for card in _cards(random.Random(0), options.database, options.only)})
    failed = sum(bool(result.wrong) for result in report.results)
    if failed or ended:
        verdict = f"VIOLATED in {failed} runs; " if failed else ""
        report.say(f"{ended}{verdict}seed {seed}; logs are kept in {folder}")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    report.say(f"nothing lost, nothing twice, in {len(report.results)} runs; seed {seed}")
    return 0


def run_all(
    seed: int,
    runs: int,
    database: str,
    folder: Path,
    tell: Callable[[Result], object],
    *,
    only: str = "",
    until: float = math.inf,
) -> list[Result]:
    """Carry out runs on one system; a violation ends them, since it would taint what follows.

    until: no run begins after this moment of the monotonic clock.
    """
    chance = random.Random(seed)
    system = FaultSystem(folder, database)
    results: list[Result] = []
    cards: list[Fault] = []
    billed = 0
    try:
        system.start()
        oracle = Oracle(system.settings, stages())
        for number in range(1, runs + 1):
            if time.monotonic() > until:
                break
            if not cards:
                cards = _cards(chance, database, only)
            primary = cards.pop()
            plan = [primary, *(extras(chance, primary, database) if not only else ())]
            run = Run(system, oracle, f"r{number}", plan, f"{seed}-{number}")
            billed = run.carry_out(billed)
            results.append(run.result)
            tell(run.result)
            if run.result.wrong:
                break
            if not run.result.hit[primary]:  # again, at the first hit, before the next deck
                cards.insert(0, replace(primary, hit=1))
    finally:
        system.stop()
    return results


def _cards(chance: random.Random, database: str, only: str) -> list[Fault]:
    cards = [card for card in deck(chance, database) if only in f"{card.name} {card}"]
    if not cards:
        raise SystemExit(f"no fault's name contains {only!r}")
    return cards


class _Report:
    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._begun = time.monotonic()
        self.results: list[Result] = []
        if path is not None:
            path.write_text("")

    def say(self, line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        if self._path is not None:
            with self._path.open("a") as file:
                file.write(f"{line}\n")

    def run(self, result: Result) -> None:
        self.results.append(result)
        self.say(result.line())
        for what in result.wrong:
            self.say(f"      {what}")

    def table(self, cards: set[str]) -> None:
        """Say how often each fault was hit; cards: the faults that were to be."""
        rows: dict[str, Counter[str]] = defaultdict(Counter)
        for result in self.results:
            for fault in result.faults:
                row = rows[fault.name]
                row["runs"] += 1
                row["hit"] += result.hit[fault]
                row["healed"] += result.hit[fault] and not result.wrong
            primary = rows[result.faults[0].name]
            primary["fenced"] += result.fenced
            primary["duplicates"] += result.duplicates
        columns = ("runs", "hit", "healed", "fenced", "duplicates")
        self.say(f"{'fault':45}" + "".join(f"{column:>11}" for column in columns))
        for name, row in sorted(rows.items()):
            self.say(f"{name:45}" + "".join(f"{row[column]:>11}" for column in columns))
        never = sorted(name for name in cards if not rows[name]["hit"])
        counted = sum(result.counts for result in self.results)
        seconds = time.monotonic() - self._begun
        self.say(f"{len(self.results)} runs, {counted} count, {seconds:.0f} s")
        self.say(f"{len(cards) - len(never)} of {len(cards)} faults of the deck were hit")
        for name in never:
            self.say(f"never hit: {name}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
