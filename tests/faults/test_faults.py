"""A few runs of the fault test and a small restore; `make faults` does hundreds."""

import os
import random
import time
from pathlib import Path

from services.runtime.settings import Settings
from tests.faults.__main__ import run_all
from tests.faults.restore import measure
from tests.faults.run import Result

RUNS = 5
SECONDS_MAX = 90.0
STATES = 50_000


def _tell(result: Result) -> None:
    print(result.line())  # noqa: T201  # shown on failure


def test_five_runs_lose_nothing_and_pay_nothing_twice(tmp_path: Path) -> None:
    seed = int(os.environ.get("FAULTS_SEED", random.randrange(10**6)))
    print(f"seed {seed}: make faults SEED={seed} RUNS={RUNS}")  # noqa: T201  # shown on failure

    results = run_all(seed, RUNS, "sqlite", tmp_path, _tell, until=time.monotonic() + SECONDS_MAX)

    assert [result.wrong for result in results] == [[]] * len(results)
    assert any(result.counts for result in results), "no fault has really happened"


def test_a_worker_without_a_disk_restores_fifty_thousand_states(
    kafka_settings: Settings, tmp_path: Path
) -> None:
    found = measure(kafka_settings, tmp_path, STATES)

    assert found.differing == 0
