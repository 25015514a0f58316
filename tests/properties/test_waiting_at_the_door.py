"""What waits at the door is what waits in treatment, whatever comes in whatever order."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.contract.event import Event, EventData
from services.contract.member import CoverEnded
from services.contract.step import RuleRefusedError
from services.contract.visit import (
    ChargeVoided,
    Provider,
    VisitAdmitted,
    VisitCancelled,
    VisitDischarged,
    VisitRegistered,
)
from services.contract.waiting import OPEN_AT_MOST, WaitExpired
from services.gateway.acceptance.awaiting import Standing
from services.gateway.acceptance.facts import Fact
from services.treatment.app import STAGE
from services.treatment.state import TreatmentState
from tests.unit.treatment.journey import charge, cover

OWNED = Provider(id="hospital-1", network="owned")
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
CASES = 400


def facts(visit: str) -> list[EventData]:
    """Return every kind of fact that waits, or that something waits for."""
    return [
        VisitRegistered(visit_id=visit, visit_class="inpatient", provider=OWNED),
        VisitAdmitted(visit_id=visit, provider=OWNED),
        VisitDischarged(visit_id=visit, visit_class="inpatient", provider=OWNED),
        VisitCancelled(visit_id=visit, cancels="discharge", reason="Too early."),
        VisitCancelled(visit_id=visit, cancels="visit", reason="Never was."),
        charge("c1", 500, visit_id=visit),
        charge("c2", 700, visit_id=visit),
        ChargeVoided(charge_id="c1", visit_id=visit, reason="Twice."),
        ChargeVoided(charge_id="c2", visit_id=visit, reason="Twice."),
        cover("k1", BEGIN.date()),
        CoverEnded(cover_id="k1", last_day=BEGIN.date(), reason="Moved."),
    ]


said = st.lists(
    st.tuples(st.sampled_from([*facts("v1"), *facts("v2")]), st.integers(0, 30)), max_size=12
)


@settings(max_examples=CASES, deadline=None)
@given(said=said)
def test_any_facts_in_any_order_wait_at_the_door_as_in_treatment(
    said: list[tuple[EventData, int]],
) -> None:
    assume(not _is_beyond_the_door(said))
    standing, state = _both(said)

    assert {_told(each) for each in standing.waiting.values()} == _waits(state)


@settings(max_examples=CASES, deadline=None)
@given(said=said)
def test_whatever_waits_is_given_up_in_time_by_its_own_event(
    said: list[tuple[EventData, int]],
) -> None:
    assume(not _is_beyond_the_door(said))
    standing, state = _both(said)
    given_up: list[str] = []
    while state.wake_at is not None:
        at = state.wake_at
        assert at <= BEGIN + OPEN_AT_MOST + timedelta(days=2)
        step = STAGE.wake(state, at)
        assert step.state.wake_at is None or step.state.wake_at > at
        given_up += [out.data.fact for out in step.outputs if isinstance(out.data, WaitExpired)]
        state = step.state

    assert sorted(given_up) == sorted(standing.waiting)


def _is_beyond_the_door(said: list[tuple[EventData, int]]) -> bool:
    """Whether a visit's discharge is cancelled twice, or one that moved is cancelled as of before.

    There the door lists as waiting what treatment has done with: it keeps no more than the last time
    of a discharge.
    """
    ends = Counter(data.visit_id for data, _ in said if isinstance(data, VisitDischarged))
    undone = [
        data.visit_id
        for data, _ in said
        if isinstance(data, VisitCancelled) and data.cancels == "discharge"
    ]
    return any(ends[visit] > 1 or undone.count(visit) > 1 for visit in undone)


def _both(said: list[tuple[EventData, int]]) -> tuple[Standing, TreatmentState]:
    """Return what the door and treatment make of facts."""
    standing, state = Standing(), STAGE.begin()
    for number, (data, minute) in enumerate(said):
        event = _event(data, number, BEGIN + timedelta(minutes=minute))
        standing.accept(_fact(event), f"{number:03}")
        try:
            state = STAGE.decide(state, event, BEGIN).state
        except RuleRefusedError:  # the dead letter ends the wait: see the timeline's projection
            standing.waiting.pop(event.id, None)
    return standing, state


def _event(data: EventData, number: int, time: datetime) -> Event[Any]:
    return Event(
        id=f"e{number}",
        source="urn:hospital:1",
        subject="m1",
        household="m1",
        time=time,
        recorded_time=time,
        sequence=number + 1,
        data=data,
    )


def _fact(event: Event[Any]) -> Fact:
    return Fact(event.id, event.source, event.subject, event.time, event.data, "")


def _told(each: Any) -> tuple[str, str]:
    """Name what waits: withdrawals by their events, all else by what it is."""
    if each.withdraws or each.type == CoverEnded.TYPE:
        return "withdrawal", each.event_id
    return "bill", each.about


def _waits(state: TreatmentState) -> set[tuple[str, str]]:
    """Return what has no effect in treatment yet, by its state."""
    found = {("withdrawal", row.fact) for row in state.withdrawals if row.waits_until is not None}
    found |= {("withdrawal", end.fact) for end in state.ends}
    for visit in state.visits:
        name = f"visit {visit.visit_id}"
        found |= {
            (
                "bill",
                f"{name}, open again"
                if row.charge_id is None
                else f"charge {row.charge_id} of {name}",
            )
            for row in visit.unbilled
        }
    return found
