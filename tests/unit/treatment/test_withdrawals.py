"""A withdrawal that comes before what it withdraws waits for it, within bounds, and is told."""

from datetime import date, timedelta
from itertools import permutations

import pytest

from services.contract.care import ReferralWithdrawn, ReferredToRehabilitation, WithdrawalNoted
from services.contract.clinical import ConditionRecorded, ProcedurePerformed
from services.contract.member import CoverEnded
from services.contract.payment import PaymentRequested, ReversalRequested
from services.contract.step import RuleRefusedError
from services.contract.visit import ChargeVoided, Code, VisitAdmitted
from services.contract.waiting import WAITS_AT_MOST, WaitExpired
from services.treatment.app import STAGE
from services.treatment.withdrawals import KEPT_MAX, WAITING_MAX
from tests.unit.treatment.journey import IN_NETWORK, Journey, charge, cover, day, milestones
from tests.unit.treatment.test_bills import cancelled, discharged, registered, voided

WAIT_DAYS = WAITS_AT_MOST.days
STROKE = Code(system="http://snomed.info/sct", code="230690007")


@pytest.fixture
def journey():
    return Journey(STAGE, clock=day(0))


def in_force(journey):
    """What is asked and not reversed: billed amounts by visit."""
    undone = {data.request_id for data in journey.heard(ReversalRequested)}
    asked = [data for data in journey.heard(PaymentRequested) if data.request_id not in undone]
    return {request.episode: request.billed for request in asked}


def told(journey):
    return [(note.what, note.name, note.status) for note in journey.heard(WithdrawalNoted)]


def played(facts):
    journey = Journey(STAGE, clock=day(0))
    for fact, when in facts:
        journey.publish(fact, when)
    return journey


def test_a_void_waits_for_its_charge_and_the_charge_never_counts(journey):
    journey.publish(registered(), day(0))
    journey.publish(charge("charge-1", 5_000), day(1))
    assert milestones(journey.publish(voided("charge-2"), day(3))) == []
    journey.publish(charge("charge-2", 99), day(2))
    journey.publish(discharged(), day(3))

    assert in_force(journey) == {"visit-1": 5_000}
    assert told(journey) == [("charge", "charge-2", "waits"), ("charge", "charge-2", "met")]
    assert journey.state.wake_at is None


def test_a_void_holds_for_its_charge_whatever_their_times(journey):
    journey.publish(voided("charge-1"), day(1))
    journey.publish(charge("charge-1", 99), day(5))
    journey.publish(discharged(), day(6))

    assert in_force(journey) == {}


def test_a_charge_that_was_voided_can_be_posted_anew(journey):
    journey.publish(voided("charge-1"), day(1))
    journey.publish(charge("charge-1", 99), day(0))
    journey.publish(charge("charge-1", 55), day(2))
    journey.publish(discharged(), day(3))

    assert in_force(journey) == {"visit-1": 55}


def test_a_cancelled_discharge_waits_and_the_patient_stays_in_the_ward(journey):
    journey.publish(charge("charge-1", 5_000), day(1))
    journey.publish(cancelled("discharge"), day(3.1))

    said = journey.publish(discharged(), day(3))

    assert in_force(journey) == {}
    assert milestones(said) == []
    assert told(journey)[-1] == ("discharge", "visit-1", "met")


def test_a_later_discharge_stands_however_late_the_cancelled_one_comes(journey):
    journey.publish(charge("charge-1", 5_000), day(1))
    journey.publish(cancelled("discharge"), day(3.1))
    journey.publish(discharged(), day(5))
    journey.publish(discharged(visit_class="inpatient"), day(3))

    [request] = journey.heard(PaymentRequested)
    assert request.visit_class == "ambulatory"
    assert journey.state.visits[0].discharged == day(5)


def test_an_earlier_discharge_stays_cancelled_after_a_later_one_was(journey):
    journey.publish(discharged(), day(5))
    journey.publish(cancelled("discharge"), day(6))
    journey.publish(charge("charge-1", 5_000), day(1))

    journey.publish(discharged(), day(3))
    journey.publish(cancelled("discharge"), day(4))

    assert in_force(journey) == {}
    assert told(journey) == []


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_a_cancelled_visit_owes_nothing_and_refuses_nothing_that_was_overtaken(order):
    facts = [
        (registered(visit_class="inpatient"), day(0)),
        (charge("charge-1", 5_000), day(1)),
        (discharged(), day(2)),
        (cancelled("visit"), day(3)),
    ]

    journey = played(facts[place] for place in order)

    assert in_force(journey) == {}
    assert journey.state.visits[0].phase == "cancelled"
    assert journey.state.wake_at is None


def test_what_happens_in_a_visit_after_it_was_cancelled_is_refused(journey):
    journey.publish(cancelled("visit"), day(3))
    procedure = ProcedurePerformed(procedure_id="p", codes=(STROKE,), visit_id="visit-1")
    assert journey.publish(procedure, day(2)) == []

    for late in (charge("charge-1", 5), VisitAdmitted(visit_id="visit-1", provider=IN_NETWORK)):
        with pytest.raises(RuleRefusedError, match="it is cancelled"):
            journey.publish(late, day(4))
    with pytest.raises(RuleRefusedError, match="was cancelled"):
        journey.publish(procedure, day(4))


