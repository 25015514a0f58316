"""One writer per partition: what happens to a second one, and what would without the fence.

Two writers of one changelog partition stand for a worker that slept (`zombie`) and the one that
took its place (`owner`); both run in this process, on a real Kafka.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer

from services.contract.codec import Record
from services.contract.topics import changelog
from services.runtime.changelog import ChangelogPartition, FencedError, restore
from services.runtime.household import HEADER, NEVER, version_of
from services.runtime.log_writer import LogWriter, Write
from services.runtime.rocks_store import RocksStore, open_states
from services.runtime.settings import Settings
from tests.faults import holed_stage
from tests.workers import read

STAGE = "screening"
OWN = changelog(STAGE)


def stored(version: int, body: bytes = b"") -> bytes:
    return HEADER.pack(version, NEVER) + body


class Writer:
    """A worker as its changelog sees it: a disk, a producer, one partition."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._servers = settings.bootstrap_servers
        self.store = RocksStore(open_states(folder), 0)
        self._log = LogWriter(self._servers, folder.name)
        self._partition: ChangelogPartition | None = None

    async def restore(self) -> None:
        if not self._log.started:
            await self._log.start()
        found = await restore(STAGE, {0: self.store}, self._log, self._servers, moved=lambda: None)
        self._partition = found[0]

    async def write(self, changes: Mapping[bytes, bytes]) -> None:
        assert self._partition is not None
        await self._partition.write(changes, self._log, self._servers)

    async def put_on_the_log(self, key: bytes, value: bytes, topic: str = OWN) -> None:
        await self._log.write([Write(topic, 0, Record(key, value, ()))])

    async def stop(self) -> None:
        await self._log.stop()


def last_records(settings: Settings) -> dict[bytes, bytes]:
    return {row.record.key: row.record.value for row in read(settings, changelog(STAGE))[0]}


@pytest.fixture
def hole(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Take a guard away for one test; the empty name takes none."""
    monkeypatch.setattr(ChangelogPartition, "write", ChangelogPartition.write)
    monkeypatch.setattr(holed_stage.changelog, "_apply_newest", holed_stage.changelog._apply_newest)
    name: str = request.param
    if name:
        holed_stage.HOLES[name]()
    return name


@pytest.mark.parametrize("hole", ["", "believe_the_delivery_report"], indirect=True)
def test_nothing_that_a_zombie_wrote_survives(
    kafka_settings: Settings, tmp_path: Path, hole: str
) -> None:
    async def play() -> bool:
        zombie, owner = (Writer(kafka_settings, tmp_path / name) for name in ("zombie", "owner"))
        await zombie.restore()
        await zombie.write({b"a": stored(1), b"b": stored(1)})
        await owner.restore()
        await owner.write({b"a": stored(2, b"right"), b"b": stored(2, b"right")})
        fenced = False
        try:
            await zombie.write({b"a": stored(2, b"stale!")})
        except FencedError:
            fenced = True
        await owner.write({b"c": stored(1)})
        await zombie.stop()
        await owner.stop()
        return fenced

    fenced = asyncio.run(play())

    assert fenced == (not hole)
    survived = last_records(kafka_settings)[b"a"] != stored(2, b"right")
    assert survived == bool(hole)


@pytest.mark.parametrize("hole", ["", "believe_the_delivery_report"], indirect=True)
def test_the_disk_of_a_zombie_does_not_claim_what_it_has_not_read(
    kafka_settings: Settings, tmp_path: Path, hole: str
) -> None:
    async def play() -> bytes | None:
        zombie, owner = (Writer(kafka_settings, tmp_path / name) for name in ("zombie", "owner"))
        await zombie.restore()
        await zombie.write({b"a": stored(1)})
        await owner.restore()
        await owner.write({b"a": stored(2), b"b": stored(1, b"only the owner's")})
        with contextlib.suppress(FencedError):
            await zombie.write({b"a": stored(2)})
        await zombie.restore()  # as the same worker does after it was started again
        await zombie.stop()
        await owner.stop()
        return zombie.store.get(b"b")

    found = asyncio.run(play())

    assert (found is None) == bool(hole)


@pytest.mark.parametrize("hole", ["", "let_the_last_record_win"], indirect=True)
def test_restore_keeps_the_newest_and_writes_it_again(
    kafka_settings: Settings, tmp_path: Path, hole: str
) -> None:
    async def play() -> bytes | None:
        first = Writer(kafka_settings, tmp_path / "first")
        await first.restore()
        await first.write({b"a": stored(5, b"newest"), b"b": stored(1)})
        await first.put_on_the_log(b"a", stored(3, b"stale"))
        fresh = Writer(kafka_settings, tmp_path / "fresh")
        await fresh.restore()
        await first.stop()
        await fresh.stop()
        return fresh.store.get(b"a")

    restored = asyncio.run(play())

    wanted = stored(3, b"stale") if hole else stored(5, b"newest")
    assert restored == wanted
    assert last_records(kafka_settings)[b"a"] == wanted
    assert version_of(last_records(kafka_settings)[b"b"]) == 1


@pytest.mark.parametrize("hole", ["", "store_locally_first"], indirect=True)
def test_nothing_is_on_the_disk_that_is_not_on_the_changelog(
    kafka_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hole: str
) -> None:
    async def refuse(*_: object) -> None:
        raise ConnectionError("no broker")

    async def play() -> bytes | None:
        worker = Writer(kafka_settings, tmp_path / "worker")
        await worker.restore()
        monkeypatch.setattr(LogWriter, "write", refuse)
        with pytest.raises(ConnectionError):
            await worker.write({b"a": stored(1)})
        await worker.stop()
        return worker.store.get(b"a")

    found = asyncio.run(play())

    assert (found is not None) == bool(hole)


@pytest.mark.parametrize("hole", ["", "apply_whatever_is_delivered"])
def test_a_stray_record_of_another_changelog_reaches_no_state(
    kafka_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hole: str
) -> None:
    """The client is made to deliver what was not asked for; the newer version would win."""
    monkeypatch.setattr(holed_stage.changelog, "AIOKafkaConsumer", AIOKafkaConsumer)

    async def play() -> tuple[bool, bytes | None]:
        first = Writer(kafka_settings, tmp_path / "first")
        await first.restore()
        await first.write({b"a": stored(1, b"own")})
        await first.put_on_the_log(b"a", stored(9, b"foreign"), holed_stage.FOREIGN)
        fresh = Writer(kafka_settings, tmp_path / "fresh")
        holed_stage.deliver_a_stray_fetch()
        if hole:
            holed_stage.HOLES[hole]()
        stopped = False
        try:
            await fresh.restore()
        except KeyError:
            stopped = True
        await first.stop()
        await fresh.stop()
        return stopped, fresh.store.get(b"a")

    stopped, restored = asyncio.run(play())

    assert stopped == (not hole)
    assert (restored == stored(9, b"foreign")) == bool(hole)
