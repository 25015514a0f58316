"""The gateway's real relay, on an outbox that outlives it."""

from collections.abc import Sequence
from random import Random
from types import SimpleNamespace
from typing import Any

from services.contract.codec import Record
from services.gateway.acceptance.outbox import Unsent
from services.gateway.relay import Relay
from tests.simulation.coroutines import kill
from tests.simulation.kafka import Broker, Writer

SENT_AT_ONCE_MAX = 10


class Outbox:
    """Records that wait for Kafka, as the gateway's database holds them, in their order."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._waiting: list[Unsent] = []
        self._last = 0

    def append(self, record: Record) -> None:
        self._last += 1
        self._waiting.append(Unsent(self._last, record))

    def __len__(self) -> int:
        return len(self._waiting)

    def overtake(self) -> None:
        """Move the first record back by a few places."""
        first = self._waiting.pop(0)
        self._waiting.insert(self._rng.randint(1, 6), first)

    def unsent(self, limit: int) -> list[Unsent]:
        return self._waiting[: min(limit, self._rng.randint(1, SENT_AT_ONCE_MAX))]

    def forget_sent(self, positions: Sequence[int]) -> None:
        self._waiting = [one for one in self._waiting if one.position not in positions]


class _Bell:
    """Never rings: the relay looks by itself."""

    def clear(self) -> None:
        return

    async def wait(self) -> None:
        return


class RelayProcess:
    """One process of the relay."""

    def __init__(self, broker: Broker, partitions: int, outbox: Outbox) -> None:
        bell: Any = _Bell()
        settings: Any = SimpleNamespace(partitions=partitions)
        writer: Any = Writer(broker)
        self.at = "idle"
        self._main: Any = Relay(outbox, settings, bell)._send_all(writer)

    def step(self) -> None:
        """Go on to the next pause."""
        self.at = self._main.send(None)

    def kill(self) -> None:
        """End the process where it stands."""
        kill(self._main)
