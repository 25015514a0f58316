"""Waiting until every stage has read what was accepted: then what it refuses stands on the log."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import structlog
from kafka import TopicPartition
from kafka.errors import KafkaError

from services.contract.topics import DEAD_LETTERS, HEALTH_EVENTS
from services.gateway.acceptance.facts import Fact
from services.gateway.acceptance.store import Store
from services.runtime.drain import Progress
from services.runtime.log_writer import partition_of
from services.runtime.settings import Settings

log = structlog.get_logger(__name__)

WAIT_S_MAX: Final = 5.0
"""No longer than that: nothing is expected, and what is refused is listed anyway."""
ASKED_AT_ONCE_MAX: Final = 2
_POLL_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class SeenThrough:
    """Asks the database and the broker how far what was accepted has come."""

    store: Store
    settings: Settings
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(ASKED_AT_ONCE_MAX, "seen-through")
    )

    async def wait(self, facts: Sequence[Fact], wait_s: float) -> bool:
        """Return once every stage has read the facts; False when the time has passed first."""
        if not facts:
            return True
        deadline = time.monotonic() + min(wait_s, WAIT_S_MAX)
        loop = asyncio.get_running_loop()
        asked = loop.run_in_executor(self._threads, self._wait, facts, deadline)
        try:
            return await asyncio.wait_for(asked, min(wait_s, WAIT_S_MAX))
        except (TimeoutError, KafkaError) as error:
            log.debug("what was accepted is not seen through", error=repr(error))
            return False

    def _wait(self, facts: Iterable[Fact], deadline: float) -> bool:
        last = self.store.last_in_outbox()
        while self.store.waits_up_to(last):
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
        households = self.store.households({fact.member for fact in facts})
        numbers = {
            partition_of(household.encode(), self.settings.partitions) for household in households
        }
        left_s = max(0.1, deadline - time.monotonic())
        with Progress(self.settings, left_s) as progress:
            for topic in (HEALTH_EVENTS, DEAD_LETTERS):
                places = {TopicPartition(topic, number) for number in numbers}
                ends = {at: end for at, end in progress.ends((topic,)).items() if at in places}
                if not progress.wait_read(ends, deadline):
                    return False
        return True
