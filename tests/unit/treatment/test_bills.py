"""A visit becomes one request to pay, and every later truth is asked for as a difference."""

from datetime import date

import pytest

from services.contract.member import CoverEnded
from services.contract.payment import PaymentRequested, ReversalRequested
from services.contract.step import RuleRefusedError
from services.contract.visit import (
    BillLine,
    ChargePosted,
    ChargeVoided,
    Code,
    VisitAdmitted,
    VisitCancelled,
    VisitDischarged,
    VisitRegistered,
)
from services.member.covers import insurers_in_force
from services.treatment.app import STAGE
from tests.unit.treatment.journey import (
    IN_NETWORK,
    OUT_OF_NETWORK,
    Journey,
    charge,
    cover,
    day,
)


def registered(provider=IN_NETWORK, visit_class="ambulatory", visit_id="visit-1"):
    return VisitRegistered(visit_id=visit_id, visit_class=visit_class, provider=provider)


def discharged(provider=IN_NETWORK, visit_class="ambulatory", visit_id="visit-1"):
    return VisitDischarged(visit_id=visit_id, visit_class=visit_class, provider=provider)


def cancelled(what, visit_id="visit-1"):
    return VisitCancelled(visit_id=visit_id, cancels=what, reason="keyed in by mistake")


def voided(charge_id, visit_id="visit-1"):
    return ChargeVoided(charge_id=charge_id, visit_id=visit_id, reason="charged twice")


@pytest.fixture
def journey():
    return Journey(STAGE)


def seen_home(journey, provider=IN_NETWORK):
    """A clinic visit with two charges, over."""
    journey.publish(registered(provider), day(0))
    journey.publish(charge("charge-1", 700, -200), day(0))
    journey.publish(charge("charge-2", 300), day(0))
    return journey.publish(discharged(provider), day(0.1))


def test_a_discharge_in_network_asks_for_direct_pay_of_all_charges(journey):
    said = seen_home(journey)

    [request] = [data for data in said if isinstance(data, PaymentRequested)]
    assert request.way == "direct_pay"
    assert request.billed == 800
    assert [line.amount for line in request.lines] == [700, -200, 300]
    assert request.episode == "visit-1"
    assert request.replaces is None
    assert request.service_date == date(2026, 1, 1)


def test_a_line_without_a_category_takes_that_of_its_charge_and_keeps_all_else(journey):
    given = {
        "code": Code(system="http://example.org", code="bed"),
        "text": "bed",
        "amount": 500,
        "quantity": "2.5",
        "unit_price": 200,
        "day": date(2026, 1, 1),
        "approval": "approval-1",
    }
    lines = BillLine(**given), BillLine(**given | {"category": "drug"})
    posted = ChargePosted(
        charge_id="charge-1",
        visit_id="visit-1",
        category="oral",
        currency="CNY",
        amount=1000,
        lines=lines,
    )
    journey.publish(posted, day(0))

    journey.publish(discharged(), day(1))

    # A field that lines get later on must be carried too.
    assert {*given, "category"} == set(BillLine.model_fields)
    [request] = journey.heard(PaymentRequested)
    assert request.lines == (BillLine(**given | {"category": "oral"}), lines[1])


def test_a_discharge_out_of_network_files_a_claim(journey):
    said = seen_home(journey, OUT_OF_NETWORK)

    assert [data.way for data in said if hasattr(data, "billed")] == ["claim"]


def test_a_visit_without_a_charge_asks_for_nothing_until_one_arrives(journey):
    journey.publish(registered(), day(0))
    at_discharge = journey.publish(discharged(), day(0.1))

    later = journey.publish(charge("charge-1", 900), day(3))

    assert not any(hasattr(data, "billed") for data in at_discharge)
    assert [data.billed for data in later] == [900]


def test_a_charge_before_its_registration_waits_and_is_billed(journey):
    assert journey.publish(charge("charge-1", 500), day(0)) == []

    journey.publish(discharged(), day(1))
    journey.publish(registered(), day(1))

    [request] = journey.heard(PaymentRequested)
    assert request.billed == 500


def test_a_late_charge_replaces_the_request(journey):
    seen_home(journey)
    [first] = journey.heard(PaymentRequested)

    reversal, second = journey.publish(charge("charge-3", 50), day(2))

    assert reversal == ReversalRequested(
        request_id=first.request_id, reason="charge charge-3 posted"
    )
    assert second.replaces == first.request_id
    assert second.request_id != first.request_id
    assert second.billed == 850


def test_voiding_every_charge_reverses_and_asks_for_nothing(journey):
    seen_home(journey)

    journey.publish(voided("charge-1"), day(2))
    said = journey.publish(voided("charge-2"), day(3))

    assert [type(data) for data in said] == [ReversalRequested]


def test_a_cancelled_discharge_reverses_and_the_next_one_asks_anew(journey):
    seen_home(journey)
    [first] = journey.heard(PaymentRequested)

    undone = journey.publish(cancelled("discharge"), day(1))
    again = journey.publish(discharged(), day(4))

    assert [data.milestone for data in undone if hasattr(data, "milestone")] == [
        "discharge_cancelled"
    ]
    assert [data.request_id for data in undone if isinstance(data, ReversalRequested)] == [
        first.request_id
    ]
    [second] = [data for data in again if isinstance(data, PaymentRequested)]
    assert (second.replaces, second.billed) == (first.request_id, 800)


