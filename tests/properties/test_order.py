"""Order does not matter: a possible history comes to the same end in whatever order it is told.

What "the same" means, and what is not: `docs/adr/2611-withdrawals-wait.md`.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.conclusions import (
    City,
    balances,
    bills_in_force,
    care,
    decisions_in_force,
    members,
    shares_in_force,
)
from tests.properties.histories import OWN_ALONE, told_twice

READ = st.sampled_from(["after each fact", "when all are there"])
"""When the stages read: their own words then stand between the facts, or after them."""


@settings(max_examples=150, deadline=None, print_blob=True)
@given(told=told_twice(), read=READ)
def test_any_order_leaves_the_same_bills_in_force_and_the_same_care(told, read):
    happened, arrived = told

    one, other = City().tell(happened, read), City().tell(arrived, read)

    assert (one.refusals, other.refusals) == ([], [])
    assert bills_in_force(other) == bills_in_force(one)
    assert decisions_in_force(other).keys() == bills_in_force(one).keys()
    for member in members(happened):
        assert care(other, member) == care(one, member)


@settings(max_examples=60, deadline=None, print_blob=True)
@given(told=told_twice(OWN_ALONE), read=READ)
def test_any_order_leaves_the_same_decisions_and_the_same_books(told, read):
    happened, arrived = told

    one, other = City().tell(happened, read), City().tell(arrived, read)

    assert shares_in_force(other) == shares_in_force(one)
    assert balances(other) == balances(one)


@settings(max_examples=60, deadline=None, print_blob=True)
@given(told=told_twice(), read=READ)
def test_nothing_waits_for_ever_and_a_possible_history_waits_for_nothing(told, read):
    happened, arrived = told

    city = City().tell(arrived, read)

    for member in members(happened):
        state = city.state("treatment", member)
        assert state.ends == ()
        assert [row for row in state.withdrawals if row.waits_until] == []
