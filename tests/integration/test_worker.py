"""The worker on a real Kafka: killed, paused, moved, restored."""

import random
import shutil
import signal
import time
from pathlib import Path

from services.contract.codec import encode
from services.contract.topics import HEALTH_EVENTS
from services.runtime.drain import Progress
from services.runtime.settings import Settings
from services.runtime.ticks import tick
from tests.counting_stage import STAGE
from tests.workers import (
    T0,
    WorkerProcess,
    assert_states_equal_replay,
    derived,
    distinct,
    facts,
    publish,
    wait_for,
)

HOUSEHOLDS = 20


def assert_everything_said_once(settings: Settings, sequences: int) -> None:
    """Every fact has led to exactly one output, numbered without a gap, and no id has two bodies."""
    wanted = HOUSEHOLDS * sequences
    wait_for(lambda: len(distinct(derived(settings))) >= wanted, f"{wanted} outputs")
    said = distinct(derived(settings)).values()
    by_household: dict[str, list[int]] = {}
    for event in said:
        by_household.setdefault(event.household, []).append(event.sequence)
    assert len(said) == wanted
    assert all(sorted(found) == list(range(1, sequences + 1)) for found in by_household.values())


def test_a_worker_that_is_killed_again_and_again_loses_and_repeats_nothing(
    kafka_settings: Settings, tmp_path: Path
) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201  # shown when the test fails
    chance = random.Random(seed)
    published = 1
    for _ in range(4):
        publish(kafka_settings, facts(HOUSEHOLDS, published, published + 50))
        published += 50
        with WorkerProcess(kafka_settings, tmp_path / "worker") as worker:
            time.sleep(chance.uniform(2.5, 5.0))
            worker.kill()

    with WorkerProcess(kafka_settings, tmp_path / "worker") as worker:
        assert_everything_said_once(kafka_settings, published - 1)
        assert worker.stop() == 0

    assert_states_equal_replay(kafka_settings)


def test_the_partitions_of_a_killed_worker_go_on_in_another(
    kafka_settings: Settings, tmp_path: Path
) -> None:
    publish(kafka_settings, facts(HOUSEHOLDS, 1, 51))
    with (
        WorkerProcess(kafka_settings, tmp_path / "first") as first,
        WorkerProcess(kafka_settings, tmp_path / "second") as second,
    ):
        wait_for(lambda: len(derived(kafka_settings)) > 0, "the first output")
        publish(kafka_settings, facts(HOUSEHOLDS, 51, 101))
        first.kill()
        publish(kafka_settings, facts(HOUSEHOLDS, 101, 151))

        assert_everything_said_once(kafka_settings, 150)
        assert second.stop() == 0

    assert_states_equal_replay(kafka_settings)


def test_a_worker_without_its_folder_restores_its_states_from_the_changelog(
    kafka_settings: Settings, tmp_path: Path
) -> None:
    publish(kafka_settings, facts(HOUSEHOLDS, 1, 101))
    with WorkerProcess(kafka_settings, tmp_path / "worker") as worker:
        assert_everything_said_once(kafka_settings, 100)
        assert worker.stop() == 0
    shutil.rmtree(tmp_path / "worker")

    publish(kafka_settings, facts(HOUSEHOLDS, 101, 151))
    with WorkerProcess(kafka_settings, tmp_path / "worker") as worker:
        assert_everything_said_once(kafka_settings, 150)
        assert worker.stop() == 0

    assert len(derived(kafka_settings)) == HOUSEHOLDS * 150
    assert_states_equal_replay(kafka_settings)


def test_a_worker_that_slept_through_its_session_leaves_nothing_stale_behind(
    kafka_settings: Settings, tmp_path: Path
) -> None:
    publish(kafka_settings, facts(HOUSEHOLDS, 1, 301))
    with WorkerProcess(kafka_settings, tmp_path / "sleeper") as sleeper:
        wait_for(lambda: len(derived(kafka_settings)) > 0, "the first output")
        sleeper.send(signal.SIGSTOP)
        with WorkerProcess(kafka_settings, tmp_path / "other") as other:
            publish(kafka_settings, facts(HOUSEHOLDS, 301, 351))
            assert_everything_said_once(kafka_settings, 350)
            sleeper.send(signal.SIGCONT)
            time.sleep(3)
            publish(kafka_settings, facts(HOUSEHOLDS, 351, 401))
            assert_everything_said_once(kafka_settings, 400)
            other.stop()
            sleeper.stop()  # it may have taken partitions over again, and stores their states

    assert_states_equal_replay(kafka_settings)


def test_commits_follow_many_fetches_of_which_the_first_was_offset_0_alone(
    kafka_settings: Settings, tmp_path: Path
) -> None:
    ticks = [encode(tick(HEALTH_EVENTS, n, T0, T0)) for n in range(kafka_settings.partitions)]
    publish(kafka_settings, ticks)
    with (
        WorkerProcess(kafka_settings, tmp_path / "worker") as worker,
        Progress(kafka_settings) as progress,
    ):
        group = f"careloop-{STAGE.name}"
        wait_for(lambda: progress.lag(progress.ends())[group] == 0, "the ticks to be read")

        for begin in range(1, 101, 2):
            publish(kafka_settings, facts(HOUSEHOLDS, begin, begin + 2))

        assert_everything_said_once(kafka_settings, 100)
        began = time.monotonic()
        wait_for(lambda: progress.lag(progress.ends())[group] == 0, "the commits to follow")
        assert time.monotonic() - began < 10
        assert worker.stop() == 0
