"""What one bill leaves for the next one of the household."""

from datetime import UTC, date, datetime, time
from typing import Any

from services.contract.event import Event
from services.contract.member import CoverTerms
from services.contract.payment import PaymentRequested, ReversalRequested
from services.contract.visit import BillLine, Provider
from services.settlement.app import STAGE
from services.settlement.state import SettlementState
from tests.zones import CHINA

_AT = datetime(2024, 5, 1, 10, tzinfo=UTC)
_COVER = CoverTerms(
    cover_id="c1",
    product="rehabilitation-cover",
    insurer="insurer-a",
    valid_from=date(2024, 1, 1),
    valid_to=None,
)


def _session(number: int, member: str, billed: int, day: date) -> Event[Any]:
    data = PaymentRequested(
        request_id=f"{member}-{number}",
        replaces=None,
        episode="plan-1",
        way="direct_pay",
        service="rehabilitation_session",
        visit_class="home",
        provider=Provider(id="clinic-1", network="owned"),
        service_time=datetime.combine(day, time(10), tzinfo=CHINA),
        service_date=day,
        currency="CNY",
        billed=billed,
        lines=(BillLine(code=None, text="session", amount=billed),),
        covers=(_COVER,),
    )
    return Event("id", "/s", member, "h", _AT, _AT, 1, data)


def _paid(
    state: SettlementState, number: int, member: str = "a", billed: int = 100, year: int = 2024
) -> tuple[SettlementState, int]:
    step = STAGE.decide(state, _session(number, member, billed, date(year, 6, 1)), _AT)
    data: Any = step.outputs[0].data
    return step.state, data.parts.insurer


def _after_sessions(count: int, billed: int = 100) -> SettlementState:
    state = STAGE.begin()
    for number in range(count):
        state, _ = _paid(state, number, billed=billed)
    return state


def test_the_last_session_of_the_year_is_paid_and_the_next_is_not() -> None:
    state = _after_sessions(39)

    state, fortieth = _paid(state, 40)
    state, forty_first = _paid(state, 41)

    assert (fortieth, forty_first) == (100, 0)


def test_sessions_are_counted_for_each_member_and_year() -> None:
    state = _after_sessions(40)

    _, of_another_member = _paid(state, 1, member="b")
    _, of_another_year = _paid(state, 41, year=2025)

    assert (of_another_member, of_another_year) == (100, 100)


def test_a_session_that_costs_nothing_uses_none() -> None:
    state = _after_sessions(40, billed=0)

    assert state.used == ()
    assert _paid(state, 41)[1] == 100


def test_a_reversed_session_can_be_used_again() -> None:
    state = _after_sessions(40)
    undo: Event[Any] = Event(
        "id", "/s", "a", "h", _AT, _AT, 1, ReversalRequested(request_id="a-30", reason="not held")
    )

    state = STAGE.decide(state, undo, _AT).state

    state, paid = _paid(state, 41)
    assert paid == 100
    assert _paid(state, 42)[1] == 0
