"""A session is paid as of the covers that were in force when it took place, whenever they are learnt."""

from datetime import date

import pytest

from services.contract.member import CoverEnded
from services.contract.payment import PaymentRequested, ReversalRequested
from services.rehabilitation.app import STAGE
from services.rehabilitation.sessions import CORRECTED_MAX
from services.settlement.state import REMEMBERED_MAX
from tests.unit.rehabilitation.test_courses import attended
from tests.unit.treatment.journey import Journey, cover, day


@pytest.fixture
def journey():
    return Journey(STAGE)


def ended(last_day, cover_id="cover-1"):
    return CoverEnded(cover_id=cover_id, last_day=last_day, reason="moved away")


def test_a_cover_learnt_of_after_the_session_is_asked(journey):
    [first] = journey.publish(attended(1), day(5))

    undo, second = journey.publish(cover("cover-1", date(2026, 1, 1)), day(9))

    assert undo == ReversalRequested(
        request_id=first.request_id, reason="cover cover-1 became known"
    )
    assert (second.replaces, second.billed) == (first.request_id, first.billed)
    assert second.request_id not in {first.request_id, None}
    assert [known.cover_id for known in second.covers] == ["cover-1"]
    assert second.service_time == first.service_time


def test_each_further_truth_replaces_the_request_before_it(journey):
    journey.publish(attended(1), day(5))
    journey.publish(cover("cover-1", date(2026, 1, 1)), day(9))

    journey.publish(ended(date(2026, 1, 2)), day(10))

    asked = journey.heard(PaymentRequested)
    assert [request.replaces for request in asked] == [
        None,
        asked[0].request_id,
        asked[1].request_id,
    ]
    assert len({request.request_id for request in asked}) == 3
    undone = [undo.request_id for undo in journey.heard(ReversalRequested)]
    assert undone == [request.request_id for request in asked[:2]]


@pytest.mark.parametrize(
    "late",
    [
        cover("cover-2", date(2026, 2, 1)),
        ended(date(2025, 1, 1), "cover-9"),
        ended(date(2026, 1, 6)),
    ],
)
def test_a_cover_of_another_time_asks_for_nothing(journey, late):
    journey.publish(cover("cover-1", date(2025, 1, 1)), day(0))
    journey.publish(attended(1), day(5))

    assert journey.publish(late, day(9)) == []


def test_an_end_that_came_before_its_cover_holds_for_the_session(journey):
    journey.publish(ended(date(2026, 1, 31)), day(0))
    journey.publish(cover("cover-1", date(2025, 1, 1)), day(-300))

    [request] = journey.publish(attended(1), day(60))

    assert [known.valid_to for known in request.covers] == [date(2026, 1, 31)]
    assert journey.state.ends == ()


def test_as_many_sessions_can_be_corrected_as_settlement_remembers(journey):
    for number in range(CORRECTED_MAX + 5):
        journey.publish(attended(number), day(number))

    said = journey.publish(cover("cover-1", date(2026, 1, 1)), day(99))

    undone = [data for data in said if isinstance(data, ReversalRequested)]
    assert len(undone) == CORRECTED_MAX == REMEMBERED_MAX["rehabilitation_session"]
