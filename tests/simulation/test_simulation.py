"""All services on a log that repeats, delays and crashes: from a seed, the whole oracle holds."""

import os
import subprocess
import sys

from tests.simulation.episode import Tally, simulate

ONE_EPISODE = 1
SEEDS = (1, 2, 3, 4, 5)
HARD = ("FencedError", "crash: amid changelog", "pause: amid changelog", "lose_disk: disk lost")


def test_nothing_is_lost_or_done_twice_whatever_fails_and_whoever_goes_first():
    tally = Tally()

    for seed in SEEDS:
        one = simulate(seed, ONE_EPISODE)
        tally.points += one.points

    for point in HARD:
        assert tally.points[point] > 0, f"{point} did not happen: the runs do not count"


def test_the_same_seed_gives_the_same_run_in_every_process():
    command = [sys.executable, "-m", "tests.simulation", "1", "1"]
    told = [
        subprocess.run(
            command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("0", "1")
    ]

    first, second = (text[: text.index(b"every invariant held")] for text in told)
    assert first == second
