"""Telling when everything on the log has been processed.

A processor commits an offset only after what it said about the records before it is stored. So
when every group has committed up to the ends read at one moment, all answers to what stood there
then are on the log too.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Self, TypeVar

import stamina
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec
from kafka.errors import KafkaError

from services.contract.topics import (
    CARE_MILESTONES,
    DEAD_LETTERS,
    EVENT_TOPICS,
    PAYMENT_EVENTS,
    STAGE_INPUTS,
)
from services.runtime.settings import Settings

HOPS_MAX: Final = 8
"""No fact has longer consequences than this many events in a row: with the city publishing all
the time the log never comes to rest, but what stood on it before has been seen through."""

POLL_S: Final = 0.2

READERS: Final[Mapping[str, tuple[str, ...]]] = {
    **{f"careloop-{stage}": (topic,) for stage, topic in STAGE_INPUTS.items()},
    "careloop-ledger": (PAYMENT_EVENTS,),
    "careloop-subscriptions": (CARE_MILESTONES,),
    "careloop-timeline": (*EVENT_TOPICS, DEAD_LETTERS),
}
"""Consumer group -> the topics it must have read."""

_SEEN_THROUGH: Final = (*EVENT_TOPICS, DEAD_LETTERS)

PATIENCE_S: Final = 30.0

Answer = TypeVar("Answer")


def _passes(error: Exception) -> bool:
    """Tell whether asking again helps: the broker is away, or has not been up for long."""
    return isinstance(error, KafkaError) and error.retriable


class Progress:
    """Ends of the log and how far each group has read it.

    Its questions raise KafkaError where the broker has not answered for as long as the patience.
    """

    def __init__(self, settings: Settings, patience_s: float = PATIENCE_S) -> None:
        """Name the brokers; connected as a context manager."""
        self._settings = settings
        self._patience_s = patience_s
        self._admin: Any = None

    def __enter__(self) -> Self:
        self._admin = KafkaAdminClient(bootstrap_servers=self._settings.bootstrap_servers)
        return self

    def __exit__(self, *_: object) -> None:
        self._admin.close()

    def ends(self, topics: Sequence[str] = EVENT_TOPICS) -> dict[TopicPartition, int]:
        """Return the end offset of every partition of some topics."""
        wanted = {
            TopicPartition(topic, number): OffsetSpec.LATEST
            for topic in topics
            for number in range(self._settings.partitions)
        }
        found = self._ask(lambda: self._admin.list_partition_offsets(wanted))
        return {at: found[at].offset for at in wanted}

    def lag(self, ends: Mapping[TopicPartition, int]) -> dict[str, int]:
        """Return how many records before `ends` each group has not read yet."""
        committed = self._ask(lambda: self._admin.list_group_offsets(list(READERS)))
        lags = {}
        for group, topics in READERS.items():
            offsets = committed.get(group, {})
            lags[group] = sum(
                max(0, end - max(0, offsets[at].offset if at in offsets else 0))
                for at, end in ends.items()
                if at.topic in topics
            )
        return lags

    def wait_read(self, ends: Mapping[TopicPartition, int], deadline: float) -> bool:
        """Wait until every group has read up to `ends`; False when `deadline` passes first."""
        while any(self.lag(ends).values()):
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return True

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        again = stamina.retry_context(on=_passes, attempts=None, timeout=self._patience_s)
        for attempt in again:
            with attempt:
                return question()
        raise AssertionError


def wait_until_processed(
    settings: Settings, count_events: Callable[[], int], timeout_s: float
) -> bool:
    """Wait until what stands on the log now has been processed, with all its consequences.

    count_events: how many distinct events the timeline has seen, clock ticks left out. Two rounds
    without a new one mean that nobody has anything left to say.
    """
    deadline = time.monotonic() + timeout_s
    with Progress(settings) as progress:
        before = [count_events()]
        for _ in range(HOPS_MAX):
            if not progress.wait_read(progress.ends(_SEEN_THROUGH), deadline):
                return False
            before.append(count_events())
            if len(before) > 2 and before[-1] == before[-3]:
                return True
    return True
