"""Models, schemas and examples say the same, and other people's clients agree."""

import json
from collections import defaultdict
from datetime import datetime

import pytest
from jsonschema import Draft202012Validator

from services.contract.asyncapi import document
from services.contract.catalog import catalog, producer_of
from services.contract.codec import decode, encode, schema_of
from services.contract.event import Event, EventData
from services.contract.ids import derived_id
from services.contract.payment import PaymentDecided, PaymentRequested, PaymentReversed
from services.contract.registry import BY_TYPE, UPCASTS
from tests.contracts.examples import (
    FOLDER,
    PATHS,
    ROOT,
    attributes_by_sdk,
    body,
    each_example,
    record_by_sdk,
)

SUPERSEDED = frozenset(model.TYPE for model in UPCASTS)
"""Types that are read and never written."""

UPCAST_SHOWN = FOLDER / "careloop.observation.recorded.v2" / "upcast-of-single-value.json"


def journey() -> list[Event[EventData]]:
    """Every example as the household's log holds it, once each."""
    return [decode(record_by_sdk(path)) for path in PATHS if path != UPCAST_SHOWN]


@pytest.mark.parametrize("event_type", sorted(BY_TYPE))
def test_every_type_has_an_example(event_type):
    assert list((FOLDER / event_type).glob("*.json"))


@each_example()
def test_an_example_lies_under_its_type_and_names_its_schema(path):
    event = body(path)

    assert event["type"] == path.parent.name
    assert event["dataschema"] == schema_of(event["type"])
    assert event["datacontenttype"] == "application/json"


@each_example()
def test_the_published_schema_accepts_the_data(path):
    event = body(path)
    schema = json.loads((ROOT / f"events/schemas/{event['type']}.json").read_text())

    errors = Draft202012Validator(
        schema, format_checker=Draft202012Validator.FORMAT_CHECKER
    ).iter_errors(event["data"])

    assert [error.message for error in errors] == []


@each_example()
def test_the_model_accepts_the_data_and_writes_it_back_unchanged(path):
    data = body(path)["data"]

    model = BY_TYPE[path.parent.name].model_validate_json(json.dumps(data))

    assert json.loads(model.model_dump_json()) == data


@each_example()
def test_a_record_made_by_the_cloudevents_sdk_is_decoded_and_encoded_without_loss(path):
    event = decode(record_by_sdk(path))

    record = encode(event)

    assert decode(record) == event
    assert encode(decode(record)) == record


@each_example(but_for=SUPERSEDED)
def test_the_cloudevents_sdk_reads_our_record_as_the_example_states_it(path):
    stated = {name: value for name, value in body(path).items() if name != "data"}
    record = encode(decode(record_by_sdk(path)))

    attributes = attributes_by_sdk(record)

    assert attributes.pop("time") == datetime.fromisoformat(stated.pop("time"))
    assert attributes == stated
    assert json.loads(record.value) == body(path)["data"]


@each_example()
def test_the_headers_are_what_the_asyncapi_document_says(path):
    event = decode(record_by_sdk(path))
    api = document(catalog().values(), "0")
    rules = api["components"]["messages"][event.type]["headers"]["allOf"][1]
    headers = {name: value.decode() for name, value in encode(event).headers}

    for schema in (api["components"]["schemas"]["attributes"], rules):
        Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(
            headers
        )

    assert {name for name in headers if name.startswith("ce_")} <= set(
        api["components"]["schemas"]["attributes"]["properties"]
    )


def test_an_old_observation_reads_as_the_new_one_that_is_shown_beside_it():
    old = FOLDER / "careloop.observation.recorded.v1" / "single-value.json"

    assert decode(record_by_sdk(old)) == decode(record_by_sdk(UPCAST_SHOWN))
    assert decode(record_by_sdk(old)).type == "careloop.observation.recorded.v2"


def test_the_examples_are_numbered_as_a_log_is_per_household_producer_and_topic():
    numbers = defaultdict(list)
    for event in journey():
        entry = catalog()[event.type]
        if event.sequence:
            producer = producer_of(event.type, event.source)
            numbers[event.household, producer, entry.topics[0]].append(event.sequence)

    assert len(numbers) > 5
    for sequences in numbers.values():
        assert sorted(sequences) == list(range(1, len(sequences) + 1))


def test_every_derived_example_has_a_cause_and_the_id_that_follows_from_it():
    events = journey()
    known = {event.id for event in events}
    assert len(known) == len(events)

    for event in events:
        entry = catalog()[event.type]
        if entry.is_fact:
            assert event.causation_id is None
            continue
        assert event.causation_id in known
        producer = producer_of(event.type, event.source)
        assert producer is not None
        ids = [
            derived_id(producer, event.causation_id, event.subject, event.type, ordinal)
            for ordinal in range(8)
        ]
        assert event.id in ids


def test_the_money_of_the_examples_adds_up():
    events = [event.data for event in journey()]
    requested = {data.request_id: data for data in events if isinstance(data, PaymentRequested)}
    decided = {data.request_id: data for data in events if isinstance(data, PaymentDecided)}
    reversed_ = {data.request_id: data for data in events if isinstance(data, PaymentReversed)}
    replaced = {data.replaces for data in requested.values()} - {None}

    assert set(decided) == set(requested)
    assert set(reversed_) == replaced
    for name, decision in decided.items():
        assert decision.billed == requested[name].billed == decision.parts.total
        assert [step.open_before for step in decision.trace[1:]] == [
            step.open_after for step in decision.trace[:-1]
        ]
        assert decision.trace[-1].open_after == 0
    for name, undone in reversed_.items():
        assert (undone.billed, undone.parts, undone.shares) == (
            decided[name].billed, decided[name].parts, decided[name].shares
        )  # fmt: skip


def test_the_examples_lead_one_member_once_around_the_loop():
    stations = (
        "careloop.screening.risk-stratified.v1",
        "careloop.referral.to-management.v1",
        "careloop.management.plan-set.v1",
        "careloop.referral.to-treatment.v1",
        "careloop.visit.admitted.v1",
        "careloop.referral.to-rehabilitation.v1",
        "careloop.rehabilitation.planned.v1",
        "careloop.rehabilitation.finished.v1",
    )
    last = {event.type: event for event in sorted(journey(), key=lambda event: event.time)}

    way = [last[station] for station in stations]

    assert len({event.subject for event in way}) == 1
    assert [event.time for event in way] == sorted(event.time for event in way)
    back = last["careloop.screening.scheduled.v1"]
    assert back.data.closes_loop
    assert back.causation_id == way[-1].id
