"""From the hospital's facts to the books: treatment asks, settlement decides, the ledger books."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine

from services.contract.member import CoverActivated, CoverTerms
from services.contract.payment import DirectPayDecided, PaymentReversed
from services.contract.topics import PAYMENT_EVENTS
from services.contract.visit import (
    BillLine,
    ChargePosted,
    Provider,
    VisitCancelled,
    VisitDischarged,
    VisitRegistered,
)
from services.ledger import store
from services.ledger.app import MIGRATIONS, Ledger
from services.runtime.database import open_database
from services.runtime.inprocess import InProcess
from services.runtime.projection import Batch
from services.runtime.settings import Settings
from services.settlement.app import STAGE as SETTLEMENT
from services.treatment.app import STAGE as TREATMENT
from tests.ledgers import is_booked, logged

_HOSPITAL = Provider(id="hospital-1", network="owned")


@pytest.fixture
def engine(database_settings: Settings) -> Iterator[Engine]:
    engine = open_database(database_settings, "ledger", MIGRATIONS)
    yield engine
    engine.dispose()


def _at(hour: int) -> datetime:
    return datetime(2024, 5, 1, hour, tzinfo=UTC)


def _charge(charge_id: str, amount: int) -> ChargePosted:
    return ChargePosted(
        charge_id=charge_id,
        visit_id="visit-1",
        category="institutional",
        currency="CNY",
        amount=amount,
        lines=(BillLine(code=None, text="care", amount=amount),),
    )


def _discharge() -> VisitDischarged:
    return VisitDischarged(visit_id="visit-1", visit_class="ambulatory", provider=_HOSPITAL)


def _book(loop: InProcess, engine: Engine) -> None:
    rows = list(loop.log.all_rows(PAYMENT_EVENTS))
    ledger = Ledger(engine)
    start = ledger.position(PAYMENT_EVENTS, 0) or 0
    said = tuple(logged(row.offset, row.record) for _, row in rows[start:] if is_booked(row.record))
    ledger.apply(Batch(PAYMENT_EVENTS, 0, start, len(rows), said))


def test_a_cancelled_discharge_is_reversed_and_decided_anew(engine: Engine) -> None:
    loop = InProcess([TREATMENT, SETTLEMENT])
    cover = CoverTerms(
        cover_id="c1",
        product="basic-medical",
        insurer="city-fund",
        valid_from=date(2020, 1, 1),
        valid_to=None,
    )
    loop.publish(CoverActivated(cover=cover), at=_at(1))
    loop.publish(
        VisitRegistered(visit_id="visit-1", visit_class="ambulatory", provider=_HOSPITAL), at=_at(2)
    )
    loop.publish(_charge("charge-1", 100_00), at=_at(3))
    loop.publish(_discharge(), at=_at(4))
    loop.run()
    _book(loop, engine)
    with engine.connect() as connection:
        first = store.totals(connection)["CNY"]

    loop.publish(
        VisitCancelled(visit_id="visit-1", cancels="discharge", reason="too early"), at=_at(5)
    )
    loop.run()
    _book(loop, engine)
    with engine.connect() as connection:
        without = store.totals(connection)["CNY"]

    loop.publish(_charge("charge-2", 50_00), at=_at(6))
    loop.publish(_discharge(), at=_at(7))
    loop.run()
    _book(loop, engine)

    assert (first["billed"], first["social_insurance"], first["member"]) == (100_00, 60_00, 40_00)
    assert set(without.values()) == {0}
    with engine.connect() as connection:
        last = store.totals(connection)["CNY"]
        assert (last["billed"], last["social_insurance"], last["member"]) == (150_00, 90_00, 60_00)
        assert store.refusal_reasons(connection) == []
        assert store.imbalance(connection) == {"CNY": 0}
    said = [type(event.data) for event in loop.events(PAYMENT_EVENTS)]
    assert said.count(DirectPayDecided) == 2
    assert said.count(PaymentReversed) == 1
