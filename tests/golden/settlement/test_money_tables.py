"""Each table is the story of one household: its bills in order, and who pays what of each."""

import tomllib
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from services.contract.event import Event
from services.contract.member import CoverTerms
from services.contract.payment import (
    ClaimDecided,
    ClaimRequested,
    DirectPayDecided,
    DirectPayRequested,
    Parts,
    SessionClaimRequested,
    SessionDirectPayRequested,
)
from services.contract.visit import BillLine, Provider
from services.settlement import rules
from services.settlement.catalogue import shipped_catalogue

_TABLES = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.toml"))}
_REQUESTS = {
    ("visit", "direct_pay"): DirectPayRequested,
    ("visit", "claim"): ClaimRequested,
    ("rehabilitation_session", "direct_pay"): SessionDirectPayRequested,
    ("rehabilitation_session", "claim"): SessionClaimRequested,
}


@pytest.mark.parametrize("table", _TABLES)
def test_who_pays_what_is_as_the_table_says(table: str) -> None:
    story = tomllib.loads(_TABLES[table].read_text("utf-8"))
    state = rules.begin()

    for number, bill in enumerate(story["bills"]):
        event = _request(story["covers"], bill, number)
        step = rules.decide(shipped_catalogue(), state, event, event.time)
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
    request = _REQUESTS[bill.get("service", "visit"), bill.get("ask", "direct_pay")]
    on: date = bill["on"]
    data = request(
        request_id=f"request-{number}",
        replaces=None,
        episode=f"visit-{number}",
        service=bill.get("service", "visit"),
        visit_class=bill.get("class", "ambulatory"),
        provider=Provider(id="hospital-1", network=bill.get("network", "owned")),
        service_date=on,
        currency=bill.get("currency", "CNY"),
        billed=bill["billed"],
        lines=(BillLine(code=None, text="all", amount=bill["billed"]),),
        covers=tuple(
            CoverTerms(**{"cover_id": name, "valid_to": None, **covers[name]})
            for name in bill.get("covers", covers)
        ),
    )
    moment = datetime.combine(on, time(10), tzinfo=UTC)
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
