"""When a projection opens a transaction, and what it measures."""

import asyncio
from datetime import UTC, datetime

import pytest
from aiokafka import ConsumerRebalanceListener, TopicPartition
from prometheus_client import REGISTRY

from services.contract.topics import HEALTH_EVENTS
from services.runtime import projection
from services.runtime.projection import IDLE_RECORDS_MAX, Batch, Logged, is_worth_storing
from services.runtime.settings import Settings
from services.runtime.ticks import tick

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EVENT = Logged(0, 0, tick(HEALTH_EVENTS, 0, NOW, NOW), b"")


@pytest.mark.parametrize(
    ("records", "events", "expected"),
    [
        (1, (EVENT,), True),
        (1, (), False),
        (IDLE_RECORDS_MAX - 1, (), False),
        (IDLE_RECORDS_MAX, (), True),
    ],
)
def test_records_without_effect_cost_no_transaction_until_many_have_gathered(
    records: int, events: tuple[Logged, ...], *, expected: bool
) -> None:
    batch = Batch(HEALTH_EVENTS, 0, 100, 100 + records, events)

    assert is_worth_storing(batch) is expected


def test_a_record_that_was_refused_is_worth_a_transaction_so_that_it_is_refused_once() -> None:
    assert is_worth_storing(Batch(HEALTH_EVENTS, 0, 100, 101, (), refused=1))


class Consumer:
    """A client whose partitions end at 10."""

    listener: ConsumerRebalanceListener

    def __call__(self, **_: object) -> "Consumer":
        return self

    def subscribe(self, topics: tuple[str, ...], listener: ConsumerRebalanceListener) -> None:
        assert topics
        self.listener = listener

    def highwater(self, _at: TopicPartition) -> int:
        return 10


class Reader:
    name = "reader"
    topics = (HEALTH_EVENTS,)
    consumes = None


def test_the_lag_of_a_partition_that_was_given_away_is_no_longer_shown(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer, at = Consumer(), TopicPartition(HEALTH_EVENTS, 2)
    monkeypatch.setattr(projection, "AIOKafkaConsumer", consumer)
    feed = projection._Feed(Reader(), settings)
    feed._stored[at] = 4
    applied = [Batch(HEALTH_EVENTS, 2, 0, 4, (EVENT,))]

    def lag() -> float | None:
        labels = {"service": Reader.name, "partition": f"{HEALTH_EVENTS}/2"}
        return REGISTRY.get_sample_value("careloop_consumer_lag", labels)

    feed._measure(applied)
    assert lag() == 6

    asyncio.run(consumer.listener.on_partitions_revoked({at}))
    assert lag() is None

    feed._measure(applied)  # its transaction was under way meanwhile
    assert lag() is None
