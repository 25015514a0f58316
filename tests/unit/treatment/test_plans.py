"""A planned visit may move, be called off, or begin; until it begins, nothing follows from it."""

from datetime import date
from itertools import permutations

import pytest

from services.contract.care import WithdrawalNoted
from services.contract.payment import PaymentRequested
from services.contract.step import RuleRefusedError
from services.contract.visit import (
    VisitAdmitted,
    VisitCancelled,
    VisitDischarged,
    VisitPlanned,
    VisitRegistered,
)
from services.treatment.app import STAGE
from services.treatment.plans import PLANS_MAX
from tests.unit.treatment.journey import IN_NETWORK, Journey, charge, cover, day


def planned(visit_id="visit-1", starts="2026-04"):
    return VisitPlanned(
        visit_id=visit_id, visit_class="inpatient", provider=IN_NETWORK, starts=starts
    )


def called_off(visit_id="visit-1"):
    return VisitCancelled(visit_id=visit_id, cancels="visit", reason="patient recovered")


BEGUN = (
    VisitRegistered(visit_id="visit-1", visit_class="inpatient", provider=IN_NETWORK),
    VisitAdmitted(visit_id="visit-1", provider=IN_NETWORK),
    VisitDischarged(visit_id="visit-1", visit_class="inpatient", provider=IN_NETWORK),
)


@pytest.fixture
def journey():
    return Journey(STAGE)


def test_a_plan_that_is_announced_moved_billed_and_called_off_says_nothing(journey):
    said = journey.publish(cover("a", date(2026, 1, 1)), day(0))
    said += journey.publish(planned(), day(1))
    said += journey.publish(planned(starts="2026-05-02"), day(2))
    said += journey.publish(charge("c1", 900_00), day(3))
    said += journey.publish(called_off(), day(4))

    assert said == []
    assert journey.state.visits[0].phase == "cancelled"
    assert journey.state.planned == ()
    assert journey.state.wake_at is None


@pytest.mark.parametrize("facts", list(permutations([*BEGUN, planned(), charge("c1", 900_00)])))
def test_a_visit_is_billed_once_and_from_its_own_day_whenever_its_plan_comes(journey, facts):
    for fact in facts:
        when = {VisitPlanned: -30, VisitDischarged: 5}.get(type(fact), 1)
        journey.publish(fact, day(when))

    requests = journey.heard(PaymentRequested)
    assert [request.service_date for request in requests][-1] == day(1).date()
    assert min(request.service_date for request in requests) >= day(1).date()
    assert journey.state.planned == ()


@pytest.mark.parametrize("facts", list(permutations([planned(), called_off()])))
def test_a_plan_and_its_end_in_any_order_leave_a_visit_that_is_off(journey, facts):
    for fact in facts:
        journey.publish(fact, day(1 if isinstance(fact, VisitPlanned) else 2))

    assert [visit.phase for visit in journey.state.visits] == ["cancelled"]
    assert all(row.waits_until is None for row in journey.state.withdrawals)
    told = [data.status for data in journey.heard(WithdrawalNoted)]
    assert told == ([] if isinstance(facts[0], VisitPlanned) else ["waits", "met"])


def test_a_visit_that_was_called_off_is_not_planned_again(journey):
    journey.publish(planned(), day(1))
    journey.publish(called_off(), day(2))

    with pytest.raises(RuleRefusedError, match="cannot plan visit visit-1: it is cancelled"):
        journey.publish(planned(), day(3))


def test_only_so_many_plans_are_remembered(journey):
    for number in range(PLANS_MAX + 5):
        journey.publish(planned(f"visit-{number}"), day(number))

    assert len(journey.state.planned) == PLANS_MAX
    assert journey.state.planned[-1] == f"visit-{PLANS_MAX + 4}"
