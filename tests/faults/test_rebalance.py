"""Workers that join, leave and die under load, up to four of a stage at a time.

First those of the counting stage, in many moves; then those of all five stages at once, judged by
the whole oracle. `make faults ARGS="--only rebalance"` takes the stages one by one.
"""

import random
import time
from pathlib import Path

from services.contract.topics import ALL_STAGES
from services.runtime.settings import Settings
from tests.faults.oracle import Oracle, stages
from tests.faults.plan import Fault
from tests.faults.run import Run
from tests.faults.system import FaultSystem
from tests.workers import (
    WorkerProcess,
    assert_states_equal_replay,
    derived,
    distinct,
    facts,
    publish,
    wait_stored,
)

HOUSEHOLDS = 24
STEPS = 8
FACTS_PER_STEP = 6
WORKERS_MAX = 4


def test_workers_come_and_go_and_nothing_is_lost_or_said_twice(
    kafka_settings: Settings, tmp_path: Path
) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201  # shown when the test fails
    chance = random.Random(seed)
    working = {0: WorkerProcess(kafka_settings, tmp_path / "worker-0")}
    moves: list[str] = []
    try:
        for step in range(STEPS):
            begin = step * FACTS_PER_STEP + 1
            publish(kafka_settings, facts(HOUSEHOLDS, begin, begin + FACTS_PER_STEP))
            moves.append(_move(chance, working, kafka_settings, tmp_path))
            time.sleep(chance.uniform(0.5, 2.5))
        wanted = HOUSEHOLDS * STEPS * FACTS_PER_STEP
        wait_stored(kafka_settings, *working.values())
    finally:
        for worker in working.values():
            worker.kill()

    said = distinct(derived(kafka_settings)).values()
    assert len(said) == wanted
    assert {"join", "go"} <= set(moves), "nobody came and went"
    assert_states_equal_replay(kafka_settings)


def _move(
    chance: random.Random, working: dict[int, WorkerProcess], settings: Settings, folder: Path
) -> str:
    """Let somebody join, or leave, or die; the folder of one who left is taken up again."""
    free = [number for number in range(WORKERS_MAX) if number not in working]
    if len(working) < 2 or (free and chance.random() < 0.5):
        number = chance.choice(free)
        working[number] = WorkerProcess(settings, folder / f"worker-{number}")
        return "join"
    gone = working.pop(chance.choice(sorted(working)))
    if chance.random() < 0.5:
        gone.stop()
    gone.kill()
    return "go"


def test_workers_of_every_stage_come_and_go_and_the_whole_oracle_holds(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201  # shown when the test fails
    system = FaultSystem(tmp_path, "sqlite")
    rebalances = [Fault("rebalance", stage, at=0.1) for stage in ALL_STAGES]
    try:
        system.start()
        run = Run(system, Oracle(system.settings, stages()), "r1", rebalances, str(seed))
        run.carry_out(0)
    finally:
        system.stop()

    print(run.result.line())  # noqa: T201  # shown when the test fails
    assert run.result.wrong == []
    assert run.result.counts, "a stage whose partitions never moved"