def test_a_visit_that_takes_back_its_charges_takes_back_what_waits_for_them(journey):
    journey.publish(registered(), day(0))
    journey.publish(voided("charge-1"), day(1))

    journey.publish(cancelled("visit"), day(2))

    assert told(journey) == [("charge", "charge-1", "waits"), ("charge", "charge-1", "met")]
    assert journey.state.wake_at is None


@pytest.mark.parametrize("last", [date(2025, 12, 31), date(2026, 1, 1), date(2026, 6, 30)])
def test_the_end_of_a_cover_waits_for_its_start(journey, last):
    ended = CoverEnded(cover_id="cover-1", last_day=last, reason="moved away")
    journey.publish(ended, day(0))
    journey.publish(cover("cover-1", date(2025, 1, 1)), day(-300))
    journey.publish(charge("charge-1", 5_000), day(0))
    journey.publish(discharged(), day(0))

    [request] = journey.heard(PaymentRequested)
    assert [known.valid_to for known in request.covers] == [last]
    assert told(journey) == [("cover", "cover-1", "waits"), ("cover", "cover-1", "met")]


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (voided("charge-1"), charge("charge-1", 5_000)),
        (cancelled("discharge"), discharged()),
        (
            CoverEnded(cover_id="c", last_day=date(2020, 1, 1), reason="x"),
            cover("c", date(2019, 1, 1)),
        ),
    ],
)
def test_what_waited_in_vain_expires_and_says_so(journey, first, then):
    journey.publish(registered(), day(0))
    journey.publish(charge("charge-2", 100), day(0))
    journey.publish(first, day(1))
    assert journey.tick(day(WAIT_DAYS - 1)) == []

    [expired] = journey.tick(day(WAIT_DAYS + 2))
    journey.publish(then, day(0))
    journey.publish(discharged(), day(WAIT_DAYS + 3))

    assert (type(expired), expired.fact) == (WaitExpired, "event-3")
    assert f"did not come by {day(WAIT_DAYS).date()}" in expired.reason
    assert journey.state.wake_at is None
    request = journey.heard(PaymentRequested)[-1]
    if then == charge("charge-1", 5_000):
        assert request.billed == 5_100
    elif isinstance(first, CoverEnded):
        assert [known.valid_to for known in request.covers] == [None]


def test_a_cancelled_visit_that_never_came_expires_and_stays_cancelled(journey):
    journey.publish(cancelled("visit"), day(1))

    [expired] = journey.tick(day(WAIT_DAYS + 2))
    journey.publish(charge("charge-1", 5), day(0))

    assert expired.awaited == "visit visit-1"
    assert journey.state.visits[0].charges == ()


def test_more_withdrawals_than_may_wait_are_refused_by_name(journey):
    for number in range(WAITING_MAX):
        journey.publish(voided(f"charge-{number}"), day(1))
    state = journey.state

    with pytest.raises(RuleRefusedError, match="64 other withdrawals"):
        journey.publish(voided("charge-x"), day(1))

    assert journey.state is state
    assert journey.publish(charge("charge-0", 5), day(1))[0].status == "met"
    assert journey.publish(voided("charge-x"), day(1))[0].status == "waits"


def test_of_the_withdrawals_that_wait_for_nothing_the_oldest_give_way(journey):
    for number in range(KEPT_MAX + 9):
        journey.publish(charge(f"charge-{number}", 5), day(1))
        journey.publish(voided(f"charge-{number}"), day(1))

    assert len(journey.state.withdrawals) == KEPT_MAX
    assert journey.state.withdrawals[0].name == "charge-9"


def test_a_member_who_withdraws_nothing_keeps_nothing_of_it(journey):
    journey.publish(registered(), day(0))
    journey.publish(charge("charge-1", 5), day(1))
    journey.publish(discharged(), day(2))

    stored = journey.stored.dump_json(journey.state, exclude_defaults=True)

    assert b"withdrawals" not in stored
    assert b"ends" not in stored


def test_the_withdrawals_of_a_visit_are_forgotten_with_it(journey):
    for number in range(200):
        name = f"visit-{number}"
        journey.publish(charge("charge-1", 5, visit_id=name), day(number))
        journey.publish(voided("charge-1", name), day(number))
        journey.publish(discharged(visit_id=name), day(number))

    known = {visit.visit_id for visit in journey.state.visits}
    assert {row.visit_id for row in journey.state.withdrawals} == known


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_stay_that_goes_on_is_referred_as_of_its_last_end(order):
    stroke = ConditionRecorded(
        condition_id="c", codes=(STROKE,), status="active", visit_id="visit-1"
    )
    facts = [
        (discharged(visit_class="inpatient"), day(1)),
        (stroke, day(0)),
        (discharged(visit_class="inpatient"), day(3)),
    ]

    journey = played(facts[place] for place in order)

    standing = len(journey.heard(ReferredToRehabilitation)) - len(journey.heard(ReferralWithdrawn))
    assert standing == 1
    assert journey.heard(ReferredToRehabilitation)[-1].discharged_on == day(3).date()


def test_a_withdrawal_of_an_unheard_charge_is_seen_while_its_visit_is_open(journey):
    void = ChargeVoided(charge_id="charge-7", visit_id="visit-1", reason="not this patient")

    [note] = journey.publish(void, day(1))

    until = day(0).date() + timedelta(days=WAIT_DAYS)
    assert (note.what, note.name, note.visit_id, note.until) == (
        "charge", "charge-7", "visit-1", until,
    )  # fmt: skip
