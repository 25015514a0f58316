"""A corrected charge takes the place of the prior one in one step, in whichever order they come."""

from itertools import permutations

import pytest

from services.contract.care import WithdrawalNoted
from services.contract.payment import PaymentRequested, ReversalRequested
from services.contract.step import RuleRefusedError
from services.treatment.app import STAGE
from tests.unit.treatment.journey import Journey, charge, day
from tests.unit.treatment.test_bills import discharged, registered, voided
from tests.unit.treatment.test_withdrawals import in_force


@pytest.fixture
def journey():
    return Journey(STAGE, clock=day(0))


def replacing(prior, charge_id, amount, **more):
    fact = charge(charge_id, amount, **more)
    return type(fact)(**{**vars(fact), "replaces": prior})


def test_a_replacement_is_a_reversal_and_a_new_request_in_one_step(journey):
    journey.publish(registered(), day(0))
    journey.publish(charge("c1", 120_000), day(1))
    journey.publish(discharged(), day(2))

    said = journey.publish(replacing("c1", "c2", 90_000), day(5))

    assert [type(each) for each in said] == [ReversalRequested, PaymentRequested]
    assert in_force(journey) == {"visit-1": 90_000}


def test_other_charges_of_the_visit_stand(journey):
    journey.publish(charge("c1", 120_000), day(1))
    journey.publish(charge("c0", 700), day(1))
    journey.publish(discharged(), day(2))
    journey.publish(replacing("c1", "c2", 90_000), day(5))

    assert in_force(journey) == {"visit-1": 90_700}


def test_a_replacement_may_be_in_another_currency(journey):
    journey.publish(charge("c1", 120_000), day(1))
    journey.publish(replacing("c1", "c2", 90_000, currency="USD"), day(2))
    journey.publish(discharged(), day(3))

    assert in_force(journey) == {"visit-1": 90_000}


CHAINS = {
    "one": (["c1", "c2>c1"], 2),
    "of a replacement": (["c1", "c2>c1", "c3>c2"], 3),
    "of a replacement of a replacement": (["c1", "c2>c1", "c3>c2", "c4>c3"], 4),
    "voided": (["c1", "c2>c1", "!c2"], 0),
    "a chain whose end is voided": (["c1", "c2>c1", "c3>c2", "!c3"], 0),
}
_AMOUNTS = {"c1": 1, "c2": 2, "c3": 3, "c4": 4}


@pytest.mark.parametrize(("chain", "billed"), CHAINS.values(), ids=CHAINS)
def test_a_chain_ends_in_the_same_bill_in_every_order(chain, billed):
    for order in permutations([*chain, "end"]):
        journey = Journey(STAGE, clock=day(0))
        for step in order:
            name, _, prior = step.partition(">")
            if step == "end":
                fact = discharged()
            elif name.startswith("!"):
                fact = voided(name[1:])
            elif prior:
                fact = replacing(prior, name, _AMOUNTS[name])
            else:
                fact = charge(name, _AMOUNTS[name])
            journey.publish(fact, day(1))
        assert in_force(journey) == ({"visit-1": billed} if billed else {}), order
        waits = {(each.name, each.status) for each in journey.heard(WithdrawalNoted)}
        assert {name for name, status in waits if status == "waits"} == {
            name for name, status in waits if status == "met"
        }, order
        assert journey.state.wake_at is None, order


def test_a_replacement_of_what_nobody_knows_counts_and_waits_visibly(journey):
    journey.publish(replacing("c1", "c2", 90_000), day(1))
    journey.publish(discharged(), day(2))

    assert in_force(journey) == {"visit-1": 90_000}
    noted = [(each.what, each.name, each.status) for each in journey.heard(WithdrawalNoted)]
    assert noted == [("charge", "c1", "waits")]


def test_what_was_replaced_is_not_replaced_again(journey):
    journey.publish(charge("c1", 120_000), day(1))
    journey.publish(replacing("c1", "c2", 90_000), day(2))

    with pytest.raises(RuleRefusedError, match="was replaced; name the one that is in force"):
        journey.publish(replacing("c1", "c3", 80_000), day(3))


def test_a_charge_of_another_visit_is_not_replaced(journey):
    journey.publish(charge("c1", 120_000, visit_id="visit-2"), day(1))

    with pytest.raises(RuleRefusedError, match="belongs to visit visit-2, not to visit-1: void"):
        journey.publish(replacing("c1", "c2", 90_000), day(2))


def test_no_charge_replaces_itself():
    with pytest.raises(ValueError, match="cannot replace itself"):
        replacing("c1", "c1", 1)
