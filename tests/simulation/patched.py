"""The seams: what of the runtime is replaced while a simulation runs, and put back afterwards."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from services.contract.codec import Record, decode
from services.contract.event import Event, EventData
from services.contract.registry import BY_TYPE
from services.gateway import relay
from services.ledger import app as ledger
from services.runtime import changelog, fold, projection, worker
from tests.simulation.coroutines import Asyncio, stop_at_once
from tests.simulation.kafka import Broker, Consumer, Writer


class Silence:
    """A logger that says nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_args, **_kwargs: None


Models = Mapping[str, type[EventData]]


class Decoder:
    """`decode` that reads each record of the log once, however many processes read it."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int, int], tuple[Record, Models, Event[EventData]]] = {}

    def __call__(
        self, record: Record, headers: dict[str, bytes] | None = None, models: Models = BY_TYPE
    ) -> Event[EventData]:
        key = (id(record.value), id(record.headers), id(models))
        known = self._known.get(key)
        if known is None:
            # What the ids are of is held, so that nothing else can take its place in memory.
            known = self._known[key] = (record, models, decode(record, headers, models))
        return known[2]


@contextmanager
def seams(broker: Broker, partitions: int, decoder: Decoder) -> Iterator[None]:
    """Put the runtime on `broker`, without Faust, a network or an event loop."""
    aio = Asyncio(broker.rng)

    def consumer(*, group_id: str | None = None, **_: Any) -> Consumer:
        return Consumer(broker, partitions, group_id)

    with (
        patch.multiple(worker, asyncio=aio, time=aio, stop_at_once=stop_at_once, log=Silence()),
        patch.multiple(worker, RocksStore=lambda disks, number: disks[number]),
        patch.multiple(worker.Worker, _measure=lambda *_: None),
        patch.multiple(changelog, AIOKafkaConsumer=consumer, log=Silence()),
        patch.multiple(relay, asyncio=aio),
        patch.multiple(projection, asyncio=aio, log=Silence(), decode=decoder),
        patch.multiple(projection, AIOKafkaConsumer=consumer, telemetry=Silent()),
        patch.multiple(projection, LogWriter=lambda *_: Writer(broker)),
        patch.multiple(projection._Feed, _measure=lambda *_: None),
        patch.multiple(ledger, log=Silence(), telemetry=Silent()),
        patch.multiple(fold, decode=decoder, CACHED_HOUSEHOLDS_MAX=2),
    ):
        yield


class Silent:
    """Metrics that nobody reads."""

    def __getattr__(self, name: str) -> "Silent":
        return self

    def labels(self, *_: Any) -> "Silent":
        return self

    def inc(self, *_: Any) -> None:
        return
