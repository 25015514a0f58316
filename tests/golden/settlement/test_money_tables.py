"""Each table is the story of one household: its bills in order, and who pays what of each."""

import tomllib
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from services.contract.event import Event
from services.contract.member import CoverTerms
from services.contract.payment import (
    ClaimDecided,
    DirectPayDecided,
    Parts,
    PaymentRequested,
)
from services.contract.visit import BillLine, Code, Provider
from services.settlement.catalogue import shipped_catalogue
from services.settlement.decide import begin, decide
from tests.zones import CHINA

_TABLES = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.toml"))}


@pytest.mark.parametrize("table", _TABLES)
def test_who_pays_what_is_as_the_table_says(table: str) -> None:
    story = tomllib.loads(_TABLES[table].read_text("utf-8"))
    state = begin()

    for number, bill in enumerate(story["bills"]):
        event = _request(story["covers"], bill, number)
        step = decide(shipped_catalogue(), state, event, event.time)
        state = step.state

        (draft,) = step.outputs
        decision = draft.data
        assert isinstance(decision, DirectPayDecided | ClaimDecided)
        expected = dict.fromkeys(Parts.model_fields, 0) | bill["pays"]
        assert decision.parts.model_dump() == expected, bill["why"]
        assert decision.outcome == bill["outcome"], bill["why"]
        assert draft.time == event.time
        _assert_trace_says(decision, bill)


def _assert_trace_says(decision: DirectPayDecided | ClaimDecided, bill: dict[str, Any]) -> None:
    trace = [step for step in decision.trace if step.rule != "settlement@1/remainder"]
    last = trace[-1] if trace else decision.trace[-1]
    if "last_rule" in bill:
        assert last.rule == bill["last_rule"], bill["why"]
    if "says" in bill:
        assert bill["says"] in last.note


def _request(covers: dict[str, Any], bill: dict[str, Any], number: int) -> Event[Any]:
    on: date = bill["on"]
    moment = datetime.combine(on, bill.get("at", time(10)), tzinfo=CHINA)
    data = PaymentRequested(
        request_id=f"request-{number}",
        replaces=None,
        episode=f"visit-{number}",
        way=bill.get("ask", "direct_pay"),
        service=bill.get("service", "visit"),
        visit_class=bill.get("class", "ambulatory"),
        provider=Provider(id="hospital-1", network=bill.get("network", "owned")),
        service_time=moment,
        service_date=on,
        currency=bill.get("currency", "CNY"),
        billed=bill["billed"],
        lines=_lines(bill),
        covers=tuple(
            CoverTerms(**{"cover_id": name, "valid_to": None, **covers[name]})
            for name in bill.get("covers", covers)
        ),
    )
    return Event(
        id=f"event-{number}",
        source="/hospitals/1",
        subject=bill.get("member", "a"),
        household="household-1",
        time=moment,
        recorded_time=moment,
        sequence=number + 1,
        data=data,
    )


def _lines(bill: dict[str, Any]) -> tuple[BillLine, ...]:
    stated = bill.get("lines", [{"text": "all", "amount": bill["billed"]}])
    return tuple(
        BillLine(**{**line, "code": Code(**line["code"]) if "code" in line else None})
        for line in stated
    )
