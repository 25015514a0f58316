"""Ends a worker that stands still although there is something to do: a restart is what heals it.

A client that loses its broker at the wrong moment, such as while it joins its group, can wait for
ever without an error once the broker is back.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import structlog
from kafka import KafkaConsumer, TopicPartition

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a worker stands. positions: next offset to read of each of its partitions."""

    assigned: bool
    restoring: bool
    positions: Mapping[int, int]


def why_it_should_move(standing: Standing, ends: Mapping[int, int]) -> str | None:
    """Return what a worker that stands still should have done; None if there is nothing.

    ends: of each partition, as the broker says now. Without a broker nobody should have moved.
    """
    if not standing.assigned:
        return "it was given no partitions"
    if standing.restoring:
        return "its states are not restored"
    behind = {
        number: end - standing.positions[number]
        for number, end in ends.items()
        if end > standing.positions.get(number, end)
    }
    return f"records wait, by partition: {behind}" if behind else None


class Watchdog:
    """A thread that looks whether a worker moves; it needs none of the worker's own loops."""

    def __init__(
        self,
        topic: str,
        group: str,
        bootstrap_servers: str,
        stall_s: float,
        standing: Callable[[], Standing],
        stop: Callable[[BaseException], None],
    ) -> None:
        """Call `stop` once the worker has stood still for `stall_s` seconds and should not have."""
        self._topic = topic
        self._group = group
        self._servers = bootstrap_servers
        self._stall_s = stall_s
        self._standing = standing
        self._stop = stop
        self._moved_at = time.monotonic()
        self._read_by_group: Mapping[int, int] | None = None

    def moved(self) -> None:
        """Note that the worker has done something."""
        self._moved_at = time.monotonic()

    def start(self) -> None:
        """Begin to look; ends with the process."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(self._stall_s / 6)
            still_s = time.monotonic() - self._moved_at
            if still_s < self._stall_s:
                continue
            try:
                reason = self._why_it_should_move()
            except Exception as error:  # noqa: BLE001  # whatever it is, it must go on looking
                # Mostly the broker is away, for everyone: a restart would not help.
                log.warning("cannot tell whether the worker should move", error=repr(error))
                continue
            if reason is not None:
                self._stop(StoodStillError(f"for {still_s:.0f} s: {reason}"))

    def _why_it_should_move(self) -> str | None:
        """Ask the broker, and judge; who was given no partition answers for its whole group.

        A group of more workers than partitions leaves some without. But one that joined while its
        broker came back may have been given none although nobody else is there.
        """
        consumer = KafkaConsumer(
            bootstrap_servers=self._servers, group_id=self._group, enable_auto_commit=False
        )
        try:
            numbers = consumer.partitions_for_topic(self._topic) or ()
            places = [TopicPartition(self._topic, number) for number in numbers]
            ends = {at.partition: end for at, end in consumer.end_offsets(places).items()}
            standing = self._standing()
            if standing.assigned and not standing.restoring and not standing.positions:
                read = {at.partition: consumer.committed(at) or 0 for at in places}
                before, self._read_by_group = self._read_by_group, read
                if read != before:
                    self.moved()
                    return None
                standing = replace(standing, positions=read)
            return why_it_should_move(standing, ends)
        finally:
            consumer.close()


class StoodStillError(RuntimeError):
    """A worker did nothing although there was something to do."""
