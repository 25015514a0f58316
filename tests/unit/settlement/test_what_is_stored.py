"""What settlement stores and says: readable in both forms it was ever written in, and checked."""

import hashlib
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from services.contract.event import Event
from services.contract.member import CoverTerms
from services.contract.payment import PaymentRequested
from services.contract.visit import BillLine, Provider
from services.settlement.app import STAGE
from services.settlement.decide import fingerprint
from services.settlement.state import Remembered, SettlementState
from services.settlement.steps.pay import Pay
from services.settlement.steps.step import Case, StepResult, Working
from tests.zones import CHINA

_AT = datetime(2024, 5, 1, 10, tzinfo=UTC)
_BILL = PaymentRequested(
    request_id="r1",
    replaces=None,
    episode="visit-1",
    way="direct_pay",
    service="visit",
    visit_class="ambulatory",
    provider=Provider(id="hospital-1", network="owned"),
    service_time=datetime(2024, 5, 1, 7, 30, tzinfo=CHINA),
    service_date=date(2024, 5, 1),
    currency="CNY",
    billed=100_00,
    lines=(BillLine(code=None, text="诊查费 “first”\n\t\x7f", amount=100_00),),
    covers=(
        CoverTerms(
            cover_id="c1",
            product="basic-medical",
            insurer="city-fund",
            valid_from=date(2024, 1, 1),
            valid_to=None,
        ),
    ),
)
_STATES = TypeAdapter(SettlementState)
_EVENT: Event[Any] = Event("id", "/s", "a", "h", _AT, _AT, 1, _BILL)


def test_bills_stored_with_the_names_of_their_fields_are_read_like_bare_rows() -> None:
    state = STAGE.decide(STAGE.begin(), _EVENT, _AT).state
    stored = json.loads(_STATES.dump_json(state, exclude_defaults=True))
    assert isinstance(stored["requests"][0], list)

    stored["requests"] = [
        dict(zip(Remembered._fields, row, strict=True)) for row in stored["requests"]
    ]

    assert _STATES.validate_json(json.dumps(stored)) == state


def test_a_stored_bill_that_is_none_is_not_read() -> None:
    state = STAGE.decide(STAGE.begin(), _EVENT, _AT).state
    stored = json.loads(_STATES.dump_json(state, exclude_defaults=True))

    stored["requests"][0][Remembered._fields.index("billed")] = -1

    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        _STATES.validate_json(json.dumps(stored))


def test_the_mark_of_a_request_is_that_of_its_json_so_that_old_marks_stay_valid() -> None:
    written = f"{_BILL.TYPE}\n{_BILL.model_dump_json()}".encode()

    assert fingerprint(_BILL) == hashlib.sha256(written).hexdigest()[:16]


@pytest.mark.parametrize(
    ("too_much", "refused"), [(100_00, "greater than or equal to 0"), (1, "must agree")]
)
def test_a_decision_that_pays_out_more_than_its_trace_says_is_not_said(
    monkeypatch: pytest.MonkeyPatch, too_much: int, refused: str
) -> None:
    original = Pay.apply

    def generous(self: Pay, case: Case, work: Working) -> StepResult:
        after, note = original(self, case, work)
        return after._replace(taken=after.taken + too_much), note

    monkeypatch.setattr(Pay, "apply", generous)

    with pytest.raises(ValidationError, match=refused):
        STAGE.decide(STAGE.begin(), _EVENT, _AT)
