"""What holds of settlement over any sequence of bills, reversals and replacements."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from services.contract.change import changed
from services.contract.event import Event, EventData
from services.contract.member import CoverTerms
from services.contract.payment import (
    ClaimDecided,
    DirectPayDecided,
    Parts,
    PaymentRequested,
    PaymentReversed,
    ReversalRequested,
)
from services.contract.step import Draft, Step
from services.contract.visit import BillLine, Provider
from services.settlement.app import STAGE
from services.settlement.catalogue import shipped_catalogue
from services.settlement.state import SettlementState
from services.settlement.steps.annual_deductible import AnnualDeductible
from services.settlement.steps.annual_limit import AnnualLimit
from services.settlement.steps.sessions import Sessions
from services.settlement.steps.step import Case, StepResult, Working
from tests.zones import CHINA

_few = settings(max_examples=30, deadline=None)

_DAYS = st.integers(0, 900).map(lambda days: date(2023, 1, 1) + timedelta(days=days))
_PRODUCTS = ("basic-medical", "million-yuan-medical", "rehabilitation-cover", "moon-travel")
_AMOUNTS = st.one_of(st.integers(0, 30_000_00), st.integers(0, 10**12))

_COVERS = st.builds(
    CoverTerms,
    cover_id=st.sampled_from(["c1", "c2", "c3", "c4"]),
    product=st.sampled_from(_PRODUCTS),
    insurer=st.sampled_from(["x", "y"]),
    valid_from=_DAYS,
    valid_to=st.none() | _DAYS,
)


@dataclass(frozen=True)
class Bill:
    """A bill, and whether it is reversed right after its decision, or at the end."""

    request: PaymentRequested
    member: str
    reverse_at_once: bool


@st.composite
def _bills(draw: st.DrawFn, number: int) -> Bill:
    reduction = draw(st.integers(0, 5_00))
    billed = draw(_AMOUNTS)
    day = draw(_DAYS)
    request = PaymentRequested(
        request_id=f"r{number}",
        replaces=None,
        episode=f"v{number}",
        way=draw(st.sampled_from(["direct_pay", "claim"])),
        service=draw(st.sampled_from(["visit", "rehabilitation_session"])),
        visit_class=draw(
            st.sampled_from(["ambulatory", "inpatient", "emergency", "home", "virtual"])
        ),
        provider=Provider(
            id="hospital-1",
            network=draw(st.sampled_from(["owned", "strategic", "alliance", "out"])),
        ),
        service_time=datetime.combine(day, draw(st.times()), tzinfo=CHINA),
        service_date=day,
        currency=draw(st.sampled_from(["CNY", "USD", "EUR"])),
        billed=billed,
        lines=(
            BillLine(code=None, text="care", amount=billed + reduction),
            BillLine(code=None, text="reduction", amount=-reduction),
        ),
        covers=tuple(draw(st.lists(_COVERS, max_size=4))),
    )
    return Bill(request, draw(st.sampled_from(["a", "b"])), draw(st.booleans()))


@st.composite
def _stories(draw: st.DrawFn) -> list[Bill]:
    return [draw(_bills(number)) for number in range(draw(st.integers(1, 12)))]


def _parts_by_request(drafts: list[Draft]) -> dict[str, Parts]:
    said: list[Any] = [draft.data for draft in drafts]
    return {data.request_id: data.parts for data in said}


def _event(data: EventData, member: str, day: date, household: str = "h") -> Event[Any]:
    moment = datetime.combine(day, time(8), tzinfo=UTC)
    return Event("id", "/s", member, household, moment, moment, 1, data)


def _says(
    state: SettlementState, bill: Bill, household: str = "h"
) -> tuple[SettlementState, list[Draft]]:
    request = bill.request
    events = [_event(request, bill.member, request.service_date, household)]
    if bill.reverse_at_once:
        undo = ReversalRequested(request_id=request.request_id, reason="correction")
        events.append(_event(undo, bill.member, request.service_date, household))
    drafts: list[Draft] = []
    for event in events:
        step = STAGE.decide(state, event, event.time)
        state, drafts = step.state, [*drafts, *step.outputs]
    return state, drafts


def _tell(bills: list[Bill]) -> tuple[SettlementState, list[Draft]]:
    state, drafts = STAGE.begin(), []
    for bill in bills:
        state, said = _says(state, bill)
        drafts.extend(said)
    return state, drafts


@_few
@given(_stories())
def test_parts_trace_and_shares_always_sum_to_the_billed_amount(bills: list[Bill]) -> None:
    _, drafts = _tell(bills)

    decisions = [d.data for d in drafts if isinstance(d.data, DirectPayDecided | ClaimDecided)]
    assert len(decisions) == len(bills)
    for decision in decisions:
        assert decision.parts.total == decision.billed
        assert sum(step.taken for step in decision.trace) == decision.billed
        by_payer: Counter[str] = Counter()
        left = decision.billed
        for step in decision.trace:
            assert step.open_before == left
            left = step.open_after
            by_payer[step.payer] += step.taken
        assert left == 0
        assert {**dict.fromkeys(decision.parts.model_dump(), 0), **by_payer} == (
            decision.parts.model_dump()
        )


@_few
@given(_stories())
def test_nobody_pays_more_than_the_limit_over_any_sequence(bills: list[Bill]) -> None:
    state, _ = _tell(bills)

    for used in state.used:
        product = shipped_catalogue()[used.product]
        for version in product.versions[-1:]:
            for step in version.steps:
                if isinstance(step, AnnualLimit):
                    assert used.paid <= step.amounts[used.currency]
                if isinstance(step, AnnualDeductible):
                    assert used.deductible <= step.amounts[used.currency]
                if isinstance(step, Sessions):
                    assert used.sessions <= step.most


@_few
@given(_stories())
def test_what_is_counted_is_what_the_decisions_in_force_paid(bills: list[Bill]) -> None:
    state, drafts = _tell(bills)

    paid: Counter[tuple[str, str, str]] = Counter()
    for draft in drafts:
        data = draft.data
        assert isinstance(data, DirectPayDecided | ClaimDecided | PaymentReversed)
        sign = -1 if isinstance(data, PaymentReversed) else 1
        for share in data.shares:
            paid[share.product, share.insurer, data.currency] += sign * share.amount
    counted: Counter[tuple[str, str, str]] = Counter()
    for used in state.used:
        counted[used.product, used.insurer, used.currency] += used.paid
    assert +paid == +counted


@_few
@given(_stories(), st.randoms(use_true_random=False))
def test_reversing_everything_in_any_order_returns_the_accumulators_to_zero(
    bills: list[Bill], chance: Any
) -> None:
    state, drafts = _tell([replace(bill, reverse_at_once=False) for bill in bills])
    order = list(range(len(bills)))
    chance.shuffle(order)

    undone: list[Draft] = []
    for index in order:
        bill = bills[index]
        undo = ReversalRequested(request_id=bill.request.request_id, reason="all back")
        step = STAGE.decide(
            state, _event(undo, bill.member, bill.request.service_date), _noon(2030)
        )
        state, undone = step.state, [*undone, *step.outputs]

    assert state.used == ()
    assert _parts_by_request(undone) == _parts_by_request(drafts)


@_few
@given(_stories(), _stories(), st.randoms(use_true_random=False))
def test_the_order_of_households_is_irrelevant(
    first: list[Bill], second: list[Bill], chance: Any
) -> None:
    queues = {"h1": list(first), "h2": list(second)}
    states = {name: STAGE.begin() for name in queues}
    turns = ["h1"] * len(first) + ["h2"] * len(second)
    chance.shuffle(turns)

    for name in turns:
        states[name], _ = _says(states[name], queues[name].pop(0), name)

    assert states == {"h1": _tell(first)[0], "h2": _tell(second)[0]}


@_few
@given(_stories())
def test_a_state_survives_being_written_and_read(bills: list[Bill]) -> None:
    state, _ = _tell(bills)

    states = TypeAdapter(SettlementState)

    assert states.validate_json(states.dump_json(state)) == state


@_few
@given(_stories())
def test_a_state_does_not_depend_on_the_clock_of_the_log(bills: list[Bill]) -> None:
    one, other = STAGE.begin(), STAGE.begin()

    for bill in bills:
        event = _event(bill.request, bill.member, bill.request.service_date)
        one = STAGE.decide(one, event, _noon(1990)).state
        other = STAGE.decide(other, event, _noon(2090)).state

    assert one == other


def test_an_uncounted_deductible_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant a bug: the deductible is left out of each bill and never counted as used."""
    original = AnnualDeductible.apply

    def forgetful(self: AnnualDeductible, case: Case, work: Working) -> StepResult:
        after, note = original(self, case, work)
        return after._replace(deductible=work.deductible), note

    monkeypatch.setattr(AnnualDeductible, "apply", forgetful)

    with pytest.raises(AssertionError):
        _check(
            test_a_household_bears_the_deductible_once_however_it_is_billed,
            [6_000_00, 6_000_00, 6_000_00],
        )


