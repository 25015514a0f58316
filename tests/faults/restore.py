"""`python -m tests.faults.restore --states 1000000`: how long a worker without a disk needs.

Fills the changelog of the counting stage, starts a fresh worker on it, and takes the time from
the start of the process until it says that it is ready. A sample of states is compared after.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from aiokafka import AIOKafkaProducer
from rocksdict import AccessType, Options, Rdict

from services.contract.topics import HEALTH_EVENTS, changelog
from services.local.broker import EmbeddedKafka
from services.runtime.fold import POSITION_KEY, Position
from services.runtime.household import Household
from services.runtime.log_writer import partition_of
from services.runtime.rocks_store import RocksStore
from services.runtime.settings import Settings
from services.runtime.topics import create_topics
from tests.counting_stage import STAGE, Counted
from tests.workers import WorkerProcess

PARTITIONS = 4
STATE_BYTES = 300
SAMPLE_EVERY = 997
READY_S_MAX = 300.0


@dataclass(frozen=True, slots=True)
class Restored:
    """ready_s: from the process's start; restore_s: of that, what the worker itself counts.

    cpu_s: what the process has used of a processor until then, whoever else was busy.
    """

    states: int
    ready_s: float
    restore_s: float
    cpu_s: float
    rss_mb: float
    differing: int


def household(number: int) -> bytes:
    return f"household-{number:09}".encode()


def state(number: int) -> bytes:
    """Return a state of at least 300 bytes."""
    home = Household(Counted, version=number % 7 + 1, received={"gateway": number % 7 + 1})
    home.put(f"member-{number}", Counted(count=number, chain="c" * 220, woken=1))
    stored = home.encode()
    assert len(stored) >= STATE_BYTES
    return stored


async def fill(settings: Settings, states: int) -> None:
    """Store states, and a position, on every partition of the changelog."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap_servers, acks=1, max_batch_size=1 << 20
    )
    await producer.start()
    topic = changelog(STAGE.name)
    try:
        batches = {number: producer.create_batch() for number in range(PARTITIONS)}
        for partition, key, value in _records(states):
            if batches[partition].append(key=key, value=value, timestamp=None) is None:
                full, batches[partition] = batches[partition], producer.create_batch()
                await producer.send_batch(full, topic, partition=partition)
                batches[partition].append(key=key, value=value, timestamp=None)
        for partition, batch in batches.items():
            await producer.send_batch(batch, topic, partition=partition)
    finally:
        await producer.stop()


def _records(states: int) -> Iterator[tuple[int, bytes, bytes]]:
    for number in range(states):
        key = household(number)
        yield partition_of(key, PARTITIONS), key, state(number)
    for partition in range(PARTITIONS):
        yield partition, POSITION_KEY, Position().encode()


def measure(settings: Settings, folder: Path, states: int) -> Restored:
    """Fill, start a fresh worker, wait until it is ready, stop it, compare a sample."""
    asyncio.run(fill(settings, states))
    begun = time.monotonic()
    with WorkerProcess(settings, folder / "worker", PYTHONUNBUFFERED="1") as worker:
        while "restore_s=" not in worker.said():
            assert worker.process.poll() is None, worker.said()
            assert time.monotonic() - begun < READY_S_MAX, "not ready"
            time.sleep(0.05)
        ready_s = time.monotonic() - begun
        process = psutil.Process(worker.process.pid)
        rss_mb = process.memory_info().rss / 1e6
        cpu_s = sum(process.cpu_times()[:2])
        said = worker.said()
        worker.send(signal.SIGTERM)
        worker.process.wait(30)
    restore_s = float(said.partition("restore_s=")[2].split()[0])
    return Restored(
        states, ready_s, restore_s, cpu_s, rss_mb, _differing(folder / "worker", states)
    )


def _differing(folder: Path, states: int) -> int:
    disk = Rdict(
        str(folder / STAGE.name / "states"),
        Options(raw_mode=True),
        access_type=AccessType.read_only(),
    )
    stores = {number: RocksStore(disk, number) for number in range(PARTITIONS)}
    sample = range(0, states, SAMPLE_EVERY)
    return sum(
        stores[partition_of(household(number), PARTITIONS)].get(household(number)) != state(number)
        for number in sample
    )


def main(arguments: list[str]) -> int:
    """Print the figures; exit status 1 if the sample differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.restore")
    parser.add_argument("--states", type=int, default=1_000_000)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="careloop-restore-") as name:
        folder = Path(name)
        with EmbeddedKafka(folder / "kafka") as broker:
            settings = Settings(
                bootstrap_servers=broker.bootstrap_servers,
                data_dir=folder / "data",
                partitions=PARTITIONS,
            )
            create_topics(settings)
            found = measure(settings, folder, options.states)
    sys.stdout.write(
        f"{found.states} states of {len(state(0))} bytes on {HEALTH_EVENTS}: ready after"
        f" {found.ready_s:.1f} s, restore {found.restore_s:.1f} s, processor {found.cpu_s:.1f} s, {found.rss_mb:.0f} MB resident,"
        f" {found.differing} of the sample differ\n"
    )
    return 1 if found.differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
