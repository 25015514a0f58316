"""The ledger on a real database: each event booked once, and nothing changed ever after."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from alembic.command import downgrade, upgrade
from alembic.config import Config
from sqlalchemy import (
    Connection,
    Engine,
    Executable,
    Table,
    delete,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError

from services.contract.codec import encode
from services.contract.event import Event, EventData
from services.contract.ids import stable_id
from services.contract.member import CoverTerms
from services.contract.payment import PaymentRequested, ReversalRequested
from services.contract.topics import PAYMENT_EVENTS
from services.contract.visit import BillLine, Provider
from services.ledger import store
from services.ledger.app import MIGRATIONS, Ledger, make_ledger
from services.ledger.postings import Account
from services.ledger.tables import ENTRY, IMMUTABLE, METADATA, POSTING
from services.lives.entries import entry_kinds
from services.runtime.database import open_database
from services.runtime.projection import Batch, StaleWriterError
from services.runtime.settings import Settings
from services.settlement.app import STAGE
from tests.ledgers import logged


def _touch(table: Table) -> Executable:
    column = list(table.c)[-1]
    return update(table).values({column.name: column})


_AT = datetime(2024, 5, 1, 10, tzinfo=UTC)
_COVERS = (
    CoverTerms(
        cover_id="c1",
        product="basic-medical",
        insurer="city-fund",
        valid_from=date(2010, 1, 1),
        valid_to=None,
    ),
    CoverTerms(
        cover_id="c2",
        product="million-yuan-medical",
        insurer="insurer-a",
        valid_from=date(2023, 1, 1),
        valid_to=None,
    ),
)


@pytest.fixture
def engine(database_settings: Settings) -> Iterator[Engine]:
    engine = open_database(database_settings, "ledger", MIGRATIONS)
    yield engine
    engine.dispose()


@pytest.fixture
def ledger(engine: Engine) -> Ledger:
    return Ledger(engine)


def _bill(request_id: str, billed: int, currency: str = "CNY", replaces: str | None = None) -> Any:
    return PaymentRequested(
        request_id=request_id,
        replaces=replaces,
        episode="v1",
        way="direct_pay",
        service="visit",
        visit_class="inpatient",
        provider=Provider(id="hospital-1", network="owned"),
        service_time=_AT,
        service_date=date(2024, 5, 1),
        currency=currency,
        billed=billed,
        lines=(BillLine(code=None, text="all", amount=billed),),
        covers=_COVERS,
    )


def _undo(request_id: str) -> ReversalRequested:
    return ReversalRequested(request_id=request_id, reason="the discharge was cancelled")


def _log(*said: EventData) -> list[Event[Any]]:
    """Return what stands on `payment-events` when a household says this to settlement."""
    state = STAGE.begin()
    events: list[Event[Any]] = []
    for data in said:
        asked = _event(data, stable_id("asked", str(len(events))))
        step = STAGE.decide(state, asked, _AT)
        state = step.state
        events.append(asked)
        events.extend(
            _event(draft.data, stable_id("decided", asked.id, str(n)))
            for n, draft in enumerate(step.outputs)
        )
    return [event for event in events if not isinstance(event.data, ReversalRequested)]


def _event(data: EventData, event_id: str) -> Event[Any]:
    return Event(event_id, "/s", "a", "h", _AT, _AT, 1, data)


def _batch(events: list[Event[Any]], start: int = 0) -> Batch:
    said = tuple(logged(start + n, encode(event)) for n, event in enumerate(events))
    return Batch(PAYMENT_EVENTS, 3, start, start + len(events), said)


def test_totals_hold_the_bills_in_force_by_who_bears_them(ledger: Ledger, engine: Engine) -> None:
    events = _log(
        _bill("r1", 40_800_00),
        _bill("r2", 100_00),
        _bill("r3", 70_000_00),
        _undo("r3"),
        _bill("r4", 5_000_00, currency="USD"),
        _bill("r5", 10_00, currency="EUR"),
    )

    ledger.apply(_batch(events))

    with engine.connect() as connection:
        totals = store.totals(connection)
        assert totals["CNY"] == {
            "billed": 40_900_00,
            "social_insurance": 30_000_00,
            # 10,800.00 are left by the fund of the first bill; of the second, below the fund's
            # deductible, all of it.
            "insurer": 800_00 + 100_00,
            "subsidy": 0,
            "member": 10_000_00,
            "written_off": 0,
        }
        assert totals["EUR"]["billed"] == totals["EUR"]["member"] == 10_00
        for row in totals.values():
            assert row["billed"] == sum(row[bearer] for bearer in store.BEARERS)
        assert store.imbalance(connection) == {"CNY": 0, "EUR": 0, "USD": 0}
        assert store.unbalanced_entries(connection) == []
        assert store.undecided(connection) == {"CNY": 0, "EUR": 0, "USD": 0}


def test_a_replaced_bill_does_not_count(ledger: Ledger, engine: Engine) -> None:
    events = _log(_bill("r1", 900_00), _undo("r1"), _bill("r2", 500_00, replaces="r1"))

    ledger.apply(_batch(events))

    with engine.connect() as connection:
        assert store.totals(connection)["CNY"]["billed"] == 500_00
        assert store.decision_counts(connection) == {"declined": 1, "partly_settled": 1}
        assert store.entry_counts(connection) == {"billed": 2, "decided": 2, "reversed": 1}


def test_a_bill_without_its_decision_shows_as_undecided(ledger: Ledger, engine: Engine) -> None:
    ledger.apply(_batch(_log(_bill("r1", 900_00))[:1]))

    with engine.connect() as connection:
        assert store.totals(connection)["CNY"]["billed"] == 900_00
        assert store.undecided(connection) == {"CNY": 900_00}
        assert store.imbalance(connection) == {"CNY": 0}


def test_the_whole_log_again_changes_nothing(ledger: Ledger, engine: Engine) -> None:
    events = _log(_bill("r1", 900_00), _bill("r2", 5_000_00), _undo("r1"))
    ledger.apply(_batch(events))
    with engine.connect() as connection:
        before = _everything(connection)

    ledger.apply(_batch(events, start=len(events)))

    with engine.connect() as connection:
        assert _everything(connection) == before
        assert store.refusal_reasons(connection) == []


def test_an_event_twice_in_one_batch_is_booked_once(ledger: Ledger, engine: Engine) -> None:
    events = _log(_bill("r1", 900_00))

    ledger.apply(_batch([*events, *events]))

    with engine.connect() as connection:
        assert store.totals(connection)["CNY"]["billed"] == 900_00
        assert store.refusal_reasons(connection) == []


def test_the_same_id_with_another_body_is_refused_and_the_rest_goes_on(
    ledger: Ledger, engine: Engine
) -> None:
    events = _log(_bill("r1", 900_00), _bill("r2", 100_00))
    forged = events[0]._replace(data=_bill("r1", 901_00))
    ledger.apply(_batch(events[:2]))

    ledger.apply(_batch([forged, *events[2:]], start=2))

    with engine.connect() as connection:
        (reason,) = store.refusal_reasons(connection)
        assert reason.startswith("event_id_with_different_body: ")
        assert store.totals(connection)["CNY"]["billed"] == 1_000_00
        assert ledger.position(PAYMENT_EVENTS, 3) == 5


def test_a_decision_that_nobody_asked_for_is_refused(ledger: Ledger, engine: Engine) -> None:
    ledger.apply(_batch(_log(_bill("r1", 900_00))[1:]))

    with engine.connect() as connection:
        (reason,) = store.refusal_reasons(connection)
        assert reason.startswith("decided_without_billed: ")
        assert store.balances(connection) == {}


def test_a_reversal_that_does_not_balance_is_refused_and_the_rest_goes_on(
    ledger: Ledger, engine: Engine
) -> None:
    events = _log(_bill("r1", 900_00), _undo("r1"), _bill("r2", 100_00))
    crooked = events[2]._replace(data=events[2].data.model_copy(update={"billed": 899_99}))

    ledger.apply(_batch([*events[:2], crooked, *events[3:]]))

    with engine.connect() as connection:
        (reason,) = store.refusal_reasons(connection)
        assert reason.startswith("entry_does_not_balance: ")
        assert store.unbalanced_entries(connection) == []
        assert store.totals(connection)["CNY"]["billed"] == 1_000_00


def test_an_event_id_is_kept_whatever_characters_it_has(ledger: Ledger, engine: Engine) -> None:
    strange = "tab\t newline\n return\r backslash\\ \\N \\. quote' percent%s 号"
    (bill, decision) = _log(_bill("r1", 900_00))

    ledger.apply(_batch([bill._replace(id=strange), decision]))

    with engine.connect() as connection:
        assert sorted(connection.scalars(select(ENTRY.c.event_id))) == sorted(
            [strange, decision.id]
        )
        assert set(connection.scalars(select(POSTING.c.event_id))) == {strange, decision.id}


def test_a_second_writer_is_stopped_and_leaves_nothing(ledger: Ledger, engine: Engine) -> None:
    events = _log(_bill("r1", 900_00), _bill("r2", 100_00))
    ledger.apply(_batch(events))

    with pytest.raises(StaleWriterError):
        ledger.apply(_batch(_log(_bill("r9", 1_00))))

    with engine.connect() as connection:
        assert store.totals(connection)["CNY"]["billed"] == 1_000_00
    assert ledger.position(PAYMENT_EVENTS, 3) == 4
    assert ledger.position(PAYMENT_EVENTS, 4) is None


def test_a_batch_that_fails_leaves_nothing(
    ledger: Ledger, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disk_full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("services.ledger.app.insert_refused", disk_full)
    with pytest.raises(OSError, match="no space left"):
        ledger.apply(_batch(_log(_bill("r1", 900_00))))
    monkeypatch.undo()

    with engine.connect() as connection:
        assert store.balances(connection) == {}
    assert ledger.position(PAYMENT_EVENTS, 3) is None


@pytest.mark.parametrize("table", IMMUTABLE, ids=lambda table: table.name)
@pytest.mark.parametrize("change", [_touch, delete])
def test_no_row_of_the_books_can_be_changed(
    ledger: Ledger, engine: Engine, table: Table, change: Callable[[Table], Executable]
) -> None:
    events = _log(_bill("r1", 900_00))
    ledger.apply(_batch([*events, events[0]._replace(data=_bill("r1", 1))]))

    with engine.begin() as connection, pytest.raises(DBAPIError, match="never changed"):
        connection.execute(change(table))

    with engine.connect() as connection:
        assert connection.execute(table.select()).all() != []


def test_the_database_itself_holds_a_request_to_one_decision(
    ledger: Ledger, engine: Engine
) -> None:
    ledger.apply(_batch(_log(_bill("r1", 900_00))))

    with engine.begin() as connection:
        row = dict(
            connection.execute(ENTRY.select().where(ENTRY.c.kind == "decided")).mappings().one()
        )
        with pytest.raises(IntegrityError):
            connection.execute(insert(ENTRY), {**row, "event_id": "another"})


def test_a_planted_posting_shows_as_an_imbalance(ledger: Ledger, engine: Engine) -> None:
    events = _log(_bill("r1", 900_00))
    ledger.apply(_batch(events))
    account = Account("member", "", "CNY")._asdict()

    with engine.begin() as connection:
        row = {"event_id": events[0].id, "line": 9, **account, "amount": 1}
        connection.execute(insert(POSTING), row)

    with engine.connect() as connection:
        assert store.imbalance(connection) == {"CNY": 1}
        assert store.unbalanced_entries(connection) == [events[0].id]


def test_the_ledger_opens_its_database_again_where_it_stopped(
    database_settings: Settings,
) -> None:
    first = make_ledger(database_settings)
    first.apply(_batch(_log(_bill("r1", 900_00))))

    second = make_ledger(database_settings)

    assert second.position(PAYMENT_EVENTS, 3) == 2


def test_the_migrations_make_the_tables_that_the_code_declares(engine: Engine) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_the_database_takes_the_entries_of_the_lives_of_payments_and_no_others(
    ledger: Ledger, engine: Engine
) -> None:
    (check,) = [
        check["sqltext"]
        for check in inspect(engine).get_check_constraints(ENTRY.name)
        if "kind" in check["sqltext"]
    ]
    assert set(re.findall(r"'(\w+)'", check)) == set(entry_kinds())
    ledger.apply(_batch(_log(_bill("r1", 900_00), _undo("r1"))))

    with engine.begin() as connection:
        booked = connection.execute(select(ENTRY)).mappings().all()
        assert {row["kind"] for row in booked} == set(entry_kinds())
        planted = {**booked[0], "event_id": "e9", "kind": "replaced"}
        with pytest.raises(IntegrityError):
            connection.execute(insert(ENTRY).values(**planted))


def test_books_of_an_older_version_are_carried_over(ledger: Ledger, engine: Engine) -> None:
    ledger.apply(_batch(_log(_bill("r1", 900_00), _bill("r2", 7_00, currency="USD"), _undo("r1"))))
    with engine.connect() as connection:
        before = store.balances(connection), _everything(connection)

    for version in ("0001", "head"):
        with engine.begin() as connection:
            config = Config()
            config.set_main_option("script_location", str(MIGRATIONS))
            config.attributes["connection"] = connection
            (downgrade if version == "0001" else upgrade)(config, version)

    with engine.begin() as connection:
        assert (store.balances(connection), _everything(connection)) == before
        with pytest.raises(DBAPIError, match="never changed"):
            connection.execute(delete(POSTING))


def test_many_bills_are_booked_as_they_were_decided(ledger: Ledger, engine: Engine) -> None:
    bills: list[PaymentRequested] = [_bill(f"r{n}", 1_000_00 + n) for n in range(600)]

    ledger.apply(_batch(_log(*bills)))

    with engine.connect() as connection:
        totals = store.totals(connection)["CNY"]
        assert totals["billed"] == sum(bill.billed for bill in bills)
        assert totals["billed"] == sum(totals[bearer] for bearer in store.BEARERS)
        assert sum(store.decision_counts(connection).values()) == 600


def _everything(connection: Connection) -> list[Any]:
    return [
        sorted(tuple(row) for row in connection.execute(table.select()))
        for table in (ENTRY, POSTING)
    ]
