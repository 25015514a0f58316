"""Dates of whatever precision: a start takes the earliest of it, an end the latest, and what may be
true is not refused."""

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contract.member import MemberRegistered
from services.gateway.doors.fhir.bundle import Context, translate
from services.gateway.doors.fhir.elements import told
from services.gateway.doors.network import NetworkDirectory, load_network
from services.member.calendar import SCHEME_ZONE, local_day
from tests.gateways import CLAIM, COVERAGE, ENCOUNTER, PATIENT

NOW = datetime(2026, 7, 1, tzinfo=UTC)
SOURCE = "urn:hospital:1"
LENGTHS = {"year": 4, "month": 7, "day": 10}

zones = st.sampled_from(
    ["Asia/Shanghai", "America/New_York", "Europe/London", "Europe/Berlin", "Pacific/Auckland",
     "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kolkata", "Africa/Abidjan"],
).map(ZoneInfo)  # fmt: skip
moments = st.integers(0, 3 * 366 * 86_400).map(
    lambda seconds: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
precisions = st.sampled_from([*LENGTHS, "instant"])


def written(moment: datetime, precision: str, zone: ZoneInfo) -> str:
    """Write a moment as a person in a zone tells it, no finer than the precision."""
    text = moment.astimezone(zone).isoformat()
    return text if precision == "instant" else text[: LENGTHS[precision]]


def registry(zone: ZoneInfo | None) -> NetworkDirectory:
    known = load_network()
    return NetworkDirectory(known.memberships, {}, {} if zone is None else {SOURCE: zone})


def read(resource, network=None):
    exact = json.loads(json.dumps(resource), parse_float=Decimal)
    (entry,) = translate(exact, Context(network or load_network(), NOW, SOURCE)).entries
    return entry


def visit(start: str, end: str):
    return ENCOUNTER | {"period": {"start": start, "end": end}}


@settings(deadline=None, print_blob=True, max_examples=400)
@given(
    moments,
    st.timedeltas(timedelta(0), timedelta(days=40)),
    zones,
    precisions,
    precisions,
    st.booleans(),
)
def test_a_visit_that_was_is_never_refused_however_roughly_it_is_told(
    start, length, zone, of_start, of_end, is_registered
):
    end = start + timedelta(seconds=length.total_seconds() // 1)
    told_of = visit(written(start, of_start, zone), written(end, of_end, zone))
    entry = read(told_of, registry(zone if is_registered else None))

    assert not entry.problems, told_of
    registered, discharged = entry.facts[0], entry.facts[-1]
    assert registered.time <= discharged.time
    if is_registered and start.astimezone(zone).utcoffset():
        assert registered.time <= start
    if is_registered and end.astimezone(zone).utcoffset():
        assert discharged.time >= end


@settings(deadline=None, print_blob=True, max_examples=300)
@given(moments, zones, st.sampled_from(sorted(LENGTHS)))
def test_the_days_of_a_bare_date_are_those_that_are_written(moment, zone, precision):
    text = written(moment, precision, zone)
    entry = read(visit(text, text), registry(zone))
    first = date.fromisoformat((text + "-01-01")[:10])

    assert local_day(entry.facts[0].time) == first == told(text).first
    assert local_day(entry.facts[-1].time) == told(text).last
    assert told(text).precision == precision


@settings(deadline=None, print_blob=True, max_examples=300)
@given(
    st.dates(date(2025, 1, 2), date(2027, 12, 31)),
    st.integers(1, 400),
    zones,
    st.times(),
    st.booleans(),
)
def test_a_visit_that_ends_on_a_day_before_it_began_is_refused(
    day, earlier, zone, clock, is_end_bare
):
    at = datetime.combine(day, clock.replace(microsecond=0), tzinfo=zone)
    other = day - timedelta(days=earlier)
    if not at.utcoffset():
        other -= timedelta(days=1)  # told in UTC, it says nothing of where the other day lies
    start, end = (
        (at.isoformat(), str(other))
        if is_end_bare
        else (str(day), (at - timedelta(days=earlier + 1)).isoformat())
    )
    entry = read(visit(start, end))

    assert [problem.place for problem in entry.problems] == ["Encounter.period"], (start, end)


@pytest.mark.parametrize(
    ("start", "end", "began", "ended"),
    [
        ("2026-03-02T14:30:00-05:00", "2026-03-02", "2026-03-02T14:30:00-05:00",
         "2026-03-02T23:59:59.999999-05:00"),
        ("2026-03-02T20:30:00+08:00", "2026-03-02", "2026-03-02T20:30:00+08:00",
         "2026-03-02T23:59:59.999999+08:00"),
        ("2026-03-02", "2026-03-02T17:00:00+08:00", "2026-03-02T00:00:00+08:00",
         "2026-03-02T17:00:00+08:00"),
        ("2026-02", "2026-03-02", "2026-02-01T00:00:00+08:00", "2026-03-02T23:59:59.999999+08:00"),
        ("2026", "2026", "2026-01-01T00:00:00+08:00", "2026-12-31T23:59:59.999999+08:00"),
        ("2024-02", "2024-02", "2024-02-01T00:00:00+08:00", "2024-02-29T23:59:59.999999+08:00"),
        ("2026-03-02T20:30:00Z", "2026-03-02", "2026-03-02T20:30:00+00:00",
         "2026-03-02T20:30:00+00:00"),
    ],
)  # fmt: skip
def test_a_start_takes_the_earliest_and_an_end_the_latest(start, end, began, ended):
    entry = read(visit(start, end))

    assert [problem.says for problem in entry.problems] == []
    assert entry.facts[0].time == datetime.fromisoformat(began)
    assert entry.facts[-1].time == datetime.fromisoformat(ended)


def test_a_provider_that_the_registry_knows_the_zone_of_is_there():
    network = load_network()
    placed = NetworkDirectory(
        network.memberships, {"hospital-owned-1": ZoneInfo("America/New_York")}, {}
    )
    entry = read(visit("2026-03-02", "2026-03-02"), placed)

    assert entry.facts[0].time == datetime.fromisoformat("2026-03-02T00:00:00-05:00")
    assert entry.facts[-1].time == datetime.fromisoformat("2026-03-02T23:59:59.999999-05:00")


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        ("2024", "2026", "2024-01-01", "2026-12-31"),
        ("2024-02", "2024-02", "2024-02-01", "2024-02-29"),
        ("2024-02-03", "2025-06", "2024-02-03", "2025-06-30"),
        ("2026-01-01T23:00:00-05:00", "2026-12", "2026-01-01", "2026-12-31"),
    ],
)
def test_a_cover_holds_from_the_first_to_the_last_day_of_its_period(start, end, first, last):
    (fact,) = read(COVERAGE | {"period": {"start": start, "end": end}}).facts

    assert (str(fact.data.cover.valid_from), str(fact.data.cover.valid_to)) == (first, last)


