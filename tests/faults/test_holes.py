"""The known holes of at-least-once in Faust, each closed by a guard, each open without it.

A test names a mishap and runs it twice: as the worker is, and with the guard taken away. The
second shows that the first can fail.
"""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient

from services.contract.topics import HEALTH_EVENTS
from services.runtime.settings import Settings
from services.runtime.worker import EXIT_FAILED
from tests.workers import WorkerProcess, derived, distinct, facts, publish, read, wait_for

HOUSEHOLDS = 12
SEQUENCES = 30
IN_VAIN_S = 6.0
"""How long a worker that is up is waited for in vain, be it to commit or to say what is missing."""


class Holed(WorkerProcess):
    """The holed stage as a process."""

    module = "tests.faults.holed_stage"


def everything_is_said(settings: Settings, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if len(distinct(derived(settings))) == HOUSEHOLDS * SEQUENCES:
            return True
        time.sleep(0.3)
    return False


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
            time.sleep(IN_VAIN_S)  # it goes on, and commits what it has not done
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
    publish(kafka_settings, facts(HOUSEHOLDS, 1, SEQUENCES + 1))
    with Holed(kafka_settings, tmp_path / "worker", MISHAP="answer_slowly", HOLE=hole) as worker:
        wait_for(lambda: "ready" in worker.said(), "a start")
        time.sleep(2.0)
        worker.send(signal.SIGKILL)

        answered_early = committed(kafka_settings) > 0 and not derived(kafka_settings)

    assert answered_early == bool(hole)


def test_a_worker_without_the_compiled_streams_does_not_start(
    kafka_settings: Settings, tmp_path: Path
) -> None:
    program = (
        "import sys; sys.modules['faust._cython.streams'] = None\n"
        "from services.runtime.worker import main\n"
        "from tests.counting_stage import STAGE\n"
        "main(STAGE)\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={
            "CARELOOP_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
            "CARELOOP_DATA_DIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode != 0
    assert "faust._cython.streams" in ended.stderr
    assert read(kafka_settings, HEALTH_EVENTS) == {number: [] for number in range(4)}
