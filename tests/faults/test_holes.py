"""The known holes of at-least-once in Faust, each closed by a guard, each open without it.

A test names a mishap and runs it twice: as the worker is, and with the guard taken away. The
second shows that the first can fail.
"""

import re
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient

from services.contract.codec import encode
from services.contract.topics import HEALTH_EVENTS
from services.runtime.fold import PartitionFold, Row
from services.runtime.settings import Settings
from services.runtime.state_store import MemoryStore
from services.runtime.ticks import tick
from services.runtime.worker import EXIT_FAILED
from tests.counting_stage import STAGE
from tests.faults.holed_stage import FIRST_IS_WRITTEN, HOLES, NONE_GIVEN, READ_AGAIN
from tests.workers import (
    T0,
    WorkerProcess,
    derived,
    distinct,
    facts,
    publish,
    wait_for,
    wait_stored,
)

HOUSEHOLDS = 12
SEQUENCES = 30
TOMORROW = T0 + timedelta(days=1, minutes=2)
IN_VAIN_S = 6.0
"""How long a worker that is up is waited for in vain, to say what is missing."""


class Holed(WorkerProcess):
    """The holed stage as a process."""

    module = "tests.faults.holed_stage"


class Uncompiled(WorkerProcess):
    """The same with the pure-Python streams of Faust."""

    module = "tests.faults.uncompiled_stage"


