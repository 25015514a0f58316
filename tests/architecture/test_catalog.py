"""The catalog, the models and the stages name the same events, owners and readers."""

import importlib
import re
import tomllib
from collections import Counter

import pytest

from services.contract.catalog import catalog, events_folder
from services.contract.clock import ClockTicked
from services.contract.registry import BY_TYPE, EVENT_TYPES, UPCASTS
from services.contract.topics import ALL_STAGES, EVENT_TOPICS, STAGE_INPUTS

NAME = re.compile(r"careloop\.[a-z]+(-[a-z]+)*\.(?P<fact>[a-z]+(-[a-z]+)*)\.v[1-9][0-9]*")
SERVICES = {*ALL_STAGES, "gateway", "clock", "ledger", "subscriptions"}
PAST_FACTS_THAT_END_OTHERWISE = {"plan-set", "withdrawn", "to-management", "to-treatment",
                                 "to-rehabilitation", "back-to-treatment"}  # fmt: skip
"""`set` and `withdrawn` are past participles; a referral says whither the member was referred."""


def rows():
    return tomllib.loads((events_folder() / "catalog.toml").read_text(encoding="utf-8"))["event"]


def test_catalog_and_registry_list_exactly_the_same_types_once_each():
    listed = [row["type"] for row in rows()]

    assert Counter(listed) == Counter(model.TYPE for model in EVENT_TYPES)
    assert max(Counter(listed).values()) == 1
    assert set(catalog()) == set(BY_TYPE)


@pytest.mark.parametrize("event_type", sorted(BY_TYPE))
def test_a_type_is_named_after_its_domain_and_a_past_fact(event_type):
    match = NAME.fullmatch(event_type)

    assert match
    fact = match["fact"]
    assert fact.endswith("ed") or fact in PAST_FACTS_THAT_END_OTHERWISE


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["type"])
def test_a_type_has_one_producer_known_topics_readers_a_class_and_a_sentence(row):
    assert row["producers"]
    assert set(row["producers"]) <= SERVICES
    assert row["topics"]
    assert set(row["topics"]) <= set(EVENT_TOPICS)
    assert row["consumers"]
    assert set(row["consumers"]) <= SERVICES
    assert len(set(row["consumers"])) == len(row["consumers"])
    assert row["personal_data"] in {"none", "personal", "health", "money"}
    assert row["sentence"].endswith(".")


def test_only_the_clock_speaks_on_more_than_one_topic():
    several = {entry.type for entry in catalog().values() if len(entry.topics) > 1}

    assert several == {ClockTicked.TYPE}
    assert set(catalog()[ClockTicked.TYPE].topics) == set(STAGE_INPUTS.values())


@pytest.mark.parametrize("stage", ALL_STAGES)
def test_a_stage_reads_exactly_what_the_catalog_says_and_from_its_one_topic(stage):
    consumes = importlib.import_module(f"services.{stage}.app").STAGE.consumes
    superseded = {model.TYPE for model in UPCASTS}

    listed = {entry.type for entry in catalog().values() if stage in entry.consumers}

    # Old versions reach a stage as the newest, and ticks reach the runtime, which wakes the stage.
    assert {model.TYPE for model in consumes} == listed - superseded - {ClockTicked.TYPE}
    assert ClockTicked.TYPE in listed
    for event_type in listed:
        assert STAGE_INPUTS[stage] in catalog()[event_type].topics


@pytest.mark.parametrize("stage", ALL_STAGES)
def test_a_stage_bears_the_name_of_its_folder(stage):
    assert importlib.import_module(f"services.{stage}.app").STAGE.name == stage


def test_no_stage_reads_its_own_words():
    for entry in catalog().values():
        assert entry.is_fact or not set(entry.producers) & set(entry.consumers)
