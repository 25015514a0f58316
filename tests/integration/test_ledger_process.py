"""The ledger as a process of its own on a real broker, killed in the middle and started again."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from services.contract.codec import encode
from services.contract.event import Event
from services.contract.ids import stable_id
from services.contract.payment import PaymentRequested
from services.contract.topics import PAYMENT_EVENTS
from services.contract.visit import BillLine, Provider
from services.ledger import store
from services.ledger.app import MIGRATIONS
from services.ledger.tables import ENTRY
from services.runtime.database import open_database
from services.runtime.fault_points import FAULT, FAULT_LOG
from services.runtime.log_writer import LogWriter, Write, partition_of
from services.runtime.settings import Settings
from services.settlement.app import STAGE

_BILLS = 3_000
_WAIT_S = 90.0
_AT = datetime(2024, 5, 1, tzinfo=UTC)


@pytest.fixture
def ledger_settings(database_settings: Settings, kafka_settings: Settings) -> Settings:
    return database_settings.model_copy(
        update={"bootstrap_servers": kafka_settings.bootstrap_servers, "session_timeout_s": 6.0}
    )


@pytest.fixture
def engine(ledger_settings: Settings) -> Iterator[Engine]:
    engine = open_database(ledger_settings, "ledger", MIGRATIONS)
    yield engine
    engine.dispose()


@contextmanager
def _process(settings: Settings, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "CARELOOP_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "CARELOOP_DATA_DIR": str(settings.data_dir),
        "CARELOOP_PARTITIONS": str(settings.partitions),
        "CARELOOP_SESSION_TIMEOUT_S": "6",
        "CARELOOP_DATABASE_URL": settings.database_url or "",
        **more,
    }
    process = subprocess.Popen([sys.executable, "-m", "services.ledger"], env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _decided_bills() -> list[Event[Any]]:
    events = []
    for number in range(_BILLS):
        bill = PaymentRequested(
            request_id=f"r{number}",
            replaces=None,
            episode=f"v{number}",
            way="claim",
            service="visit",
            visit_class="ambulatory",
            provider=Provider(id=f"hospital-{number % 7}", network="out"),
            service_time=_AT,
            service_date=date(2024, 5, 1),
            currency="CNY",
            billed=number,
            lines=(BillLine(code=None, text="all", amount=number),),
            covers=(),
        )
        household = f"h{number % 50}"
        asked: Event[Any] = Event(
            stable_id("asked", str(number)), "/s", household, household, _AT, _AT, 1, bill
        )
        (draft,) = STAGE.decide(STAGE.begin(), asked, _AT).outputs
        decided: Event[Any] = Event(
            stable_id("decided", str(number)), "/s", household, household, _AT, _AT, 1, draft.data
        )
        events += [asked, decided]
    return events


async def _publish(settings: Settings, events: list[Event[Any]]) -> None:
    writer = await LogWriter(settings.bootstrap_servers, "test").start()
    records = [encode(event) for event in events]
    await writer.write(
        Write(PAYMENT_EVENTS, partition_of(record.key, settings.partitions), record)
        for record in records
    )
    await writer.stop()


def _booked(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(ENTRY)) or 0


def _wait_for(engine: Engine, entries: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _WAIT_S
    while (booked := _booked(engine)) < entries:
        assert process.poll() is None, "the ledger stopped by itself"
        assert time.monotonic() < until, f"only {booked} of {entries} entries after {_WAIT_S} s"
        time.sleep(0.05)


def test_a_killed_ledger_books_every_event_once(
    ledger_settings: Settings, engine: Engine, tmp_path: Path
) -> None:
    events = _decided_bills()
    asyncio.run(_publish(ledger_settings, events))
    kill = {FAULT: "projection.committed:1:kill", FAULT_LOG: str(tmp_path / "faults.log")}

    with _process(ledger_settings, **kill) as first:
        assert first.wait(_WAIT_S) == -signal.SIGKILL
    booked_at_kill = _booked(engine)
    with _process(ledger_settings) as second:
        _wait_for(engine, len(events), second)
        second.terminate()
        assert second.wait(timeout=30) == 0

    assert 0 < booked_at_kill < len(events), "the kill came too late to prove anything"
    with engine.connect() as connection:
        totals = store.totals(connection)["CNY"]
        assert totals["billed"] == totals["member"] == sum(range(_BILLS))
        # A bill of nothing is settled; the others have no cover and are denied.
        assert store.decision_counts(connection) == {"approved": 1, "denied": _BILLS - 1}
        assert store.refusal_reasons(connection) == []
        assert store.imbalance(connection) == {"CNY": 0}
