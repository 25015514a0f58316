"""`careloop run --data-dir`: everything killed at once under load, and started again."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from sqlalchemy import func, select

from services.contract.payment import PaymentDecided, PaymentRequested, PaymentReversed
from services.gateway.acceptance.store import Store
from services.gateway.acceptance.tables import INBOX
from services.ledger import store as ledger
from services.ledger.app import MIGRATIONS
from services.ledger.tables import ENTRY
from services.local.broker import EmbeddedKafka
from services.local.ports import free_port
from services.runtime.database import open_database
from services.runtime.settings import Settings
from tests.faults.oracle import Oracle, stages

MEMBERS = 60
LOAD_S = 6.0
START_S_MAX = 120.0
DRAIN_S_MAX = 240.0


@contextlib.contextmanager
def careloop_run(folder: Path, port: int, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [str(Path(sys.executable).with_name("careloop")), "run", "--data-dir", str(folder)]
    command += ["--http-port", str(port), *more]
    with (folder.parent / "run.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        yield process
    finally:
        for each in family(process.pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        process.wait()


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all that it has started, by their ids."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def accepted(port: int) -> int:
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/progress", timeout=5)
    except httpx.HTTPError:
        return 0
    return int(answer.json()["accepted"]) if answer.status_code == httpx.codes.OK else 0


def wait_for_load(port: int, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + START_S_MAX
    while (count := accepted(port)) < MEMBERS:
        assert process.poll() is None, "the run ended by itself"
        assert time.monotonic() < deadline, f"only {count} facts were accepted"
        time.sleep(0.3)
    time.sleep(LOAD_S)
    return max(count, accepted(port))  # it may be too busy to say


def test_what_was_accepted_before_everything_was_killed_is_processed_and_booked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARELOOP_PARTITIONS", "4")
    monkeypatch.setenv("CARELOOP_SESSION_TIMEOUT_S", "6")
    folder, port = tmp_path / "data", free_port()
    city = ("--city", f"members={MEMBERS},rate=40,seed=3")
    with careloop_run(folder, port, *city) as first:
        before = wait_for_load(port, first)
        for each in family(first.pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                os.kill(each.pid, signal.SIGKILL)

    summary = tmp_path / "summary.json"
    with careloop_run(folder, port, "--no-city", "--for", "5", "--summary", str(summary)) as second:
        assert second.wait(START_S_MAX + DRAIN_S_MAX) == 0

    assert before > 0
    assert json.loads(summary.read_text())
    settings = Settings(data_dir=folder, partitions=4)
    with EmbeddedKafka(folder / "kafka") as broker:
        oracle = Oracle(
            settings.model_copy(update={"bootstrap_servers": broker.bootstrap_servers}), stages()
        )
        findings = oracle.look()
    assert findings.wrong == []
    assert inbox(settings) >= before
    assert inbox(settings) == sum(
        event.source.partition("/careloop/")[1] == "" for event in oracle.events.values()
    )
    assert_booked_once(settings, oracle)


def inbox(settings: Settings) -> int:
    """Return how many facts the gateway has accepted, by its own book."""
    store = Store.open(settings)
    with store.read() as connection:
        count = connection.scalar(select(func.count()).select_from(INBOX)) or 0
    store.close()
    return count


def assert_booked_once(settings: Settings, oracle: Oracle) -> None:
    payments = [
        event
        for event in oracle.events.values()
        if isinstance(event.data, PaymentRequested | PaymentDecided | PaymentReversed)
    ]
    engine = open_database(settings, "ledger", MIGRATIONS)
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(ENTRY)) == len(payments)
        assert ledger.refusal_reasons(connection) == []
        assert not any(ledger.imbalance(connection).values())
        assert not any(ledger.undecided(connection).values())
    engine.dispose()