def test_a_registration_learnt_after_the_discharge_was_cancelled_is_taken(journey):
    journey.publish(charge("charge-1", 500), day(3))
    journey.publish(discharged(), day(3))
    journey.publish(cancelled("discharge"), day(3))

    journey.publish(registered(), day(1))
    said = journey.publish(discharged(), day(4))

    assert [data.service_date for data in said if hasattr(data, "billed")] == [date(2026, 1, 2)]


def test_a_cancelled_visit_is_reversed_and_takes_no_more_charges(journey):
    seen_home(journey)

    said = journey.publish(cancelled("visit"), day(1))

    assert [type(data) for data in said] == [ReversalRequested]
    with pytest.raises(RuleRefusedError, match="cannot charge visit visit-1: it is cancelled"):
        journey.publish(charge("charge-9", 1), day(2))


def test_the_day_the_visit_began_is_the_service_date_even_if_learnt_late(journey):
    journey.publish(charge("charge-1", 500), day(-1))
    journey.publish(discharged(visit_class="inpatient"), day(1))

    said = journey.publish(VisitAdmitted(visit_id="visit-1", provider=IN_NETWORK), day(-1))

    [request] = [data for data in said if isinstance(data, PaymentRequested)]
    assert request.service_date == date(2025, 12, 31)


def test_a_back_dated_cover_that_was_in_force_is_asked_again(journey):
    seen_home(journey)

    reversal, request = journey.publish(cover("cover-1", date(2025, 6, 1)), day(30))

    assert isinstance(reversal, ReversalRequested)
    assert reversal.reason == "cover cover-1 became known"
    assert [known.cover_id for known in request.covers] == ["cover-1"]
    assert request.billed == 800


def test_nothing_is_asked_as_of_a_time_before_the_discharge(journey):
    seen_home(journey)

    journey.publish(cover("cover-1", date(2025, 6, 1)), day(-200))
    journey.publish(charge("charge-3", 50), day(-1))

    asked = [draft.time for draft in journey.said if hasattr(draft.data, "request_id")]
    assert asked == [day(0.1)] * 5


def test_a_cover_of_another_time_leaves_old_requests_alone(journey):
    seen_home(journey)

    said = journey.publish(cover("cover-1", date(2026, 2, 1)), day(30))

    assert said == []


def test_a_cover_that_had_ended_before_the_visit_is_asked_again(journey):
    journey.publish(cover("cover-1", date(2025, 1, 1)), day(-100))
    seen_home(journey)
    ended = CoverEnded(cover_id="cover-1", last_day=date(2025, 12, 31), reason="premium not paid")

    said = journey.publish(ended, day(9))

    assert [type(data) for data in said] == [ReversalRequested, PaymentRequested]
    assert insurers_in_force(said[1].covers, said[1].service_date) == ()


def test_a_cover_that_ends_after_the_visit_leaves_its_request_alone(journey):
    journey.publish(cover("cover-1", date(2025, 1, 1)), day(-100))
    seen_home(journey)
    ended = CoverEnded(cover_id="cover-1", last_day=date(2026, 1, 1), reason="moved away")

    assert journey.publish(ended, day(9)) == []


def test_the_same_cover_twice_leaves_the_very_same_state(journey):
    journey.publish(cover("cover-1", date(2025, 1, 1)), day(0))
    before = journey.state

    journey.publish(cover("cover-1", date(2025, 1, 1)), day(1))

    assert journey.state is before


@pytest.mark.parametrize(
    ("before", "fact", "why"),
    [
        ([registered()], registered(), "cannot register visit visit-1: it is registered"),
        ([cancelled("visit")], registered(), "cannot register visit visit-1: it is cancelled"),
        ([registered(), discharged()], registered(), "already registered"),
        ([voided("charge-1")], voided("charge-1"), "voided already"),
        ([cancelled("visit")], cancelled("discharge"), "it is cancelled"),
        ([charge("charge-1", 5), voided("charge-1")], voided("charge-1"), "voided already"),
        ([charge("charge-1", 5)], charge("charge-1", 5), "in force already"),
        ([charge("charge-1", 5)], charge("charge-2", 5, currency="USD"), "billed in CNY"),
        ([charge("charge-1", 10**15)], charge("charge-2", 1), "above 1000000000000000"),
    ],
)
def test_what_contradicts_is_refused_by_name_and_changes_nothing(journey, before, fact, why):
    for earlier in before:
        journey.publish(earlier, day(0))
    state = journey.state

    with pytest.raises(RuleRefusedError, match=why):
        journey.publish(fact, day(1))

    assert journey.state is state


def test_a_second_discharge_at_the_very_moment_of_the_first_is_refused(journey):
    journey.publish(discharged(), day(1))

    with pytest.raises(RuleRefusedError, match="already discharged"):
        journey.publish(discharged(visit_class="inpatient"), day(1))


def test_a_stay_that_went_on_ends_at_its_last_discharge(journey):
    seen_home(journey)

    said = journey.publish(discharged(visit_class="inpatient"), day(3))
    earlier = journey.publish(discharged(OUT_OF_NETWORK), day(2))

    assert [type(data) for data in said if hasattr(data, "request_id")] == [
        ReversalRequested,
        PaymentRequested,
    ]
    assert journey.state.visits[0].discharged == day(3)
    assert earlier == []
