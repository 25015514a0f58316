"""From the outbox to Kafka, in order of acceptance.

What was sent is removed only when Kafka has stored it. After a crash or an unclear answer it is
sent again under the same id and sequence, which every consumer drops.
"""

import asyncio
import contextlib
from typing import Final, Protocol

import structlog

from services.contract.topics import HEALTH_EVENTS
from services.gateway.acceptance.outbox import Unsent
from services.runtime import fault_points
from services.runtime.log_writer import LogWriter, Write, partition_of
from services.runtime.settings import Settings

log = structlog.get_logger(__name__)

RECORDS_PER_BATCH: Final = 1_000
_POLL_S: Final = 1.0


class Outbox(Protocol):
    """What holds the records to send; see `services.gateway.acceptance.store`."""

    def unsent(self, limit: int) -> list[Unsent]:
        """Return the next records to send, in order of acceptance."""
        ...

    def forget_sent(self, positions: list[int]) -> None:
        """Remove records that Kafka has stored."""
        ...


class Relay:
    """Sends the outbox while Kafka can be reached."""

    def __init__(self, outbox: Outbox, settings: Settings, accepted: asyncio.Event) -> None:
        """Wake up when `accepted` is set, and look by itself each second."""
        self._outbox = outbox
        self._settings = settings
        self._accepted = accepted
        self.connected = False

    async def run(self) -> None:
        """Send until cancelled. Any error ends it: whatever it was, what is accepted waits."""
        writer = LogWriter(self._settings.bootstrap_servers, "gateway-relay")
        try:
            await writer.start()
            self.connected = True
            await self._send_all(writer)
        finally:
            self.connected = False
            await _stop(writer)

    async def _send_all(self, writer: LogWriter) -> None:
        while True:
            self._accepted.clear()
            rows = await asyncio.to_thread(self._outbox.unsent, RECORDS_PER_BATCH)
            if rows:
                await self._send(writer, rows)
            if len(rows) < RECORDS_PER_BATCH:
                # That was all there was; what came since has set the event.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._accepted.wait(), _POLL_S)

    async def _send(self, writer: LogWriter, rows: list[Unsent]) -> None:
        fault_points.reach("relay.read")
        partitions = self._settings.partitions
        await writer.write(
            [
                Write(HEALTH_EVENTS, partition_of(row.record.key, partitions), row.record)
                for row in rows
            ]
        )
        fault_points.reach("relay.sent")
        await asyncio.to_thread(self._outbox.forget_sent, [row.position for row in rows])


async def _stop(writer: LogWriter) -> None:
    try:
        await writer.stop()
    except Exception as error:  # noqa: BLE001  # it is given up anyway
        log.debug("the producer did not stop cleanly", error=repr(error))
