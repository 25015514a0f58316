"""The worker on a real Kafka: killed, paused, moved, restored."""

import random
import shutil
import signal
import time
from pathlib import Path

from services.contract.codec import encode
from services.contract.topics import HEALTH_EVENTS
from services.runtime.drain import Progress
from services.runtime.fault_points import POINTS
from services.runtime.settings import Settings
from services.runtime.ticks import tick
from services.runtime.worker import EXIT_FAILED
from tests.counting_stage import STAGE
from tests.workers import (
    T0,
    WAIT_S,
    WorkerProcess,
    assert_states_equal_replay,
    derived,
    distinct,
    facts,
    publish,
    wait_for,
    wait_stored,
)

HOUSEHOLDS = 20
POINTS_OF_A_BATCH = [point for point in POINTS if point.startswith("worker.")]


def assert_everything_said_once(settings: Settings, sequences: int) -> None:
    """Every fact has led to exactly one output, numbered without a gap, and no id has two bodies."""
    wanted = HOUSEHOLDS * sequences
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
    for point in chance.sample(POINTS_OF_A_BATCH, 3):
        publish(kafka_settings, facts(HOUSEHOLDS, published, published + 50))
        published += 50
        fault = {"CARELOOP_FAULT": f"{point}:1:kill", "CARELOOP_FAULT_LOG": str(tmp_path / "hit")}
        with WorkerProcess(kafka_settings, tmp_path / "worker", **fault) as worker:
            assert worker.process.wait(WAIT_S) == -signal.SIGKILL, point

    with WorkerProcess(kafka_settings, tmp_path / "worker") as worker:
        wait_stored(kafka_settings, worker)
        assert worker.stop() == 0

    assert_everything_said_once(kafka_settings, published - 1)
    assert_states_equal_replay(kafka_settings)


def test_the_partitions_of_a_killed_worker_go_on_in_another(
    kafka_settings: Settings, tmp_path: Path
) -> None:
    publish(kafka_settings, facts(HOUSEHOLDS, 1, 51))
    with (
        WorkerProcess(kafka_settings, tmp_path / "first") as first,
        WorkerProcess(kafka_settings, tmp_path / "second") as second,
    ):
        wait_for(lambda: "ready" in first.said() and "ready" in second.said(), "both to work")
        publish(kafka_settings, facts(HOUSEHOLDS, 51, 101))
        first.kill()
        publish(kafka_settings, facts(HOUSEHOLDS, 101, 151))

        wait_stored(kafka_settings, second)
        assert second.stop() == 0

    assert_everything_said_once(kafka_settings, 150)
    assert_states_equal_replay(kafka_settings)


def test_a_worker_without_its_folder_restores_its_states_from_the_changelog(
    kafka_settings: Settings, tmp_path: Path
) -> None:
    publish(kafka_settings, facts(HOUSEHOLDS, 1, 101))
    with WorkerProcess(kafka_settings, tmp_path / "worker") as worker:
        wait_stored(kafka_settings, worker)
        assert worker.stop() == 0
    shutil.rmtree(tmp_path / "worker")

    publish(kafka_settings, facts(HOUSEHOLDS, 101, 151))
    with WorkerProcess(kafka_settings, tmp_path / "worker") as worker:
        wait_stored(kafka_settings, worker)
        assert worker.stop() == 0

    assert_everything_said_once(kafka_settings, 150)
    assert len(derived(kafka_settings)) == HOUSEHOLDS * 150
    assert_states_equal_replay(kafka_settings)


def test_a_worker_that_slept_through_its_session_leaves_nothing_stale_behind(
    kafka_settings: Settings, tmp_path: Path
) -> None:
    publish(kafka_settings, facts(HOUSEHOLDS, 1, 301))
    sleeps = {
        "CARELOOP_FAULT": "worker.generation_checked:1:stop",
        "CARELOOP_FAULT_LOG": str(tmp_path / "hit"),
    }
    with WorkerProcess(kafka_settings, tmp_path / "sleeper", **sleeps) as sleeper:
        wait_for((tmp_path / "hit").exists, "it to fall asleep")
        with WorkerProcess(kafka_settings, tmp_path / "other") as other:
            publish(kafka_settings, facts(HOUSEHOLDS, 301, 351))
            wait_stored(kafka_settings, other)
            sleeper.send(signal.SIGCONT)
            assert sleeper.process.wait(WAIT_S) == EXIT_FAILED
            publish(kafka_settings, facts(HOUSEHOLDS, 351, 401))
            wait_stored(kafka_settings, other)
            assert other.stop() == 0

    assert "FencedError" in sleeper.said()
    assert_everything_said_once(kafka_settings, 400)
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

        outputs = HOUSEHOLDS * 100
        wait_for(lambda: len(derived(kafka_settings)) >= outputs, f"{outputs} outputs")
        began = time.monotonic()
        wait_for(lambda: progress.lag(progress.ends())[group] == 0, "the commits to follow")
        assert time.monotonic() - began < 10
        assert worker.stop() == 0
