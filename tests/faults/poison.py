"""Records that no producer of ours writes, and that must not stop anybody."""

import asyncio

from aiokafka import AIOKafkaProducer

from services.contract.catalog import catalog, source_of
from services.contract.codec import Headers, Record
from services.contract.ids import stable_id
from services.contract.topics import CARE_MILESTONES, HEALTH_EVENTS, PAYMENT_EVENTS
from services.runtime.log_writer import partition_of
from services.runtime.settings import Settings

LARGE_BYTES = 10 << 20


def records(run: str) -> list[tuple[str, Record]]:
    """Return poison of every kind, with the topic it goes to; households are the run's own."""
    charge = "careloop.charge.posted.v1"
    void = b'{"charge_id":"none","visit_id":"none","reason":"impossible"}'
    broken = b'{"amount": "much"'
    asked, decided = "careloop.payment.requested.v1", "careloop.direct-pay.decided.v1"
    reached = "careloop.treatment.milestone-reached.v1"
    return [
        (HEALTH_EVENTS, Record(f"{run}-p0".encode(), b"\xff\x00 not an event", ())),
        (HEALTH_EVENTS, Record(b"", b"{}", _headers(f"{run}-p1", charge))),
        (HEALTH_EVENTS, _record(f"{run}-p2", "careloop.unheard.of.v9", b"{}")),
        (HEALTH_EVENTS, _record(f"{run}-p3", charge, broken)),
        (HEALTH_EVENTS, _record(f"{run}-p4", charge, b"{}", version="2.0")),
        (HEALTH_EVENTS, _record(f"{run}-p5", "careloop.charge.voided.v1", void)),
        (HEALTH_EVENTS, _record(f"{run}-p6", charge, b" " * LARGE_BYTES)),
        (PAYMENT_EVENTS, _record(f"{run}-p7", asked, broken)),
        (PAYMENT_EVENTS, _record(f"{run}-p8", decided, broken)),
        (CARE_MILESTONES, _record(f"{run}-p9", reached, broken)),
    ]


def poison(settings: Settings, run: str) -> None:
    """Store poison on the log."""
    asyncio.run(_store(settings, run))


async def _store(settings: Settings, run: str) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap_servers, max_request_size=LARGE_BYTES + (1 << 20)
    )
    await producer.start()
    try:
        for topic, record in records(run):
            await producer.send_and_wait(
                topic,
                record.value,
                key=record.key or None,
                partition=partition_of(record.key, settings.partitions),
                headers=list(record.headers),
            )
    finally:
        await producer.stop()


def _record(household: str, kind: str, value: bytes, version: str = "1.0") -> Record:
    return Record(household.encode(), value, _headers(household, kind, version))


def _headers(household: str, kind: str, version: str = "1.0") -> Headers:
    named = catalog().get(kind)
    attributes = {
        "ce_specversion": version,
        "ce_id": stable_id("poison", household, kind),
        "ce_source": source_of(named.producers[0]) if named else "urn:poison",
        "ce_type": kind,
        "ce_subject": f"{household}-a",
        "ce_time": "2026-01-01T00:00:00Z",
        "ce_recordedtime": "2026-01-01T00:00:00Z",
        "ce_partitionkey": household,
        "ce_sequence": "1",
    }
    return tuple((name, value.encode()) for name, value in attributes.items())
