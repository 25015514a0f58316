"""Ten years of published visits, all of their bills decided, to the cent."""

import json
from pathlib import Path

import pytest

from tests.e2e.running import (
    Run,
    assert_gapless,
    assert_one_decision_per_request,
    careloop,
    decisions_of,
    exported,
    progress,
    timeline,
)

BILLED = 2_084_629


@pytest.fixture(scope="module")
def published(system: Run, synthea: Path):
    before = progress(system.gateway)
    done = careloop("publish", synthea, "--url", system.gateway, "--wait")
    assert done.returncode == 0, done.stdout
    return before, progress(system.gateway), done.stdout


@pytest.fixture(scope="module")
def log(system: Run, synthea: Path, published, tmp_path_factory: pytest.TempPathFactory):
    """The events of the twelve members, once they are published and decided."""
    assert published
    out = tmp_path_factory.mktemp("log") / "log.jsonl"
    done = careloop("replay", "export", out, "--bootstrap-servers", system.kafka)
    assert done.returncode == 0, done.stdout
    entries = [
        entry["resource"]
        for file in synthea.glob("*.json")
        for entry in json.loads(file.read_text()).get("entry", ())
    ]
    members = {each["id"] for each in entries if each["resourceType"] == "Patient"}
    return [event for event in exported(out) if event.get("ce_subject") in members]


def _data(log, kind: str):
    return [event["data"] for event in log if event["ce_type"] == f"careloop.{kind}"]


def test_every_visit_is_decided_once_and_the_bills_sum_to_the_published_total(log) -> None:
    assert len(_data(log, "member.registered.v1")) == 12
    assert len(_data(log, "visit.registered.v1")) == 128
    assert len(_data(log, "charge.posted.v1")) == 159
    requests = _data(log, "payment.requested.v1")
    assert len({each["request_id"] for each in requests}) == len(requests) == 128
    assert sum(each["billed"] for each in requests) == BILLED
    assert {each["currency"] for each in requests} == {"USD"}
    assert_one_decision_per_request(log)
    assert_gapless(log)


def test_publishing_the_same_again_changes_nothing_but_the_count_of_duplicates(
    system: Run, synthea: Path, published
) -> None:
    _, first, _ = published

    again = careloop("publish", synthea, "--url", system.gateway, "--wait")

    assert again.returncode == 0, again.stdout
    after = progress(system.gateway)
    assert after["duplicates"] > first["duplicates"]
    assert {**after, "duplicates": 0} == {**first, "duplicates": 0}
    assert "accepted 0," in again.stdout


def test_a_timeline_tells_what_happened_and_why_the_member_pays(system: Run, log) -> None:
    member = log[0]["ce_subject"]

    events = timeline(system.gateway, member)

    mine = {event["ce_id"] for event in log if event["ce_subject"] == member}
    assert {event["id"] for event in events} == mine
    assert all(event["summary"] for event in events)
    for decision in decisions_of(system.gateway, member):
        assert decision["parts"]["member"] == decision["billed"]
        assert any("cover" in step["note"] for step in decision["trace"]), decision["trace"]
