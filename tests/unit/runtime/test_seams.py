"""The places at which the worker reaches inside Faust and aiokafka, looked at one by one.

Both are pinned to the version. Whoever raises one sees here what to look at, before a worker loses
an event: docs/adr/2611-seams-in-the-clients.md says what each is for.
"""

import importlib
import inspect
import re
from functools import reduce
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import aiokafka
import pytest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from services.management.app import STAGE
from services.runtime import batches
from services.runtime.worker import FETCHES_WAITING_MAX, Worker, _StageProcess

ROOT = Path(__file__).parents[3]
ADR = "docs/adr/2611-seams-in-the-clients.md"
PINNED = ("faust-streaming", "aiokafka")


class Seam(NamedTuple):
    """What is theirs and private, and where they use it: `used_as` stands in `used_in`."""

    name: str
    used_in: str
    used_as: str


_CONSUMER = "faust.transport.consumer:Consumer"
_DRIVER = "faust.transport.drivers.aiokafka"
_KAFKA = "aiokafka.consumer.consumer:AIOKafkaConsumer"
SEAMS = (
    Seam(
        "Consumer._new_consumer_thread",
        "faust.transport.consumer:ThreadDelegateConsumer.__init__",
        "self._new_consumer_thread()",
    ),
    Seam("Consumer._add_gap", f"{_CONSUMER}._drain_messages", "await self._add_gap(tp,"),
    Seam(
        "Consumer._new_offset",
        f"{_CONSUMER}._filter_committable_offsets",
        "offset = self._new_offset(tp)",
    ),
    Seam("Consumer._acked", f"{_CONSUMER}.ack", "self._acked[tp]"),
    Seam("Consumer._acked_index", f"{_CONSUMER}.ack", "self._acked_index[tp]"),
    Seam(
        "AIOKafkaConsumerThread._create_worker_consumer",
        f"{_DRIVER}:AIOKafkaConsumerThread._create_consumer",
        "return self._create_worker_consumer(transport)",
    ),
    Seam("AIOKafkaConsumer._fetch_min_bytes", f"{_KAFKA}.start", "=self._fetch_min_bytes,"),
    Seam("AIOKafkaConsumer._fetch_max_wait_ms", f"{_KAFKA}.start", "=self._fetch_max_wait_ms,"),
    Seam("Transport.Consumer", "faust.transport.base:Transport.create_consumer", "self.Consumer("),
    Seam("ConsumerScheduler.iterate", f"{_CONSUMER}.getmany", "self.scheduler.iterate(records)"),
    Seam("Consumer._to_message", f"{_DRIVER}:Consumer._to_message", "generation_id="),
    Seam("Channel.maxsize", "faust.channels:Channel.queue", "maxsize = self.maxsize"),
    Seam("Message.tracked", "faust.streams:Stream._py_aiter", "message.tracked = True"),
    Seam(
        "App.consumer_generation_id",
        f"{_DRIVER}:ConsumerRebalanceListener.on_partitions_assigned",
        "app.consumer_generation_id = generation",
    ),
    Seam("Worker.stop", "mode.worker:Worker._stop_on_signal", "await self.stop()"),
)


def _source(where: str) -> str:
    module, _, path = where.partition(":")
    found: Any = reduce(getattr, path.split("."), importlib.import_module(module))
    return inspect.getsource(found.fget if isinstance(found, property) else found)


@pytest.mark.parametrize("seam", SEAMS, ids=lambda seam: seam.name)
def test_what_the_worker_reaches_for_is_used_as_it_was(seam):
    try:
        source = _source(seam.used_in)
    except AttributeError as error:
        pytest.fail(f"the seam {seam.name} is gone: {error}; see {ADR}")

    assert seam.used_as in source, f"the seam {seam.name} is gone from {seam.used_in}; see {ADR}"


@pytest.mark.parametrize("seam", SEAMS, ids=lambda seam: seam.name)
def test_every_seam_is_explained(seam):
    assert f"`{seam.name}`" in (ROOT / ADR).read_text("utf-8")


@pytest.mark.parametrize("name", PINNED)
def test_a_library_with_seams_is_pinned_to_the_version_that_is_installed(name):
    pins = re.findall(rf'"{name}==([^"]+)"', (ROOT / "pyproject.toml").read_text("utf-8"))

    assert pins == [version(name)]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (batches._Consumer, driver.Consumer),
        (batches._ConsumerThread, driver.AIOKafkaConsumerThread),
        (batches.StageTransport, driver.Transport),
        (_StageProcess, _StageProcess.__base__),
    ],
)
def test_whatever_is_overridden_is_there_and_takes_the_same(ours, theirs):
    mine = [name for name, each in vars(ours).items() if inspect.isfunction(each)]

    assert mine
    for name in set(mine) - {"__init__"}:
        assert hasattr(theirs, name), f"the seam {theirs.__name__}.{name} is gone; see {ADR}"
        taken = [list(inspect.signature(getattr(each, name)).parameters) for each in (ours, theirs)]
        assert taken[0] == taken[1], f"{theirs.__name__}.{name} takes {taken[1]} now; see {ADR}"


@pytest.fixture
async def app(settings):
    worker = Worker(STAGE, settings)
    yield worker.app
    worker.close()


async def test_the_workers_own_parts_are_what_faust_works_with(app):
    assert type(app.consumer) is batches._Consumer
    assert type(app.consumer._thread) is batches._ConsumerThread
    assert type(app.consumer.scheduler) is batches.PartitionFetchScheduler


async def test_the_client_is_told_how_long_to_gather_and_how_old_its_knowledge_may_be(app):
    app.transport.gather_ms = 123

    client = app.consumer._thread._create_worker_consumer(app.transport)

    assert (client._fetch_min_bytes, client._fetch_max_wait_ms) == (batches.FETCH_BYTES_MIN, 123)
    assert "metadata_max_age_ms=metadata_max_age_ms" in inspect.getsource(
        aiokafka.AIOKafkaConsumer.__init__
    )


async def test_a_channel_holds_as_many_fetches_as_it_is_told_after_it_was_made(app):
    (agent,) = app.agents.values()

    assert agent.channel.maxsize == FETCHES_WAITING_MAX
    assert agent.channel.clone(is_iterator=True).queue.maxsize == FETCHES_WAITING_MAX


async def test_what_was_acknowledged_is_committed_up_to_the_last_fetch(app):
    at = TP(STAGE.input_topic, 0)
    app.topics.acking_topics.add(STAGE.input_topic)
    app.consumer._committed_offset[at] = None
    fetch = batches.PartitionFetchScheduler()
    rows = [_row(offset) for offset in (0, 1, 2)]

    for records in (rows[:1], rows[1:]):
        ((tp, record),) = fetch.iterate({at: records})
        message = app.consumer._to_message(tp, record)
        assert isinstance(message, ConsumerMessage)
        app.consumer.track_message(message)
        message.incref()
        assert message.ack(app.consumer)

    assert app.consumer._filter_committable_offsets({at}) == {at: 3}
    assert app.consumer._filter_committable_offsets({at}) == {}


async def test_only_fausts_compiled_streams_are_worked_with():
    compiled = importlib.import_module("faust._cython.streams")

    assert compiled.__file__.endswith(".so")


def _row(offset: int) -> Any:
    return aiokafka.structs.ConsumerRecord(
        STAGE.input_topic, 0, offset, 1, 0, b"home-1", b"{}", None, 6, 2, ()
    )
