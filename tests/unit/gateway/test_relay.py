"""The relay gathers what is accepted in quick succession."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from services.contract.codec import Record
from services.contract.topics import HEALTH_EVENTS
from services.gateway.relay import GATHER_S, Relay
from services.gateway.store import Unsent
from services.runtime.log_writer import Write
from services.runtime.settings import Settings


class Outbox:
    """Records in memory."""

    def __init__(self) -> None:
        self.waiting: list[Unsent] = []
        self.last = 0

    def accept(self) -> None:
        self.last += 1
        self.waiting.append(Unsent(self.last, Record(b"h", b"%d" % self.last, ())))

    def unsent(self, limit: int) -> list[Unsent]:
        return self.waiting[:limit]

    def forget_sent(self, positions: list[int]) -> None:
        self.waiting = [each for each in self.waiting if each.position not in positions]


class Log:
    """Stands in for Kafka's client: what was stored together, and when."""

    stored: list[tuple[float, list[bytes]]]

    def __init__(self, *_: Any) -> None:
        self.stored = []

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def write(self, writes: Iterable[Write]) -> None:
        records = [each.record.value for each in writes if each.topic == HEALTH_EVENTS]
        self.stored.append((asyncio.get_running_loop().time(), records))


async def test_facts_that_come_one_by_one_are_sent_together(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox, log, accepted = Outbox(), Log(), asyncio.Event()
    monkeypatch.setattr("services.gateway.relay.LogWriter", lambda *_: log)
    relaying = asyncio.create_task(Relay(outbox, settings, accepted).run())
    await asyncio.sleep(3 * GATHER_S)

    begun = asyncio.get_running_loop().time()
    for _ in range(40):
        outbox.accept()
        accepted.set()
        await asyncio.sleep(GATHER_S / 10)
    async with asyncio.timeout(10):
        while outbox.waiting:  # noqa: ASYNC110  # nobody says when it is empty
            await asyncio.sleep(GATHER_S)
    relaying.cancel()

    sent = [value for _, records in log.stored for value in records]
    instants = [instant for instant, _ in log.stored]
    assert sent == [b"%d" % number for number in range(1, 41)]
    assert len(log.stored) <= (instants[-1] - begun) / GATHER_S + 2
