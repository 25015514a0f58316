"""Feeding a run's facts from a thread of its own, through the doors or straight onto the log."""

import asyncio
import random
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import httpx
import orjson

from services.contract.topics import HEALTH_EVENTS
from services.runtime.log_writer import LogWriter, Write, partition_of
from tests.faults.feed import Said, mangled
from tests.faults.system import PARTITIONS, FaultSystem

CHUNKS = 24
PAUSE_S = 0.15
PATIENCE_S = 150.0
_EVENTS = {"content-type": "application/cloudevents-batch+json"}


class Feeding(threading.Thread):
    """Feeds everything, however long it takes; `progress` goes from 0 to 1."""

    def __init__(
        self, system: FaultSystem, chance: random.Random, facts: Sequence[Said], door: str
    ) -> None:
        super().__init__(daemon=True)
        self._system = system
        self._chance = chance
        self._facts = facts
        self._door = door
        self.progress = 0.0
        self.unacknowledged = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            if self._door == "http":
                self._over_http()
            else:
                asyncio.run(self._onto_the_log())
        except BaseException as error:  # noqa: BLE001  # the run's own thread reports it
            self.error = error

    def _over_http(self) -> None:
        chunks = _chunks(self._facts)
        for number, chunk in enumerate(chunks, 1):
            sent = list(chunk)
            if self._chance.random() < 0.3:
                sent += self._chance.sample(sent, len(sent) // 2)  # the client repeats itself
            self._post(sent)
            self.progress = number / len(chunks)
            time.sleep(PAUSE_S)

    def _post(self, facts: Sequence[Said]) -> None:
        """Send until it is acknowledged, as a client does that wants nothing lost."""
        body = orjson.dumps([fact.cloud_event() for fact in facts])
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                answer = httpx.post(
                    f"{self._system.gateway_url}/events", content=body, headers=_EVENTS, timeout=8
                )
                if answer.status_code == httpx.codes.OK:
                    return
                assert answer.status_code >= 500, answer.text  # a refusal is no fault of the disk
            except httpx.HTTPError:
                pass
            self.unacknowledged += 1
            assert time.monotonic() < deadline, "the gateway takes nothing any more"
            time.sleep(0.3)

    async def _onto_the_log(self) -> None:
        recorded = datetime.now(UTC)
        chunks = _chunks(mangled(self._chance, self._facts))
        writer: LogWriter | None = None
        for number, chunk in enumerate(chunks, 1):
            writes = [
                Write(
                    HEALTH_EVENTS,
                    partition_of(fact.household.encode(), PARTITIONS),
                    fact.record(recorded),
                )
                for fact in chunk
            ]
            deadline = time.monotonic() + PATIENCE_S
            while True:  # after an unclear answer it writes again, as every producer here
                try:
                    if writer is None:
                        writer = LogWriter(self._system.settings.bootstrap_servers, "feed")
                        await writer.start()
                    await writer.write(writes)
                    break
                except Exception:  # noqa: BLE001  # whatever it was, it is written again
                    assert time.monotonic() < deadline, "Kafka takes nothing any more"
                    writer = None
                    await asyncio.sleep(0.5)
            self.progress = number / len(chunks)
            await asyncio.sleep(PAUSE_S)
        assert writer is not None
        await writer.stop()


def _chunks(facts: Sequence[Said]) -> list[Sequence[Said]]:
    size = max(1, len(facts) // CHUNKS)
    return [facts[start : start + size] for start in range(0, len(facts), size)]