@pytest.mark.parametrize("told_by", ["created", "billablePeriod"])
def test_what_is_billed_on_a_day_had_been_done_by_its_end(told_by):
    dated = {"created": "2026-03-05"}
    if told_by == "billablePeriod":
        dated["billablePeriod"] = {"start": "2026-03", "end": "2026-03-05"}
    (fact,) = read(CLAIM | dated).facts

    assert fact.time == datetime.combine(date(2026, 3, 5), time.max, tzinfo=SCHEME_ZONE)


def test_a_line_of_a_month_has_no_day_of_its_own():
    lines = [item | {"servicedDate": "2026-03"} for item in CLAIM["item"]]
    entry = read(CLAIM | {"item": lines})

    assert [line.day for line in entry.facts[0].data.lines] == [None, None]
    assert [each.severity for each in entry.problems] == ["information", "information"]


def test_a_finding_told_by_a_year_begins_with_it():
    condition = {
        "resourceType": "Condition",
        "id": "k1",
        "subject": {"reference": "Patient/m1"},
        "code": {"text": "Hypertension"},
        "onsetDateTime": "2019",
        "abatementDateTime": "2021",
    }
    began, over = read(condition).facts

    assert began.time == datetime(2019, 1, 1, tzinfo=SCHEME_ZONE)
    assert over.time == datetime.combine(date(2021, 12, 31), time.max, tzinfo=SCHEME_ZONE)


def test_an_offset_that_a_zone_had_long_ago_is_no_problem():
    assert told("1890").earliest(SCHEME_ZONE).astimezone(UTC).year == 1889


@pytest.mark.parametrize("born", ["1960", "1960-02", "1960-02-29", None])
def test_a_birth_date_is_carried_as_far_as_it_is_known(born):
    said = {name: each for name, each in (PATIENT | {"birthDate": born}).items() if each}
    entry = read(said)

    (fact,) = entry.facts
    assert entry.problems == ()
    assert fact.data.model_dump(mode="json")["birth_date"] == born
    assert MemberRegistered.model_validate_json(fact.data.model_dump_json()) == fact.data


@pytest.mark.parametrize("born", ["1960-13", "1960-02-30", "60", "1960-2", "29.2.1960", "1700"])
def test_a_birth_date_that_cannot_be_is_refused(born):
    assert [each.place for each in read(PATIENT | {"birthDate": born}).problems] == [
        "Patient.birthDate"
    ]
