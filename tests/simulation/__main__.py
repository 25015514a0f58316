"""`python -m tests.simulation SEED STEPS`: run, and say what was done."""

import argparse
import os
import sys
import time

from tests.simulation.episode import Tally, simulate


def say(line: str) -> None:
    """Write a line for whoever runs the command."""
    sys.stdout.write(f"{line}\n")


def main() -> int:
    """Run the simulation as a command."""
    parser = argparse.ArgumentParser(prog="simulate", description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("steps", type=int)
    asked = parser.parse_args()
    tally, begun, cpu = Tally(), time.perf_counter(), time.process_time()
    try:
        simulate(asked.seed, asked.steps, tally)
    except AssertionError:
        say(f"SEED={asked.seed} fails in episode {tally.episodes}")
        raise
    wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
    for point, count in sorted(tally.points.items()):
        say(f"{count:8}  {point}")
    say(
        f"SEED={asked.seed}: {tally.steps} steps in {tally.episodes} episodes, "
        f"{tally.records} records stored, every invariant held"
    )
    say(
        f"{tally.steps / tally.running_s:,.0f} steps/s while running (invariants after each step), "
        f"{tally.steps / wall:,.0f} steps/s with the replay that judges each episode "
        f"({wall:.1f} s wall, load {os.getloadavg()[0]:.1f}); "
        f"{tally.steps / cpu:,.0f} steps per second of processor time, judging included"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