def test_an_ungiven_accumulator_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant a bug: a reversal gives the amounts back and forgets the accumulators."""
    original = STAGE.decide

    def forgetful(state: Any, event: Event[Any], at: datetime) -> Step[Any]:
        step = original(state, event, at)
        if isinstance(event.data, ReversalRequested):
            return Step(changed(step.state, used=state.used), step.outputs)
        return step

    monkeypatch.setattr(f"{__name__}.STAGE", replace(STAGE, decide=forgetful))

    with pytest.raises(AssertionError):
        _check(
            test_reversing_everything_in_any_order_returns_the_accumulators_to_zero,
            [Bill(_visit(0, 20_000_00), "a", reverse_at_once=False)],
            Random(0),
        )


@_few
@given(st.lists(st.integers(0, 9_000_00), min_size=1, max_size=20))
def test_a_household_bears_the_deductible_once_however_it_is_billed(amounts: list[int]) -> None:
    state, paid = STAGE.begin(), 0

    for number, amount in enumerate(amounts):
        request = _visit(number, amount)
        step = STAGE.decide(state, _event(request, f"m{number % 2}", date(2023, 6, 1)), _noon(2023))
        decision: Any = step.outputs[0].data
        state, paid = step.state, paid + decision.parts.insurer

    assert paid == max(0, sum(amounts) - 10_000_00)


def _visit(number: int, billed: int) -> PaymentRequested:
    cover = CoverTerms(
        cover_id="c",
        product="million-yuan-medical",
        insurer="x",
        valid_from=date(2023, 1, 1),
        valid_to=None,
    )
    return PaymentRequested(
        request_id=f"r{number}",
        replaces=None,
        episode="v",
        way="direct_pay",
        service="visit",
        visit_class="ambulatory",
        provider=Provider(id="hospital-1", network="owned"),
        service_time=datetime(2023, 6, 1, 8, tzinfo=CHINA),
        service_date=date(2023, 6, 1),
        currency="CNY",
        billed=billed,
        lines=(BillLine(code=None, text="care", amount=billed),),
        covers=(cover,),
    )


def _check(prop: Any, *example: Any) -> None:
    """Run a property on one example, without the search for others."""
    prop.hypothesis.inner_test(*example)


def _noon(year: int) -> datetime:
    return datetime(year, 6, 1, 12, tzinfo=UTC)
