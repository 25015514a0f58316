"""All services on a log that repeats, delays and crashes: from a seed, the whole oracle holds."""

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


def test_the_same_seed_gives_the_same_run():
    first, second = simulate(7, ONE_EPISODE), simulate(7, ONE_EPISODE)

    assert (first.steps, first.records) == (second.steps, second.records)
    assert first.points == second.points
