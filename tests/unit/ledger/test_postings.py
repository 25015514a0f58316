"""Which entry an event makes, and which entries the books refuse."""

from dataclasses import fields
from datetime import UTC, date, datetime
from typing import Any

import pytest

from services.contract.codec import encode
from services.contract.event import Event, EventData
from services.contract.payment import (
    ClaimDecided,
    DirectPayDecided,
    Parts,
    PaymentRequested,
    PaymentReversed,
    Share,
    TraceStep,
)
from services.contract.visit import BillLine, Provider
from services.ledger.booking import Books, is_repeat, refusal
from services.ledger.postings import Account, Entry, Posting, UnbalancedError, entry_for
from services.ledger.store import Refused
from services.ledger.tables import ENTRY, POSTING, REFUSED
from tests.ledgers import read

_AT = datetime(2024, 5, 1, 10, tzinfo=UTC)
_PROVIDER = Provider(id="hospital-1", network="owned")

UNDECIDED = Account("undecided", "", "CNY")
OWED = Account("provider", "hospital-1", "CNY")
FUND = Account("social_insurance", "city-fund", "CNY")
INSURER = Account("insurer", "insurer-a", "CNY")
MEMBER = Account("member", "", "CNY")


def _event(data: EventData, event_id: str) -> Event[Any]:
    return Event(event_id, "/s", "a", "h", _AT, _AT, 1, data)


def _bill(billed: int = 100, request_id: str = "r1", currency: str = "CNY") -> Any:
    return PaymentRequested(
        request_id=request_id,
        replaces=None,
        episode="v1",
        way="direct_pay",
        service="visit",
        visit_class="ambulatory",
        provider=_PROVIDER,
        service_time=_AT,
        service_date=date(2024, 5, 1),
        currency=currency,
        billed=billed,
        lines=(BillLine(code=None, text="all", amount=billed),),
        covers=(),
    )


def _amounts(fund: int, insurer: int, member: int) -> dict[str, Any]:
    shares = (
        Share(
            cover_id="c1", product="p", payer="social_insurance", insurer="city-fund", amount=fund
        ),
        Share(cover_id="c2", product="q", payer="insurer", insurer="insurer-a", amount=insurer),
    )
    parts = Parts(social_insurance=fund, insurer=insurer, subsidy=0, member=member, written_off=0)
    return {"billed": parts.total, "parts": parts, "shares": shares}


def _decision(
    request_id: str = "r1", *, fund: int = 60, insurer: int = 30, member: int = 10
) -> Any:
    amounts = _amounts(fund, insurer, member)
    before, trace = amounts["billed"], []
    for payer, taken in (("social_insurance", fund), ("insurer", insurer), ("member", member)):
        trace.append(
            TraceStep(rule="p@1/pay", payer=payer, open_before=before, taken=taken, note="so")
        )
        before -= taken
    return DirectPayDecided(
        request_id=request_id,
        episode="v1",
        service_date=date(2024, 5, 1),
        provider=_PROVIDER,
        currency="CNY",
        trace=tuple(trace),
        outcome="partly_settled",
        **amounts,
    )


def _reversal(
    request_id: str = "r1", *, fund: int = 60, insurer: int = 30, member: int = 10
) -> Any:
    return PaymentReversed(
        request_id=request_id,
        episode="v1",
        provider=_PROVIDER,
        currency="CNY",
        reason="the discharge was cancelled",
        **_amounts(fund, insurer, member),
    )


def _entry(data: EventData, event_id: str = "e1") -> Entry:
    record = encode(_event(data, event_id))
    return entry_for(read(record), record.value)


def _books(*said: EventData) -> Books:
    books = Books()
    for number, data in enumerate(said):
        books.add(_entry(data, f"before-{number}"))
    return books


def test_the_fingerprint_of_what_is_booked_stays_the_same() -> None:
    assert _entry(_bill(100)).fingerprint == "19c3166f43fdb877"


def test_an_entry_is_its_row() -> None:
    """Rows go to the database by position."""
    assert list(Entry._fields) == [*ENTRY.columns.keys(), "postings"]
    assert [*Posting._fields] == ["account", "amount"]
    assert POSTING.columns.keys() == ["event_id", "line", *Account._fields, "amount"]
    assert REFUSED.columns.keys() == [field.name for field in fields(Refused)]


def test_a_bill_is_owed_to_its_provider_and_waits_for_a_decision() -> None:
    entry = _entry(_bill(100))

    assert entry.postings == (Posting(UNDECIDED, 100), Posting(OWED, -100))
    assert (entry.kind, entry.request_id, entry.billed) == ("billed", "r1", 100)


