"""Charges that wait for a discharge that never comes are given up, by name, on the log's clock."""

from datetime import timedelta

import pytest

from services.contract.payment import PaymentRequested
from services.contract.visit import (
    ChargeVoided,
    VisitCancelled,
    VisitDischarged,
    VisitRegistered,
)
from services.contract.waiting import OPEN_AT_MOST, WAITS_AT_MOST, WaitExpired
from services.treatment.app import STAGE
from tests.unit.treatment.journey import IN_NETWORK, Journey, charge, day

REGISTERED = VisitRegistered(visit_id="visit-1", visit_class="inpatient", provider=IN_NETWORK)
DISCHARGED = VisitDischarged(visit_id="visit-1", visit_class="inpatient", provider=IN_NETWORK)
VOIDED = ChargeVoided(charge_id="c1", visit_id="visit-1", reason="Twice.")
REOPENED = VisitCancelled(visit_id="visit-1", cancels="discharge", reason="Too early.")
UNKNOWN, OPEN = WAITS_AT_MOST.days, OPEN_AT_MOST.days


@pytest.mark.parametrize(
    ("facts", "bound", "given_up"),
    [
        ([charge("c1", 500)], UNKNOWN, ["event-1"]),
        ([charge("c1", 500), charge("c2", 700)], UNKNOWN, ["event-1", "event-2"]),
        ([charge("c1", 500), charge("c2", 700), VOIDED], UNKNOWN, ["event-2"]),
        ([charge("c1", 500), VOIDED], UNKNOWN, []),
        ([REGISTERED], OPEN, []),
        ([REGISTERED, charge("c1", 500)], OPEN, ["event-2"]),
        ([charge("c1", 500), REGISTERED], OPEN, ["event-1"]),
        ([charge("c1", 500), DISCHARGED], OPEN, []),
        ([charge("c1", 500), DISCHARGED, REOPENED], OPEN, ["event-3"]),
        ([DISCHARGED, REOPENED, charge("c1", 500)], OPEN, ["event-2", "event-3"]),
        ([DISCHARGED, REOPENED, charge("c1", 500), DISCHARGED], OPEN, []),
    ],
)
def test_what_waits_is_given_up_on_the_day_after_its_last(facts, bound, given_up):
    journey = Journey(STAGE, clock=day(0))
    for number, fact in enumerate(facts):
        journey.publish(fact, day(number / 24))

    before = journey.tick(day(bound) - timedelta(hours=1))
    after = [*before, *journey.tick(day(bound + 1.5))]

    assert [each for each in before if isinstance(each, WaitExpired)] == []
    expired = [each for each in after if isinstance(each, WaitExpired)]
    assert [each.fact for each in expired] == given_up


def test_it_says_what_was_missing_and_what_to_do():
    journey = Journey(STAGE, clock=day(0))
    journey.publish(charge("c1", 500), day(0))

    [expired] = journey.tick(day(UNKNOWN + 2))

    assert expired.awaited == "visit visit-1"
    assert expired.reason == (
        "charge c1 of visit visit-1 is not billed: nobody told of the visit by 2026-04-01; if it is "
        "discharged after all, post the charges under new ids."
    )


@pytest.mark.parametrize("bound", [UNKNOWN, OPEN])
def test_a_charge_that_was_given_up_is_not_billed_when_the_visit_ends_after_all(bound):
    journey = Journey(STAGE, clock=day(0))
    if bound == OPEN:
        journey.publish(REGISTERED, day(0))
    journey.publish(charge("c1", 500), day(0))
    journey.tick(day(bound + 2))

    journey.publish(DISCHARGED, day(bound + 3))
    journey.publish(charge("c2", 700), day(bound + 3))

    assert [request.billed for request in journey.heard(PaymentRequested)] == [700]


def test_what_was_billed_once_is_billed_again_if_the_visit_ends_after_all():
    journey = Journey(STAGE, clock=day(0))
    for fact in (charge("c1", 500), DISCHARGED, REOPENED):
        journey.publish(fact, day(1))
    journey.publish(charge("c2", 700), day(2))
    journey.tick(day(OPEN + 4))

    journey.publish(DISCHARGED, day(OPEN + 5))

    assert [request.billed for request in journey.heard(PaymentRequested)] == [500, 500]


def test_a_stay_that_goes_on_is_not_given_up_as_long_as_something_is_told_of_it():
    journey = Journey(STAGE, clock=day(0))
    journey.publish(REGISTERED, day(0))
    for month in range(40):
        journey.publish(charge(f"c{month}", 500), day(30 * month))
        journey.tick(day(30 * month + 1))

    journey.publish(DISCHARGED, day(1_200))

    assert journey.heard(WaitExpired) == []
    assert [request.billed for request in journey.heard(PaymentRequested)] == [20_000]
