"""The record of a member: the same facts in any order give the same picture."""

from datetime import UTC, date, datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st

from services.contract.clinical import ConditionRecorded, ConditionWithdrawn, ObservationRecorded
from services.contract.member import CoverActivated
from services.member.calendar import local_day
from services.member.record import (
    NOBODY,
    noted,
    with_condition,
    with_cover,
    without_condition,
)
from tests.unit.screening.facts import (
    blood_pressure,
    condition,
    observation,
    refuted,
    smoking,
)
from tests.unit.treatment.journey import cover

NOW = datetime(2026, 1, 1, tzinfo=UTC)

moments = st.builds(
    lambda minutes, offset: (NOW - timedelta(minutes=minutes)).astimezone(
        timezone(timedelta(hours=offset))
    ),
    st.integers(0, 3 * 24 * 60),  # few days, so that many facts are of one
    st.sampled_from([-8, 0, 1, 8]),
)
facts = st.one_of(
    st.tuples(st.integers(131, 190), st.integers(60, 130)).map(lambda both: blood_pressure(*both)),
    st.sampled_from(["59621000", "44054006", "230690007", "266257000"]).map(condition),
    st.sampled_from(["59621000", "44054006"]).map(lambda code: condition(code, "resolved")),
    st.builds(
        lambda code, number, status: condition(code, status, condition_id=f"c-{number}"),
        st.sampled_from(["59621000", "230690007"]),
        st.integers(0, 5),
        st.sampled_from(["active", "resolved"]),
    ),
    st.integers(0, 5).map(lambda number: refuted(f"c-{number}")),
    st.sampled_from(["Never smoker", "Former smoker", "Current smoker", "smoker"]).map(smoking),
    st.sampled_from(["449868002", "8517006"]).map(lambda code: smoking(None, code)),
    st.integers(15, 45).map(lambda mass: observation("39156-5", mass, "kg/m2")),
    st.integers(60, 300).map(lambda value: observation("2093-3", value, "mg/dL")),
    st.integers(0, 9).map(lambda number: cover(f"cover-{number}", date(2015 + number, 1, 1))),
)


def told(history):
    record = NOBODY
    for time, fact in history:
        match fact:
            case ObservationRecorded():
                record = noted(record, fact, time).record
            case ConditionRecorded():
                record = with_condition(record, fact, local_day(time))
            case ConditionWithdrawn():
                record = without_condition(record, fact)
            case CoverActivated():
                record = with_cover(record, fact, "event-1", NOW.date())
    return record


@settings(print_blob=True, deadline=None)
@given(
    history=st.lists(st.tuples(moments, facts), max_size=30),
    order=st.randoms(use_true_random=False),
)
def test_any_order_of_the_same_facts_gives_the_same_record(history, order):
    shuffled = list(history)
    order.shuffle(shuffled)

    assert told(shuffled) == told(history)


@settings(print_blob=True, deadline=None)
@given(history=st.lists(st.tuples(moments, facts), max_size=15))
def test_what_is_told_twice_leaves_the_very_same_record(history):
    record = told(history)

    for time, fact in history:
        match fact:
            case ObservationRecorded():
                assert noted(record, fact, time).record is record
            case ConditionRecorded():
                assert with_condition(record, fact, local_day(time)) is record
            case ConditionWithdrawn():
                assert without_condition(record, fact) is record
            case CoverActivated():
                assert with_cover(record, fact, "event-1", NOW.date()) is record
