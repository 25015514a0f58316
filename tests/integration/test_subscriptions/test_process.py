"""From the log to an insurer, through the process as it is started in production."""

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager

import httpx
import pytest
from standardwebhooks import Webhook

from services.contract.codec import Record, encode
from services.contract.topics import CARE_MILESTONES, DEAD_LETTERS
from services.local.ports import free_port
from services.runtime.log_writer import LogWriter, Write, partition_of

KEYS = "c2VjcmV0cyBvZiBzdWJzY3JpcHRpb25zIGluIHRlc3Q="


@pytest.fixture
def process_settings(kafka_settings, database_settings):
    return kafka_settings.model_copy(
        update={
            "database_url": database_settings.database_url,
            "subscriptions_port": free_port(),
        }
    )


@asynccontextmanager
async def _process(settings):
    """Run `python -m services.subscriptions` until the block ends; it must stop cleanly."""
    told = {
        "CARELOOP_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "CARELOOP_DATA_DIR": str(settings.data_dir),
        "CARELOOP_DATABASE_URL": settings.database_url or "",
        "CARELOOP_SECRET_KEYS": KEYS if settings.database_url else "",
        "CARELOOP_PARTITIONS": str(settings.partitions),
        "CARELOOP_SUBSCRIPTIONS_PORT": str(settings.subscriptions_port),
        "CARELOOP_SESSION_TIMEOUT_S": "6",  # how long the killed process keeps its partitions
        "CARELOOP_ALLOW_LOOPBACK_WEBHOOKS": "true",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.subscriptions", env={**os.environ, **told}
    )
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{settings.subscriptions_port}", trust_env=False
        ) as client:
            await _until_ready(client, process)
            yield process, client
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            await process.wait()


async def _until_ready(client, process):
    async with asyncio.timeout(60):
        while True:
            assert process.returncode is None
            try:
                if (await client.get("/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.1)


async def _until_stored(client, path, auth, number):
    """Wait until the process has stored that a webhook was taken: a kill then repeats nothing."""
    async with asyncio.timeout(30):
        while (await client.get(path, headers=auth)).json()["delivered_through"] < number:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def _publish(settings, *records):
    writer = await LogWriter(settings.bootstrap_servers, "test").start()
    try:
        await writer.write(
            Write(CARE_MILESTONES, partition_of(record.key, settings.partitions), record)
            for record in records
        )
    finally:
        await writer.stop()


async def test_a_milestone_on_the_log_reaches_its_insurer_once_and_whole(
    process_settings, feed, start_receiver, eventually
):
    receiver = start_receiver()
    broken = Record(b"home-1", b"{", encode(feed.milestone("e0", "insurer-a")).headers)

    async with _process(process_settings) as (process, client):
        body = {"insurer": "insurer-a", "url": receiver.url}
        made = (await client.post("/subscriptions", json=body)).json()
        receiver.secret = made["secret"]
        path = f"/subscriptions/{made['id']}"
        auth = {"authorization": f"Bearer {made['token']}", "accept": "application/json"}
        await _publish(
            process_settings,
            encode(feed.milestone("e1", "insurer-a", "insurer-b")),
            encode(feed.milestone("e2", "insurer-b")),
            broken,
            encode(feed.milestone("e3", "insurer-a")),
            encode(feed.milestone("e1", "insurer-a", "insurer-b")),
        )
        await eventually(lambda: len(receiver.received) == 2)
        await _until_stored(client, path, auth, 2)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    async with _process(process_settings) as (process, client):
        await _publish(process_settings, encode(feed.milestone("e4", "insurer-a")))
        await eventually(lambda: len(receiver.received) == 3)
        page = (await client.get(f"{path}/events", headers=auth)).json()

    assert process.returncode == 0
    events = [Webhook(made["secret"]).verify(each.body, each.headers) for each in receiver.received]
    assert [(event["number"], event["id"]) for event in events] == [(1, "e1"), (2, "e3"), (3, "e4")]
    assert page["events"] == events
    assert await _dead_letters(process_settings) == 1


async def _dead_letters(settings):
    from aiokafka import AIOKafkaConsumer, TopicPartition

    consumer = AIOKafkaConsumer(bootstrap_servers=settings.bootstrap_servers)
    await consumer.start()
    try:
        places = [TopicPartition(DEAD_LETTERS, n) for n in range(settings.partitions)]
        return sum((await consumer.end_offsets(places)).values())
    finally:
        await consumer.stop()
