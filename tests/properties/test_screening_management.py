"""What holds for any readings in any order, in screening and in management."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contract.care import ReferredToManagement, ScreeningScheduled
from services.contract.event import Event
from services.contract.member import CoverEnded
from services.contract.milestones import ScreeningMilestone
from services.management.app import STAGE as MANAGEMENT
from services.runtime.inprocess import InProcess
from services.screening.app import STAGE as SCREENING
from tests.unit.pathways.stand_ins import hypertension, only
from tests.unit.screening.facts import (
    blood_pressure,
    condition,
    observation,
    registered,
    rehabilitated,
    sent_to_rehabilitation,
    smoking,
)
from tests.unit.treatment.journey import Journey, cover, day

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module", autouse=True)
def _hypertension_alone():
    with only(hypertension()):
        yield


STATE_BYTES_MAX = 2_500
QUIET_STATE_BYTES_MAX = 500
COVERED_STATE_BYTES_MAX = 9_500
"""With as many covers as are remembered, for late corrections."""

moments = st.integers(0, 3650 * 24).map(lambda hours: NOW - timedelta(hours=hours))
SNOMED_CODES = {"59621000", "44054006", "127013003", "15777000", "414916001", "230690007"} | {
    "53741008", "84114007", "49436004", "399957001", "433144002", "46177005",
}  # fmt: skip

pressures = st.tuples(st.integers(141, 230), st.integers(50, 140)).map(
    lambda both: blood_pressure(*both)
)
facts = st.one_of(
    pressures,
    st.sampled_from(["59621000", "44054006", "230690007", "15777000"]).map(condition),
    st.sampled_from(["59621000", "44054006"]).map(lambda code: condition(code, "resolved")),
    st.sampled_from(["Never smoker", "Current every day smoker"]).map(smoking),
    st.floats(15, 45).map(lambda mass: observation("39156-5", mass, "kg/m2")),
    st.floats(60, 300).map(lambda value: observation("2093-3", value, "mg/dL")),
    st.integers(0, 3).map(lambda number: sent_to_rehabilitation(f"visit-{number}")),
    st.just(rehabilitated()),
    st.integers(0, 9).map(lambda number: cover(f"cover-{number}", date(2015 + number, 1, 1))),
)
histories = st.lists(st.tuples(moments, facts), max_size=30)
evidence = st.lists(
    st.tuples(
        moments,
        st.one_of(
            st.tuples(st.integers(100, 190), st.integers(60, 99)).map(
                lambda both: blood_pressure(*both)
            ),
            st.sampled_from(["44054006", "230690007", "15777000"]).map(condition),
            st.sampled_from(["Never smoker", "Current every day smoker"]).map(smoking),
        ),
    ),
    min_size=2,
    max_size=12,
)


def referred():
    return ReferredToManagement(
        pathway="hypertension", stratum="low", reason="two readings", rule="test"
    )


def fed(stage, history):
    journey = Journey(stage, clock=NOW)
    journey.publish(registered(date(1960, 6, 1), "male"), NOW)
    for time, fact in history:
        journey.publish(fact, time)
    return journey


@settings(print_blob=True, deadline=None)
@given(history=evidence, order=st.randoms(use_true_random=False))
def test_the_verdict_and_the_referral_do_not_depend_on_the_order_of_arrival(history, order):
    shuffled = list(history)
    order.shuffle(shuffled)

    one, other = fed(SCREENING, history), fed(SCREENING, shuffled)

    assert one.state.record == other.state.record
    rows = [journey.state.row("hypertension") for journey in (one, other)]
    assert [(row.met, row.said) for row in rows] == [(rows[0].met, rows[0].said)] * 2
    assert len(one.heard(ReferredToManagement)) == len(other.heard(ReferredToManagement)) <= 1


@settings(print_blob=True, deadline=None)
@given(
    history=st.lists(st.tuples(moments, pressures), max_size=12),
    order=st.randoms(use_true_random=False),
)
def test_the_readings_that_management_keeps_do_not_depend_on_the_order_of_arrival(history, order):
    enrolment = (NOW - timedelta(days=3650), referred())
    shuffled = list(history)
    order.shuffle(shuffled)

    one = fed(MANAGEMENT, [enrolment, *history]).state.enrolment("hypertension")
    other = fed(MANAGEMENT, [enrolment, *shuffled]).state.enrolment("hypertension")

    assert one.readings == other.readings
    assert one.due == other.due


@settings(print_blob=True, deadline=None)
@given(history=histories, steps=st.lists(st.integers(1, 400), max_size=20))
def test_time_always_moves_on_and_the_state_stays_small(history, steps):
    for stage in (SCREENING, MANAGEMENT):
        journey = fed(stage, history)
        for elapsed in steps:
            journey.tick(journey.clock + timedelta(days=elapsed))

            assert journey.state.wake_at is None or journey.state.wake_at > journey.clock
        assert (
            len(journey.stored.dump_json(journey.state, exclude_defaults=True)) <= STATE_BYTES_MAX
        )


@settings(print_blob=True, deadline=None)
@given(history=histories)
def test_no_deadline_of_the_past_is_reminded_of(history):
    for stage in (SCREENING, MANAGEMENT):
        journey = fed(stage, history)

        journey.tick(NOW)

        names = [getattr(draft.data, "milestone", None) for draft in journey.said]
        assert "overdue" not in names
        assert journey.state.wake_at is None or journey.state.wake_at > NOW


@settings(print_blob=True, deadline=None)
@given(readings=st.lists(st.tuples(moments, st.integers(100, 129)), max_size=30))
def test_a_member_in_whom_nothing_is_wrong_stays_cheap(readings):
    for stage in (SCREENING, MANAGEMENT):
        journey = fed(stage, [(time, blood_pressure(value, 80)) for time, value in readings])

        assert (
            len(journey.stored.dump_json(journey.state, exclude_defaults=True))
            <= QUIET_STATE_BYTES_MAX
        )
        assert journey.heard(ReferredToManagement) == []


@pytest.mark.parametrize("stage", [SCREENING, MANAGEMENT], ids=lambda stage: stage.name)
def test_forty_years_of_everything_fit_into_a_bounded_state(stage):
    history = [(NOW - timedelta(days=14600), condition(code)) for code in sorted(SNOMED_CODES)]
    for week in range(2000):
        time = NOW - timedelta(weeks=2000 - week)
        history.append((time, blood_pressure(120 + 40 * (week % 2), 80)))
        history.append((time, sent_to_rehabilitation(f"visit-{week}")))
        history.append((time, cover(f"cover-{week}", time.date())))
        history.append((time, observation("39156-5", 24 + week % 7, "kg/m2")))
        history.append((time, observation("2093-3", 4 + week % 3, "mmol/L")))

    journey = fed(stage, history)

    assert (
        len(journey.stored.dump_json(journey.state, exclude_defaults=True))
        <= COVERED_STATE_BYTES_MAX
    )


def test_a_member_goes_from_screening_to_a_plan_on_one_log():
    city = InProcess([SCREENING, MANAGEMENT])
    city.publish(registered(date(1970, 6, 1), "male"), at=day(0))
    city.publish(blood_pressure(152, 96), at=day(3))
    city.publish(blood_pressure(149, 93), at=day(24))

    city.run()
    city.tick(day(25))
    city.run()

    said = [type(event.data).__name__ for event in city.events() if derived(event)]
    assert said == [
        "ScreeningScheduled",
        "RiskStratified",
        "ScreeningScheduled",
        "ReferredToManagement",
        "ScreeningScheduled",
        "PlanSet",
    ]


def derived(event: Event) -> bool:
    return event.causation_id is not None


insured = st.lists(
    st.one_of(
        pressures,
        st.tuples(st.integers(0, 2), st.sampled_from(["one", "two"]), st.integers(-20, 20)).map(
            lambda given: cover(f"c{given[0]}", day(given[2]).date(), None, given[1])
        ),
        st.tuples(st.integers(0, 2), st.integers(-20, 20)).map(
            lambda given: CoverEnded(
                cover_id=f"c{given[0]}", last_day=day(given[1]).date(), reason="left"
            )
        ),
        st.sampled_from([None, date(1960, 6, 1), date(1990, 6, 1)]).map(registered),
    ),
    max_size=25,
)


@settings(print_blob=True, deadline=None, max_examples=300)
@given(history=insured)
def test_no_insurer_is_told_of_one_invitation_twice(history):
    journey = Journey(SCREENING)
    for number, fact in enumerate(history):
        if isinstance(fact, CoverEnded) and not any(
            known.cover_id == fact.cover_id for known in journey.state.record.covers
        ):
            continue
        journey.publish(fact, day(number))

    told: list[str] = []
    for draft in journey.said:
        if isinstance(draft.data, ScreeningScheduled):
            told = []
        elif isinstance(draft.data, ScreeningMilestone) and draft.data.milestone == "invited":
            assert not {*told} & {*draft.data.insurers}
            assert draft.data.insurers or not told
            told += draft.data.insurers


@settings(print_blob=True, deadline=None, max_examples=200)
@given(
    history=evidence,
    at_first=st.sampled_from([None, "1960", "1960-06", "2020-01-01", "1931-02-03"]),
    place=st.integers(0, 12),
)
def test_who_the_member_is_may_become_known_at_any_time(history, at_first, place):
    known = (NOW, registered(date(1960, 6, 1), "male"))
    one = fed(SCREENING, history)
    other = Journey(SCREENING, clock=NOW)
    other.publish(registered(at_first, "unknown" if at_first is None else "female"), NOW)
    for time, fact in [*history[:place], known, *history[place:]]:
        other.publish(fact, time)

    assert one.state.record == other.state.record
    assert one.state.row("hypertension").said == other.state.row("hypertension").said
    assert len(one.heard(ReferredToManagement)) == len(other.heard(ReferredToManagement)) <= 1
    assert (one.state.row("hypertension").due is None) == (
        other.state.row("hypertension").due is None
    )


@settings(print_blob=True, deadline=None, max_examples=200)
@given(
    at_first=st.sampled_from([None, "1930", "1960-06", "2020-01-01", "1931-02-03"]),
    born=st.sampled_from(["1935-02-03", "1955", "1980-06-01"]),
    place=st.integers(0, 2),
)
def test_a_plan_is_that_of_the_age_whenever_it_becomes_known(at_first, born, place):
    facts = [registered(born), condition("59621000")]
    one, other = Journey(MANAGEMENT, clock=NOW), Journey(MANAGEMENT, clock=NOW)
    for fact in facts:
        one.publish(fact, NOW)
    later = [condition("59621000"), smoking("Never smoker")]
    for fact in [registered(at_first), *later[:place], registered(born), *later[place:]]:
        other.publish(fact, NOW)

    right, found = (journey.state.enrolment("hypertension") for journey in (one, other))
    strata = hypertension().on(NOW.date()).management.strata
    assert strata.index(found.stratum) >= strata.index(right.stratum)
    assert found.plan == right.plan or found.stratum != right.stratum
    assert found.stratum == right.stratum or (at_first or "9999") < born