def wait_until(condition: Callable[[], bool], within_s: float) -> bool:
    """Wait for what may stay out; returns whether it came."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.3)
    return False


def everything_is_said(settings: Settings, within_s: float) -> bool:
    wanted = HOUSEHOLDS * SEQUENCES
    return wait_until(lambda: len(distinct(derived(settings))) == wanted, within_s)


def read_again(worker: Holed) -> int:
    """Return how many records a worker says were delivered to it a second time."""
    return sum(map(int, re.findall(f"{READ_AGAIN}(\\d+)", worker.said())))


def committed(settings: Settings) -> int:
    """Return how many records the group says it has done with."""
    with KafkaAdminClient(bootstrap_servers=settings.bootstrap_servers) as admin:
        offsets = admin.list_group_offsets(["careloop-screening"])["careloop-screening"]
    return sum(max(0, each.offset) for at, each in offsets.items() if at.topic == HEALTH_EVENTS)


def said_after_a_mishap(settings: Settings, folder: Path, mishap: str, hole: str) -> bool:
    """Meet the mishap under load, start again without it; return whether nothing is missing."""
    publish(settings, facts(HOUSEHOLDS, 1, SEQUENCES // 2))
    with Holed(settings, folder / "worker", MISHAP=mishap, HOLE=hole) as worker:
        wait_for(lambda: "ready" in worker.said() or worker.process.poll() is not None, "a start")
        for sequence in range(SEQUENCES // 2, SEQUENCES + 1, 4):
            publish(settings, facts(HOUSEHOLDS, sequence, min(sequence + 4, SEQUENCES + 1)))
            time.sleep(0.5)
        if hole:
            wait_stored(settings)  # it goes on, and commits what it has not done
        else:
            assert worker.process.wait(60) == EXIT_FAILED
        starts = worker.said().count("ready")
    with Holed(settings, folder / "worker") as mended:
        wait_for(
            lambda: mended.said().count("ready") > starts or mended.process.poll() is not None,
            "a start",
        )
        return everything_is_said(settings, IN_VAIN_S if hole else 60.0)


@pytest.mark.parametrize("mishap", ["raise_at_a_value", "fail_a_send", "skip_a_fetch"])
def test_a_mishap_stops_the_process_and_nothing_is_missing_after(
    kafka_settings: Settings, tmp_path: Path, mishap: str
) -> None:
    assert said_after_a_mishap(kafka_settings, tmp_path, mishap, hole="")


@pytest.mark.parametrize(
    ("mishap", "hole"),
    [
        ("raise_at_a_value", "ack_on_exception"),
        ("fail_a_send", "forget_failed_sends"),
        ("skip_a_fetch", "allow_gaps"),
    ],
)
def test_without_its_guard_the_same_mishap_loses_events(
    kafka_settings: Settings, tmp_path: Path, mishap: str, hole: str
) -> None:
    assert not said_after_a_mishap(kafka_settings, tmp_path, mishap, hole)


@pytest.mark.parametrize("hole", ["", "send_in_the_background"])
def test_no_offset_is_answered_before_the_outputs_are_stored(
    kafka_settings: Settings, tmp_path: Path, hole: str
) -> None:
    publish(kafka_settings, facts(1, 1, 2))
    with Holed(
        kafka_settings, tmp_path / "worker", MISHAP="answer_the_first_too_late", HOLE=hole
    ) as worker:
        wait_for(lambda: FIRST_IS_WRITTEN in worker.said(), "the outputs to be under way")
        answered_early = wait_until(lambda: committed(kafka_settings) > 0, 15.0 if hole else 2.0)
        worker.send(signal.SIGKILL)

    assert answered_early == bool(hole)
    assert derived(kafka_settings) == []


@pytest.mark.parametrize("hole", ["", "work_on_fetches_at_once"])
def test_no_fetch_is_answered_before_the_one_in_front_of_it(
    kafka_settings: Settings, tmp_path: Path, hole: str
) -> None:
    publish(kafka_settings, facts(1, 1, 2))
    with Holed(
        kafka_settings, tmp_path / "worker", MISHAP="answer_the_first_too_late", HOLE=hole
    ) as worker:
        wait_for(lambda: FIRST_IS_WRITTEN in worker.said(), "the first fetch to be under way")
        publish(kafka_settings, facts(1, 2, 4))
        passed_over = wait_until(lambda: committed(kafka_settings) > 1, 15.0 if hole else 2.0)
        worker.send(signal.SIGKILL)
    with Holed(kafka_settings, tmp_path / "worker") as mended:
        wait_for(lambda: "ready" in mended.said(), "a start")
        within_s = IN_VAIN_S if hole else 30.0
        missing = not wait_until(lambda: len(distinct(derived(kafka_settings))) == 3, within_s)

    assert passed_over == bool(hole)
    assert missing == bool(hole)


@pytest.mark.parametrize("hole", ["", "read_from_the_commit", "count_everything"])
def test_what_a_rebalance_delivers_again_is_applied_once(
    kafka_settings: Settings, tmp_path: Path, hole: str
) -> None:
    """Nothing is committed: the one who joins, and the one who stays, read everything again.

    Two guards stand behind one another, the position and the sequences; the second hole is both.
    """
    total = HOUSEHOLDS * SEQUENCES
    environment = {
        "MISHAP": "tell_what_is_read_again",
        "HOLE": hole,
        "CARELOOP_COMMIT_INTERVAL_S": "3600",
    }
    publish(kafka_settings, facts(HOUSEHOLDS, 1, SEQUENCES + 1))
    with Holed(kafka_settings, tmp_path / "first", **environment) as first:
        wait_for(lambda: len(derived(kafka_settings)) >= total, "all outputs")
        with Holed(kafka_settings, tmp_path / "second", **environment) as second:
            wait_for(lambda: "ready" in second.said(), "a second worker")
            wait_for(lambda: read_again(first) > 0, "a second delivery")
            publish(kafka_settings, facts(HOUSEHOLDS, SEQUENCES + 1, SEQUENCES + 2))
            wait_for(lambda: len(derived(kafka_settings)) >= total + HOUSEHOLDS, "all outputs")
            repeats = hole == "count_everything"
            twice = wait_until(
                lambda: len(derived(kafka_settings)) > total + HOUSEHOLDS, 15.0 if repeats else 1.0
            )

    assert twice == repeats


@pytest.mark.parametrize("hole", ["", "allow_gaps"])
def test_a_log_that_has_lost_its_beginning_is_not_read_as_if_it_were_whole(
    kafka_settings: Settings, tmp_path: Path, hole: str
) -> None:
    publish(kafka_settings, facts(HOUSEHOLDS, 1, 3))
    with KafkaAdminClient(bootstrap_servers=kafka_settings.bootstrap_servers) as admin:
        admin.delete_records({TopicPartition(HEALTH_EVENTS, 0): 1})

    with Holed(kafka_settings, tmp_path / "worker", HOLE=hole) as worker:
        wait_for(
            lambda: worker.process.poll() is not None or bool(derived(kafka_settings)), "an end"
        )
        stopped = wait_until(lambda: worker.process.poll() == EXIT_FAILED, 2.0 if hole else 15.0)

    assert stopped == (not hole)
    assert ("GapInLogError" in worker.said()) == (not hole)


@pytest.mark.parametrize("hole", ["", "store_the_position_first"])
def test_a_changelog_write_that_is_cut_anywhere_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, hole: str
) -> None:
    """A worker dies while its changes go out: some are on the changelog, and it begins again."""
    monkeypatch.setattr(PartitionFold, "take_changes", PartitionFold.take_changes)
    if hole:
        HOLES[hole]()
    records = [*facts(3, 1, 4), encode(tick(HEALTH_EVENTS, 0, TOMORROW, TOMORROW)), *facts(3, 4, 6)]
    rows = [Row(offset, record) for offset, record in enumerate(records)]
    whole = PartitionFold(STAGE, 0, MemoryStore())
    said = whole.apply(rows).outputs
    changes = whole.take_changes()

    different = 0
    for cut in range(len(changes) + 1):
        store = MemoryStore()
        store.put(dict(list(changes.items())[:cut]))
        again = PartitionFold(STAGE, 0, store)
        assert all(each in said for each in again.apply(rows).outputs)
        store.put(again.take_changes())
        different += dict(store.items()) != changes

    assert (different > 0) == bool(hole)


@pytest.mark.parametrize("hole", ["", "look_at_nothing"])
def test_a_worker_that_stands_still_with_records_before_it_ends_to_be_started_again(
    kafka_settings: Settings, tmp_path: Path, hole: str
) -> None:
    publish(kafka_settings, facts(1, 1, 2))
    guarded = {"MISHAP": "deliver_nothing", "HOLE": hole, "CARELOOP_STALL_S": "2"}
    with Holed(kafka_settings, tmp_path / "worker", **guarded) as worker:
        wait_for(lambda: "ready" in worker.said() or worker.process.poll() is not None, "a start")
        ended = wait_until(lambda: worker.process.poll() == EXIT_FAILED, 5.0 if hole else 20.0)

    assert ended == (not hole)
    assert ("records wait, by partition" in worker.said()) == (not hole)


@pytest.mark.parametrize("hole", ["", "believe_old_metadata"])
def test_a_worker_that_joined_without_knowing_its_topics_is_given_them_soon(
    kafka_settings: Settings, tmp_path: Path, hole: str
) -> None:
    publish(kafka_settings, facts(1, 1, 2))
    mishap = "join_before_the_topics_are_known"
    with Holed(kafka_settings, tmp_path / "worker", MISHAP=mishap, HOLE=hole) as worker:
        wait_for(lambda: NONE_GIVEN in worker.said(), "a first generation of the group")
        said = wait_until(lambda: len(derived(kafka_settings)) == 1, 10.0 if hole else 30.0)

    assert said == (not hole)


@pytest.mark.parametrize("hole", ["", "believe_any_streams"])
def test_a_worker_without_the_compiled_streams_does_not_start(
    kafka_settings: Settings, tmp_path: Path, hole: str
) -> None:
    with Uncompiled(kafka_settings, tmp_path / "worker", HOLE=hole) as worker:
        wait_for(lambda: "ready" in worker.said() or worker.process.poll() is not None, "a start")
        refused = worker.process.poll() not in {None, 0}

    assert refused == (not hole)
    assert ("faust._cython.streams" in worker.said()) == (not hole)