def test_a_decision_moves_the_bill_to_those_who_bear_it() -> None:
    entry = _entry(_decision())

    assert set(entry.postings) == {
        Posting(FUND, 60),
        Posting(INSURER, 30),
        Posting(MEMBER, 10),
        Posting(UNDECIDED, -100),
    }
    assert entry.outcome == "partly_settled"


def test_a_reversal_clears_the_bearers_and_the_debt_to_the_provider() -> None:
    entry = _entry(_reversal())

    assert set(entry.postings) == {
        Posting(FUND, -60),
        Posting(INSURER, -30),
        Posting(MEMBER, -10),
        Posting(OWED, 100),
    }


def test_bill_decision_and_reversal_leave_nothing_on_any_account() -> None:
    balance: dict[Account, int] = {}

    for data in (_bill(100), _decision(), _reversal()):
        for account, amount in _entry(data).postings:
            balance[account] = balance.get(account, 0) + amount

    assert set(balance.values()) == {0}


def test_shares_of_one_insurer_by_two_covers_are_one_posting() -> None:
    shares = tuple(
        Share(cover_id=f"c{n}", product="p", payer="insurer", insurer="insurer-a", amount=50)
        for n in (1, 2)
    )
    parts = Parts(social_insurance=0, insurer=100, subsidy=0, member=0, written_off=0)
    data = _decision().model_copy(update={"shares": shares, "parts": parts})

    assert set(_entry(data).postings) == {Posting(INSURER, 100), Posting(UNDECIDED, -100)}


def test_a_bill_of_nothing_has_an_entry_without_postings() -> None:
    assert _entry(_bill(0)).postings == ()


def test_a_claim_is_booked_like_a_direct_pay() -> None:
    claim = PaymentRequested(**{**dict(_bill(100)), "way": "claim"})
    decided = ClaimDecided(**{**dict(_decision()), "outcome": "partly_approved"})

    assert _entry(claim).postings == _entry(_bill(100)).postings
    assert _entry(decided).postings == _entry(_decision()).postings


def test_a_reversal_whose_parts_do_not_sum_is_no_entry() -> None:
    crooked = _reversal().model_copy(update={"billed": 99})

    with pytest.raises(UnbalancedError, match="event e1: debits exceed credits by -1"):
        _entry(crooked)


def test_a_life_in_order_is_booked() -> None:
    books = Books()

    for number, data in enumerate((_bill(100), _decision(), _reversal())):
        entry = _entry(data, f"e{number}")
        assert refusal(books, entry) is None
        books.add(entry)


@pytest.mark.parametrize(
    ("name", "before", "data", "event_id"),
    [
        ("event_id_with_different_body", [_bill(100)], _bill(99), "before-0"),
        ("event_id_with_different_body", [_bill(100)], _bill(100, "r2"), "before-0"),
        ("second_billed_of_request", [_bill(100)], _bill(99), "e1"),
        ("second_decided_of_request", [_bill(100), _decision()], _decision(), "e1"),
        (
            "second_reversed_of_request",
            [_bill(100), _decision(), _reversal()],
            _reversal(),
            "e1",
        ),
        ("decided_without_billed", [], _decision(), "e1"),
        ("reversed_without_decided", [_bill(100)], _reversal(), "e1"),
        ("decided_differs_from_billed", [_bill(99)], _decision(), "e1"),
        ("decided_differs_from_billed", [_bill(100, currency="USD")], _decision(), "e1"),
        (
            "reversed_differs_from_decided",
            [_bill(100), _decision()],
            _reversal(member=11),
            "e1",
        ),
        (
            "reversed_differs_from_decided",
            [_bill(100), _decision()],
            _reversal(fund=61, insurer=29),
            "e1",
        ),
    ],
)
def test_what_cannot_be_booked_is_refused_by_name(
    name: str, before: list[EventData], data: EventData, event_id: str
) -> None:
    books = _books(*before)
    entry = _entry(data, event_id)

    reason = refusal(books, entry)

    assert reason is not None
    assert reason.startswith(f"{name}: ")
    assert not is_repeat(books, entry)


@pytest.mark.parametrize(
    ("data", "event_id", "repeat"),
    [
        (_decision(), "before-1", True),
        (_bill(100), "before-0", True),
        (_bill(100), "e1", True),
        (_decision(), "e1", False),
        (_bill(100), "before-1", False),
    ],
)
def test_a_repeat_is_the_same_event_or_the_same_bill(
    data: EventData, event_id: str, *, repeat: bool
) -> None:
    books = _books(_bill(100), _decision())

    assert is_repeat(books, _entry(data, event_id)) is repeat
