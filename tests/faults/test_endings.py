"""Nothing outlives the process that started it, and nothing waits for ever for a lost broker."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from services.local.broker import EmbeddedKafka
from services.runtime.process import STOP_S_MAX
from services.runtime.settings import Settings
from tests.workers import WorkerProcess, derived, distinct, facts, publish, wait_for

_PARENT = """
import sys, time
from pathlib import Path
from services.local import orphans
from services.local.supervisor import Service, Supervisor
orphans.GRACE_S = 1
supervisor = Supervisor(Path(sys.argv[1]))
supervisor.start(Service("stubborn", "tests.faults.stubborn"))
print(supervisor.services["stubborn"].pid, flush=True)
time.sleep(120)
"""


@pytest.mark.parametrize(
    ("how", "asleep"), [(signal.SIGKILL, True), (signal.SIGTERM, False), (signal.SIGINT, False)]
)
def test_a_child_that_sleeps_or_ignores_everything_ends_with_its_parent(
    tmp_path: Path, how: signal.Signals, *, asleep: bool
) -> None:
    command = [sys.executable, "-c", _PARENT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        log = tmp_path / "stubborn.log"
        wait_for(lambda: "begun" in log.read_text(), "the child")
        if asleep:
            child.suspend()

        parent.send_signal(how)

    try:
        child.wait(10)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


def test_a_worker_ends_without_its_broker_and_acknowledges_nothing_that_is_not_stored(
    kafka: EmbeddedKafka, kafka_settings: Settings, tmp_path: Path
) -> None:
    publish(kafka_settings, facts(6, 1, 21))
    with WorkerProcess(kafka_settings, tmp_path / "worker") as worker:
        wait_for(lambda: len(distinct(derived(kafka_settings))) == 6 * 20, "the first facts")
        publish(kafka_settings, facts(6, 21, 121))
        os.kill(kafka.pid, signal.SIGSTOP)
        try:
            begun = time.monotonic()
            worker.send(signal.SIGTERM)
            worker.process.wait(STOP_S_MAX + 3)
            took = time.monotonic() - begun
        finally:
            os.kill(kafka.pid, signal.SIGCONT)

    with WorkerProcess(kafka_settings, tmp_path / "worker"):
        wait_for(lambda: len(distinct(derived(kafka_settings))) == 6 * 120, "the other facts")
    assert took < STOP_S_MAX + 3
