"""A record is decoded into an event, or refused with all its problems: never anything else."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.contract.care import ReferredToManagement
from services.contract.clinical import ObservationRecorded
from services.contract.clock import ClockTicked
from services.contract.codec import (
    PROBLEM_CHARS_MAX,
    PROBLEMS_MAX,
    REQUIRED,
    Record,
    UndecodableError,
    decode,
    encode,
    instant_text,
    written,
)
from services.contract.event import Event
from services.contract.registry import BY_TYPE
from services.contract.visit import Code, VisitCancelled
from tests.contracts.examples import PATHS, each_example, record_by_sdk

EVENT = Event(
    id="adt-1",
    source="/hospitals/riverside",
    subject="member-1",
    household="household-1",
    time=datetime(2025, 3, 23, 15, 0, tzinfo=UTC),
    recorded_time=datetime(2025, 3, 23, 15, 0, 2, tzinfo=UTC),
    sequence=7,
    data=VisitCancelled(visit_id="visit-1", cancels="visit", reason="Registered twice."),
    correlation_id="visit-1",
)
ATTRIBUTES = dict(encode(EVENT).headers)
DATA = json.loads(encode(EVENT).value)
OBSERVED = {
    "observation_id": "o-1", "codes": [{"system": "s", "code": "c"}], "value": 1, "unit": None,
    "text": None, "components": [], "visit_id": None,
}  # fmt: skip


def record(value: bytes = encode(EVENT).value, key: bytes = b"household-1", **attributes) -> Record:
    """The record of `EVENT` with some attributes replaced; None takes one away."""
    headers = ATTRIBUTES | {f"ce_{name}": text for name, text in attributes.items()}
    return Record(key, value, tuple((n, v) for n, v in headers.items() if v is not None))


def observation(value: bytes) -> Record:
    return record(value, type=b"careloop.observation.recorded.v2")


def problems(bad: Record) -> str:
    with pytest.raises(UndecodableError) as refusal:
        decode(bad)
    return str(refusal.value)


@each_example()
def test_data_is_written_as_pydantic_writes_it(path):
    data = decode(record_by_sdk(path)).data

    assert written(data) == data.model_dump_json().encode()


@settings(max_examples=300, deadline=None, print_blob=True)
@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=80),
    st.integers(),
)
def test_numbers_and_text_of_any_kind_are_written_as_pydantic_writes_them(value, text, whole):
    observed = ObservationRecorded(
        observation_id="o-1",
        codes=(Code(system="s", code="c", display=text),),
        value=value,
        unit=None,
        text=text or None,
        components=(),
        visit_id=None,
    )
    referred = ReferredToManagement.model_construct(systolic=whole, reason=text)

    for data in (observed, referred):
        assert written(data) == data.model_dump_json().encode()


@settings(deadline=None, print_blob=True)
@given(st.datetimes(timezones=st.timezones() | st.just(UTC)))
def test_an_instant_is_always_written_to_the_microsecond(moment):
    assume(1 < moment.year < 9999)

    utc = moment.astimezone(UTC).replace(tzinfo=None)

    assert instant_text(moment) == utc.isoformat(timespec="microseconds") + "Z"


def test_an_event_comes_back_equal_and_its_bytes_too():
    assert decode(encode(EVENT)) == EVENT
    assert encode(decode(encode(EVENT))) == encode(EVENT)


def test_an_instant_is_written_in_utc_and_always_as_long():
    early = datetime(1, 1, 1, tzinfo=UTC)
    local = datetime(2025, 1, 1, 8, 0, tzinfo=timezone(timedelta(hours=8)))

    assert instant_text(early) == "0001-01-01T00:00:00.000000Z"
    assert instant_text(local) == "2025-01-01T00:00:00.000000Z"
    with pytest.raises(ValueError, match="no offset"):
        instant_text(datetime(2025, 1, 1))  # noqa: DTZ001  # the mistake itself


@settings(deadline=None, print_blob=True)
@given(st.datetimes(timezones=st.timezones()), st.integers(0, 10**18 - 1), st.text(max_size=20))
def test_any_instant_number_and_label_survives_the_wire(moment, sequence, label):
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        return
    if "\0" in label or not label.isprintable():
        return
    sent = Event(
        id="x" + label, source="/s", subject=label, household="h" + label, time=moment,
        recorded_time=moment, sequence=sequence, data=ClockTicked(partition=0),
        causation_id=label or None,
    )  # fmt: skip

    assert decode(encode(sent)) == sent


OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda m: timezone(timedelta(minutes=m)))


@settings(deadline=None, print_blob=True)
@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=OFFSETS))  # noqa: DTZ001
def test_when_it_happened_keeps_the_offset_it_was_told_with(moment):
    sent = EVENT._replace(time=moment, recorded_time=moment)

    came = decode(encode(sent))

    assert came == sent
    assert came.time.utcoffset() == moment.utcoffset()
    assert came.recorded_time.utcoffset() == timedelta(0)
    assert encode(came) == encode(sent)


def test_a_time_is_written_as_the_sender_wrote_it_and_the_recorded_one_in_utc():
    local = datetime(2025, 1, 1, 7, 30, tzinfo=timezone(timedelta(hours=8)))

    headers = dict(encode(EVENT._replace(time=local, recorded_time=local)).headers)

    assert headers["ce_time"] == b"2025-01-01T07:30:00+08:00"
    assert headers["ce_recordedtime"] == b"2024-12-31T23:30:00.000000Z"


def test_an_offset_of_seconds_is_no_offset_of_the_wire_and_the_instant_stays():
    old = datetime(1900, 1, 1, tzinfo=timezone(timedelta(hours=8, minutes=5, seconds=43)))

    assert decode(encode(EVENT._replace(time=old))).time == old


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_attribute_is_named(name):
    assert f"{name}: is missing" in problems(record(**{name: None}))


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"specversion": b"0.3"}, "specversion: '0.3' is not 1.0"),
        ({"type": b"careloop.visit.cancelled.v9"}, "is not in the catalog"),
        ({"time": b"2025-03-23T15:00:00"}, "time: '2025-03-23T15:00:00' has no offset"),
        ({"time": b"2025-03-23T15:00:00+08:05:43"}, "has an offset of seconds"),
        ({"time": b"yesterday"}, "time: 'yesterday' is not an RFC 3339 instant"),
        ({"time": b"0001-01-01T00:00:00+14:00"}, "is not an RFC 3339 instant"),
        ({"recordedtime": b"9999-12-31T23:59:59-14:00"}, "recordedtime: "),
        ({"sequence": b"-1"}, "sequence: '-1' is not a whole number"),
        ({"sequence": b"1_000"}, "sequence: "),
        ({"sequence": b" 7"}, "sequence: "),
        ({"sequence": "７".encode()}, "sequence: "),
        ({"sequence": b"9" * 5000}, "sequence: "),
        ({"sequence": b""}, "sequence: "),
        ({"subject": b"\xff"}, "subject: is not UTF-8"),
        ({"id": b"\xed\xa0\x80"}, "id: is not UTF-8"),
        ({"subject": b"member\0"}, "subject: contains a NUL"),
        ({"partitionkey": b"household-2"}, "partitionkey: is not the record's key"),
    ],
)
def test_a_malformed_attribute_is_refused_with_its_name(attributes, reason):
    assert reason in problems(record(**attributes))


def test_a_record_without_a_key_is_refused():
    assert "partitionkey: is not the record's key" in problems(record(key=b""))


def test_an_attribute_that_stands_twice_is_refused():
    good = record()
    twice = Record(good.key, good.value, (*good.headers, ("ce_id", b"another")))

    assert "id: stands twice" in problems(twice)


def test_headers_of_others_are_passed_over_whatever_they_hold():
    good = record()
    extra = (("x-trace", b"\xff\0"), ("x-trace", b"again"), ("ce_future", b"kept out"))

    assert decode(Record(good.key, good.value, (*good.headers, *extra))) == EVENT


def test_every_problem_is_listed_at_once():
    data = json.dumps({"visit_id": "a b", "cancels": "all", "surprise": 1}).encode()

    text = problems(record(data, id=None, time=b"now", sequence=b"x"))

    for reason in ("id: is missing", "time: ", "sequence: ", "visit_id: ", "cancels: ",
                   "reason: ", "surprise: "):  # fmt: skip
        assert reason in text


def test_a_record_with_a_million_problems_has_a_short_reason():
    keys = {f"{'k' * 1000}{number}": 1 for number in range(20_000)}

    text = problems(record(json.dumps(DATA | keys).encode()))

    assert "; and 19950 more" in text
    assert len(text) < (PROBLEMS_MAX + 1) * (PROBLEM_CHARS_MAX + 10)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"not json",
        b"\xff\xfe",
        b"\xef\xbb\xbf" + encode(EVENT).value,
        encode(EVENT).value[:-1],
        encode(EVENT).value + b"{}",
        b"[" * 100_000,
        b'{"visit_id":' * 100_000,
        b'{"visit_id":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"visit_id":' + b"9" * 100_000 + b"}",
        json.dumps(DATA | {"reason": "a\0b"}).encode(),
        json.dumps(DATA | {"reason": "\ud800"}).encode(),
        json.dumps(DATA | {"reason": "\udc00\ud800"}).encode(),
        b'{"visit_id":"v","cancels":"visit","reason":"\xed\xa0\x80"}',
        json.dumps(DATA | {"visit_id": "v\n"}).encode(),
    ],
    ids=lambda value: ascii(value[:30]),
)
def test_a_hostile_body_is_refused_and_nothing_breaks(value):
    assert problems(record(value))


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "1e400", "1e1000000", "9" * 5000, '"1"', "true"]
)
def test_a_measurement_that_is_no_finite_number_is_refused(value):
    body = json.dumps(OBSERVED).replace('"value": 1', f'"value": {value}')

    assert problems(observation(body.encode()))


def test_numbers_beyond_64_bits_are_refused_or_come_back_whole():
    for digits in (19, 20, 4_000, 4_300, 4_301, 100_000):
        tick = record(b'{"partition":' + b"9" * digits + b"}", type=b"careloop.clock.ticked.v1")
        try:
            event = decode(tick)
        except UndecodableError:
            continue
        assert encode(event).value == tick.value


def test_of_duplicate_keys_the_last_counts_as_in_the_parsers_of_python():
    value = b'{"visit_id":"first","visit_id":"last","cancels":"visit","reason":"x"}'

    assert decode(record(value)).data.visit_id == json.loads(value)["visit_id"] == "last"


@settings(max_examples=300, deadline=None, print_blob=True)
@given(
    st.binary(max_size=200),
    st.binary(max_size=20),
    st.lists(
        st.tuples(
            st.sampled_from([f"ce_{name}" for name in (*REQUIRED, "subject")])
            | st.text(max_size=9),
            st.binary(max_size=30) | st.sampled_from([name.encode() for name in BY_TYPE]),
        ),
        max_size=14,
    ),
)
def test_any_bytes_and_headers_are_refused_by_name_and_never_crash(value, key, headers):
    assert problems(Record(key, value, tuple(headers)))


@settings(max_examples=300, deadline=None, print_blob=True)
@given(st.data())
def test_a_corrupted_record_is_refused_or_decodes_to_what_can_be_sent_again(data):
    good = encode(decode(record_by_sdk(data.draw(st.sampled_from(PATHS)))))
    position = data.draw(st.integers(0, len(good.value) - 1))
    replaced = data.draw(st.binary(max_size=3))
    which = data.draw(st.integers(0, len(good.headers) - 1))
    header = data.draw(st.binary(max_size=30))
    headers = [
        (name, header if index == which else text)
        for index, (name, text) in enumerate(good.headers)
    ]
    body = Record(
        good.key, good.value[:position] + replaced + good.value[position + 1 :], good.headers
    )

    for bad in (body, Record(good.key, good.value, tuple(headers))):
        try:
            event = decode(bad)
        except UndecodableError:
            continue
        assert decode(encode(event)) == event
