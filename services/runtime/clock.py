"""The clock: one process that puts ticks on every partition of every input topic.

It never runs backwards: after a restart it goes on from the last tick on the log, at the latest.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.contract.clock import ClockTicked
from services.contract.codec import encode
from services.contract.topics import HEALTH_EVENTS, STAGE_INPUTS
from services.runtime.log_writer import LogWriter, Write
from services.runtime.process import begin, run_until_stopped
from services.runtime.settings import Settings
from services.runtime.ticks import tick

log = structlog.get_logger(__name__)

LOOK_BACK_RECORDS = 500


async def last_tick(settings: Settings) -> datetime | None:
    """Return the instant of the last tick on the log; None if there is none."""
    at = TopicPartition(HEALTH_EVENTS, 0)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers, enable_auto_commit=False
    )
    await consumer.start()
    try:
        consumer.assign([at])
        begin = (await consumer.beginning_offsets([at]))[at]
        upper = (await consumer.end_offsets([at]))[at]
        while upper > begin:
            lower = max(begin, upper - LOOK_BACK_RECORDS)
            found = await _last_tick_between(consumer, at, lower, upper)
            if found is not None:
                return found
            upper = lower
        return None
    finally:
        await consumer.stop()


async def _last_tick_between(
    consumer: AIOKafkaConsumer, at: TopicPartition, lower: int, upper: int
) -> datetime | None:
    found = None
    consumer.seek(at, lower)
    while await consumer.position(at) < upper:
        for row in (await consumer.getmany(at, timeout_ms=500)).get(at, []):
            headers = dict(row.headers)
            if row.offset < upper and headers.get("ce_type") == ClockTicked.TYPE.encode():
                found = datetime.fromisoformat(headers["ce_time"].decode())
    return found


async def run_clock(settings: Settings) -> None:
    """Publish ticks until cancelled."""
    writer = await LogWriter(settings.bootstrap_servers, "clock").start()
    now = datetime.now(UTC)
    last = await last_tick(settings)
    start = settings.clock_start or max(now, last or now)
    epoch = settings.clock_epoch or now.timestamp()
    log.info("the clock runs", start=start.isoformat(), compression=settings.clock_compression)
    try:
        while True:
            elapsed = (time.time() - epoch) * settings.clock_compression
            at = start + timedelta(seconds=elapsed)
            if last is None or at > last:
                await writer.write(_ticks(settings, at))
                last = at
            await asyncio.sleep(settings.tick_seconds)
    finally:
        await writer.stop()


def _ticks(settings: Settings, at: datetime) -> list[Write]:
    recorded = datetime.now(UTC)
    return [
        Write(topic, partition, encode(tick(topic, partition, at, recorded)))
        for topic in dict.fromkeys(STAGE_INPUTS.values())
        for partition in range(settings.partitions)
    ]


def main() -> None:
    """Run the clock as a process, until SIGTERM or SIGINT."""
    run_until_stopped(run_clock(begin("clock")))


if __name__ == "__main__":
    main()
