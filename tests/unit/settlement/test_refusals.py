"""What settlement refuses, each by its name, with the state kept."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pytest

from services.contract.event import Event, EventData
from services.contract.payment import (
    DirectPayDecided,
    PaymentRequested,
    PaymentReversed,
    ReversalRequested,
)
from services.contract.step import RuleRefusedError, Step
from services.contract.visit import BillLine, Provider
from services.settlement.app import STAGE
from services.settlement.state import REMEMBERED_MAX, SettlementState

_AT = datetime(2024, 5, 1, 10, tzinfo=UTC)
_WINDOW = REMEMBERED_MAX["visit"]


def _bill(request_id: str, billed: int = 100_00, replaces: str | None = None) -> PaymentRequested:
    return PaymentRequested(
        request_id=request_id,
        replaces=replaces,
        episode="visit-1",
        way="direct_pay",
        service="visit",
        visit_class="ambulatory",
        provider=Provider(id="hospital-1", network="owned"),
        service_time=_AT,
        service_date=date(2024, 5, 1),
        currency="CNY",
        billed=billed,
        lines=(BillLine(code=None, text="all", amount=billed),),
        covers=(),
    )


def _reversal(request_id: str) -> ReversalRequested:
    return ReversalRequested(request_id=request_id, reason="the discharge was cancelled")


@dataclass
class Household:
    state: SettlementState = field(default_factory=STAGE.begin)

    def says(self, data: EventData, member: str = "a") -> Step[SettlementState]:
        event: Event[Any] = Event("id", "/s", member, "h", _AT, _AT, 1, data)
        step = STAGE.decide(self.state, event, _AT)
        self.state = step.state
        return step


def _after(*said: EventData) -> Household:
    household = Household()
    for data in said:
        household.says(data)
    return household


@pytest.mark.parametrize(
    ("name", "before", "data"),
    [
        ("request_id_with_different_body", [_bill("r1")], _bill("r1", billed=1)),
        ("reverse_of_unknown_request", [], _reversal("r1")),
        ("reverse_of_reversed_request", [_bill("r1"), _reversal("r1")], _reversal("r1")),
        (
            "reverse_of_replaced_request",
            [_bill("r1"), _reversal("r1"), _bill("r2", replaces="r1")],
            _reversal("r1"),
        ),
        ("replace_of_unknown_request", [], _bill("r2", replaces="r1")),
        ("replace_of_decided_request", [_bill("r1")], _bill("r2", replaces="r1")),
        (
            "replace_of_replaced_request",
            [_bill("r1"), _reversal("r1"), _bill("r2", replaces="r1")],
            _bill("r3", replaces="r1"),
        ),
    ],
)
def test_an_impossible_event_is_refused_by_name(
    name: str, before: list[EventData], data: EventData
) -> None:
    household = _after(*before)
    state = household.state

    with pytest.raises(RuleRefusedError, match=f"^{name}: "):
        household.says(data)

    assert household.state == state


def test_a_correction_beyond_the_window_is_refused_by_name() -> None:
    household = _after(*[_bill(f"r{number}") for number in range(_WINDOW + 1)])

    with pytest.raises(RuleRefusedError, match=r"^reverse_of_forgotten_request: "):
        household.says(_reversal("r0"))

    assert len(household.state.requests) == _WINDOW
    assert household.says(_reversal("r1")).outputs


def test_whatever_treatment_may_still_correct_is_remembered() -> None:
    from services.treatment.window import CLOSED_KEPT_MAX

    assert _WINDOW >= CLOSED_KEPT_MAX


def test_replaced_bills_are_forgotten_before_any_that_a_correction_can_reach() -> None:
    household = _after(_bill("r0"), _bill("r1"), _reversal("r1"), _bill("r2", replaces="r1"))

    for number in range(3, _WINDOW + 1):
        household.says(_bill(f"r{number}"))

    assert household.state.request("r1") is None
    assert household.says(_reversal("r0")).outputs


def test_the_bills_of_one_member_push_out_none_of_another() -> None:
    household = _after(_bill("r0"))

    for number in range(1, _WINDOW + 2):
        household.says(_bill(f"r{number}"), member="b")

    assert household.says(_reversal("r0")).outputs


def test_the_same_request_again_decides_nothing_again() -> None:
    household = _after(_bill("r1"))
    state = household.state

    step = household.says(_bill("r1"))

    assert step.outputs == ()
    assert step.state == state


def test_the_same_request_after_its_reversal_decides_nothing_again() -> None:
    household = _after(_bill("r1"), _reversal("r1"))

    assert household.says(_bill("r1")).outputs == ()


def test_a_reversal_repeats_what_the_decision_gave() -> None:
    household = _after(_bill("r1"))

    (draft,) = household.says(_reversal("r1")).outputs

    assert isinstance(draft.data, PaymentReversed)
    assert draft.data.parts.member == draft.data.billed == 100_00
    assert draft.data.reason == "the discharge was cancelled"


def test_a_replacing_request_is_decided_once_the_replaced_one_is_reversed() -> None:
    household = _after(_bill("r1"), _reversal("r1"))

    (draft,) = household.says(_bill("r2", billed=50_00, replaces="r1")).outputs

    assert isinstance(draft.data, DirectPayDecided)
    assert draft.data.billed == 50_00


def test_settlement_never_asks_to_be_woken() -> None:
    household = _after(_bill("r1"))

    assert household.state.wake_at is None
    assert STAGE.wake(household.state, _AT) == Step(household.state)
