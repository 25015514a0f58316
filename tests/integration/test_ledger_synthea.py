"""Ten years of visits written by Synthea, from the FHIR door through all stages to the books."""

import os
from pathlib import Path
from typing import Any

import pytest

from services.contract.payment import PaymentDecided, PaymentRequested
from services.contract.topics import DEAD_LETTERS, HEALTH_EVENTS, PAYMENT_EVENTS
from services.ledger import store
from services.ledger.app import MIGRATIONS, Ledger
from services.management.app import STAGE as MANAGEMENT
from services.rehabilitation.app import STAGE as REHABILITATION
from services.runtime.database import open_database
from services.runtime.inprocess import InProcess
from services.runtime.log_writer import partition_of
from services.runtime.projection import Batch
from services.runtime.settings import Settings
from services.screening.app import STAGE as SCREENING
from services.settlement.app import STAGE as SETTLEMENT
from services.treatment.app import STAGE as TREATMENT
from tests.gateways import FHIR, gateway
from tests.ledgers import is_booked, logged

TESTDATA = Path(
    os.environ.get("CARELOOP_TESTDATA", Path(__file__).parents[3] / "shared" / "testdata")
)
_PARTITIONS = 4

pytestmark = pytest.mark.skipif(
    not TESTDATA.is_dir(), reason="needs the folder of test data; name it in CARELOOP_TESTDATA"
)


async def _through_all_stages(settings: Settings) -> InProcess:
    async with gateway(settings) as (client, door):
        for file in sorted((TESTDATA / "synthea-r4").glob("*.json")):
            await client.post("/fhir", content=file.read_bytes(), headers=FHIR)
        rows = list(door.store.unsent(1_000_000))
    stages: list[Any] = [SCREENING, MANAGEMENT, TREATMENT, REHABILITATION, SETTLEMENT]
    loop = InProcess(stages, partitions=_PARTITIONS)
    for row in rows:
        loop.log.append(HEALTH_EVENTS, partition_of(row.record.key, _PARTITIONS), row.record)
    loop.run()
    return loop


def _book(loop: InProcess, ledger: Ledger) -> None:
    for partition in range(_PARTITIONS):
        rows = loop.log.rows(PAYMENT_EVENTS, partition)
        wanted = tuple(logged(row.offset, row.record) for row in rows if is_booked(row.record))
        ledger.apply(Batch(PAYMENT_EVENTS, partition, 0, len(rows), wanted))


async def test_every_request_is_decided_once_and_the_books_hold_every_cent(
    database_settings: Settings, settings: Settings
) -> None:
    engine = open_database(database_settings, "ledger", MIGRATIONS)

    loop = await _through_all_stages(settings)
    _book(loop, Ledger(engine))

    data = [event.data for event in loop.events(PAYMENT_EVENTS)]
    requests = [each for each in data if isinstance(each, PaymentRequested)]
    decisions = [each for each in data if isinstance(each, PaymentDecided)]
    assert len(requests) == 128
    assert sorted(d.request_id for d in decisions) == sorted(r.request_id for r in requests)
    assert all(decision.parts.total == decision.billed for decision in decisions)
    assert list(loop.log.all_rows(DEAD_LETTERS)) == []
    with engine.connect() as connection:
        totals = store.totals(connection)
        assert totals["USD"]["billed"] == 20_846_29
        assert sum(totals["USD"][bearer] for bearer in store.BEARERS) == 20_846_29
        assert store.imbalance(connection) == {"USD": 0}
        assert sum(store.decision_counts(connection).values()) == 128
        assert store.refusal_reasons(connection) == []
    engine.dispose()
