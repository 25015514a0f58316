"""Instructions of the processor, counted by valgrind: the same from run to run to within one per cent.

No time: caches and waiting are not in it, so that it stands beside the times and is not one. But a
busy machine does not change it, and what a change costs is seen at once.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import report
from benchmarks.against.pairs import Pair, figures, tell
from benchmarks.builds import BASE, REQUESTS, STAGES, Build, builds

TIMES = 2
FEWER_REQUESTS, MORE_REQUESTS = 150, 400
_COUNTED = re.compile(r"I\s+refs:\s+([\d,]+)")


def main(*, quick: bool, base: str = BASE) -> None:
    """Count the instructions of both builds alone, as is right on a busy machine."""
    load = report.begin()
    pairs = measure(builds(base))
    tell(f"Instructions, counted: this tree by {base}", pairs)
    told = {pair.name: figures(pair) for pair in pairs}
    report.save("instructions", {"base": base, "pairs": told}, quick=quick, load_before=load)


def measure(both: Sequence[Build]) -> list[Pair]:
    """Return thousands of instructions an event of each stage, and a request of the recorded city.

    Each is the difference of two runs, so that start and imports fall out. Nothing without valgrind.
    """
    if shutil.which("valgrind") is None:
        print("instructions are counted by valgrind, which is not installed: left out", flush=True)
        return []
    once = _counts(both, "repeat", "none", "0")
    pairs = []
    for stage in STAGES:
        more = _counts(both, "repeat", stage, str(TIMES))
        pairs.append(_pair(stage, "event", once, more, [TIMES * count for _, count in more]))
    fewer, more = (
        _counts(both, "state", str(REQUESTS), str(most)) for most in (FEWER_REQUESTS, MORE_REQUESTS)
    )
    difference = MORE_REQUESTS - FEWER_REQUESTS
    return [*pairs, _pair("doors and all stages", "request", fewer, more, [difference] * 2)]


def _pair(
    name: str,
    what: str,
    fewer: Sequence[tuple[int, int]],
    more: Sequence[tuple[int, int]],
    counts: Sequence[int],
) -> Pair:
    base, this = (
        (after[0] - before[0]) / count / 1000
        for before, after, count in zip(fewer, more, counts, strict=True)
    )
    return Pair(f"{name}, 1000 instructions a {what}", [base], [this], at_most=1.0)


def _counts(both: Sequence[Build], *words: str) -> list[tuple[int, int]]:
    """Return instructions and the answer (0 if it is not a number) of one run of each build."""
    with tempfile.TemporaryDirectory() as folder:
        logs = [Path(folder) / str(number) for number in range(len(both))]
        runs = [
            build.drive(*words, under=_valgrind(log)) for build, log in zip(both, logs, strict=True)
        ]
        return [_counted(run, log) for run, log in zip(runs, logs, strict=True)]


def _counted(run: "subprocess.Popen[str]", log: Path) -> tuple[int, int]:
    said, _ = run.communicate()
    found = _COUNTED.search(log.read_text(encoding="utf-8"))
    if run.returncode or found is None:
        raise RuntimeError(f"status {run.returncode} under valgrind; what it said is above")
    answer = said.strip()
    return int(found[1].replace(",", "")), int(answer) if answer.isdigit() else 0


def _valgrind(log: Path) -> tuple[str, ...]:
    options = ("--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
    return ("valgrind", *options, f"--log-file={log}")
