"""A cover that comes again with other dates: the bills that it touches are decided anew, no others."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contract.member import CoverEnded
from services.contract.payment import PaymentRequested, ReversalRequested
from services.contract.visit import VisitDischarged, VisitRegistered
from services.member.covers import Cover
from services.treatment.app import STAGE
from tests.unit.treatment.journey import IN_NETWORK, Journey, charge, cover, day

VISIT_DAYS = (0, 30, 60)


def ended(cover_id, last_day):
    return CoverEnded(cover_id=cover_id, last_day=last_day, reason="moved away")


def billed(covers=()):
    """A member with a visit on each of some days, and the covers known before them."""
    journey = Journey(STAGE)
    for fact in covers:
        journey.publish(fact, day(-1))
    for number in VISIT_DAYS:
        visit = {"visit_id": f"v{number}", "visit_class": "ambulatory", "provider": IN_NETWORK}
        journey.publish(VisitRegistered(**visit), day(number))
        journey.publish(charge(f"c{number}", 100_00, visit_id=f"v{number}"), day(number))
        journey.publish(VisitDischarged(**visit), day(number))
    return journey


def in_force(journey):
    """The covers that the bill in force of each visit is decided by: id and first day."""
    last = {request.episode: request for request in journey.heard(PaymentRequested)}
    return {
        episode: sorted(
            (terms.cover_id, terms.insurer, terms.valid_from)
            for terms in request.covers
            if terms.valid_from <= request.service_date <= (terms.valid_to or date.max)
        )
        for episode, request in last.items()
    }


FIRST = day(-10).date()


@pytest.mark.parametrize(
    ("again", "touched"),
    [
        (cover("a", FIRST, day(400).date()), []),  # a renewal
        (cover("a", FIRST, day(45).date()), ["v60"]),
        (cover("a", day(15).date()), ["v0", "v30", "v60"]),  # waiting periods and years begin anew
        (cover("a", FIRST, None, "insurer-2"), ["v0", "v30", "v60"]),
        (ended("a", day(70).date()), []),
        (ended("a", day(30).date()), ["v60"]),
        (ended("a", day(-20).date()), ["v0", "v30", "v60"]),
        (cover("b", day(20).date(), day(40).date()), ["v30"]),
    ],
)
def test_only_the_bills_that_it_touches_are_decided_anew_and_say_why(again, touched):
    journey = billed([cover("a", FIRST)])

    said = journey.publish(again, day(90))

    episodes = [data.episode for data in said if isinstance(data, PaymentRequested)]
    reasons = [data.reason for data in said if isinstance(data, ReversalRequested)]
    assert episodes == touched
    assert len(reasons) == len(touched)
    assert all(f"cover {'b' if 'cover b' in why else 'a'} " in why for why in reasons)


def test_the_cause_says_from_when_to_when():
    journey = billed([cover("a", FIRST)])

    said = journey.publish(cover("a", FIRST, day(45).date()), day(90))

    (why,) = [data.reason for data in said if isinstance(data, ReversalRequested)]
    assert why == "cover a holds from 2025-12-22 to 2026-02-15, and not from 2025-12-22"


days = st.integers(-40, 100).map(lambda number: day(number).date())
updates = st.lists(
    st.one_of(
        st.tuples(st.sampled_from("ab"), days, st.none() | st.integers(0, 90)).map(
            lambda told: cover(
                told[0], told[1], None if told[2] is None else told[1] + timedelta(told[2])
            )
        ),
        st.tuples(st.sampled_from("ab"), days).map(lambda told: ended(*told)),
    ),
    max_size=8,
)


@settings(print_blob=True, deadline=None, max_examples=150)
@given(told=updates, before=st.integers(0, 8))
def test_bills_end_as_if_the_covers_had_always_been_as_they_are(told, before):
    journey = billed(told[:before])
    for number, fact in enumerate(told[before:]):
        journey.publish(fact, day(90 + number))

    known: tuple[Cover, ...] = journey.state.covers
    first = [cover(one.cover_id, one.valid_from, one.valid_to, one.insurer) for one in known]
    assert in_force(journey) == in_force(billed(first))
    requests = journey.heard(PaymentRequested)
    assert len(requests) - len(journey.heard(ReversalRequested)) == len(VISIT_DAYS)
