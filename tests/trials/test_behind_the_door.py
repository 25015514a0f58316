"""On a real run: nothing that was accepted comes to nothing unseen, at either door."""

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from services.cli.main import app as careloop
from tests.gateways import CLAIM, ENCOUNTER, bundle, cloud_event

WAIT_S = 20


class Sender:
    """One sender with a member of its own, who waits for what becomes of each request."""

    def __init__(self, gateway: str, name: str) -> None:
        self.source, self.member = f"urn:behind:{name}", f"behind-{name}"
        headers = {
            "careloop-source": self.source,
            "content-type": "application/fhir+json",
            "prefer": f"wait={WAIT_S}",
        }
        self.client = httpx.Client(base_url=gateway, timeout=60, headers=headers)
        self.taken_s = 0.0
        patient = {"resourceType": "Patient", "id": self.member, "gender": "female",
                   "birthDate": "1960-02-29"}  # fmt: skip
        assert self.fhir(patient).status_code == 200

    def fhir(self, *resources: dict[str, Any]) -> httpx.Response:
        begun = time.monotonic()
        text = json.dumps(bundle(*resources)).replace("Patient/m1", f"Patient/{self.member}")
        answer = self.client.post("/fhir", content=text)
        self.taken_s = time.monotonic() - begun
        return answer

    def event(self, kind: str, data: dict[str, Any], name: str) -> httpx.Response:
        event = cloud_event(kind, data, id=name, source=self.source, subject=self.member)
        headers = {"content-type": "application/cloudevents+json"}
        return self.client.post("/events", json=event, headers=headers)

    def listed(self, what: str) -> list[dict[str, Any]]:
        rows = self.client.get(f"/{what}", params={"source": self.source}).json()[what]
        assert all(row["source"] == self.source for row in rows)
        return rows


@pytest.fixture
def sender(gateway: str, request: pytest.FixtureRequest) -> Sender:
    return Sender(gateway, request.node.name.removeprefix("test_").replace("_", "-")[:40])


def issues(answer: httpx.Response) -> list[str]:
    outcomes = [each.get("response", {}).get("outcome", {}) for each in answer.json()["entry"]]
    return [
        f"{issue['severity']}: {issue['diagnostics']}"
        for outcome in outcomes
        for issue in outcome.get("issue", ())
    ]


def decided(answer: httpx.Response) -> list[float]:
    found = [each["resource"] for each in answer.json()["entry"] if "resource" in each]
    return [
        each["valueMoney"]["value"]
        for resource in found
        for each in resource["parameter"]
        if each["name"] == "billed"
    ]


def test_a_bill_of_nobody_s_visit_is_doubted_and_listed(sender: Sender) -> None:
    answer = sender.fhir(CLAIM)

    told = issues(answer)
    assert any("warning: Charge c1 of visit v1 waits" in each for each in told), told
    assert any("There is no decision on visit v1: nobody has told of it" in each for each in told)
    assert sender.taken_s < WAIT_S / 2
    [row] = sender.listed("waiting")
    assert (row["what"], row["waits_for"]) == (
        "charge c1 of visit v1", "the discharge of visit v1",
    )  # fmt: skip
    assert sender.fhir(ENCOUNTER).status_code == 200
    assert sender.listed("waiting") == []


def test_a_reading_that_no_living_person_has_is_refused_to_its_sender(sender: Sender) -> None:
    reading = {
        "resourceType": "Observation", "id": "o1", "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
        "subject": {"reference": "Patient/m1"},
        "effectiveDateTime": "2026-03-02T09:00:00+08:00",
        "valueQuantity": {"value": 1510, "unit": "mm[Hg]"},
    }  # fmt: skip
    answer = sender.fhir(reading)

    told = issues(answer)
    [refused] = [each for each in told if "Accepted, and refused by" in each]
    assert "screening: observation o1" in refused
    assert "management: observation o1" in refused
    assert sender.taken_s < WAIT_S / 2
    refusals = sender.listed("refusals")
    assert {row["refused_by"] for row in refusals} >= {"screening"}
    timeline = sender.client.get(f"/members/{refusals[0]['member']}/timeline").json()
    [event] = [each for each in timeline["events"] if each["type"].startswith("careloop.obs")]
    assert event["refused"][0]["reason"] in event["summary"]
    assert event["refused"][0]["mended"] is False


def test_a_second_discharge_at_the_same_time_is_refused_at_the_other_door(sender: Sender) -> None:
    visit = {"visit_id": "v9", "visit_class": "ambulatory", "provider": {"id": "hospital-owned-1"}}
    first = sender.event("careloop.visit.discharged.v1", visit, "d1")
    second = sender.event("careloop.visit.discharged.v1", visit, "d2")

    assert first.json()["events"][0]["status"] == "accepted"
    assert second.status_code == 422
    assert second.json()["events"][0]["status"] == "refused"
    assert "refused by treatment" in second.json()["problems"][0]["detail"]


def test_a_corrected_bill_is_answered_with_its_new_decision(sender: Sender) -> None:
    first = sender.fhir(ENCOUNTER, CLAIM)
    smaller = CLAIM | {"id": "c2", "total": {"value": 9_000, "currency": "CNY"}}
    corrected = sender.fhir(CLAIM | {"status": "cancelled"}, smaller)
    again = sender.fhir(ENCOUNTER)
    cancelled = sender.fhir(ENCOUNTER | {"status": "cancelled"})

    assert decided(first) == [12_000]
    assert decided(corrected) == [9_000]
    assert decided(again) == [9_000]
    assert decided(cancelled) == []
    assert any("it was cancelled" in each for each in issues(cancelled))
    assert sender.taken_s < WAIT_S / 2, "it waited out the time"


def test_a_visit_that_cannot_have_happened_yet_is_refused(sender: Sender) -> None:
    period = {"start": "2090-03-01T08:00:00+08:00", "end": "2090-03-01T09:00:00+08:00"}
    answer = sender.fhir(ENCOUNTER | {"period": period})

    assert answer.status_code == 422
    assert "dated 2090" in answer.text


def test_publish_reports_what_happened_behind_the_door(gateway: str, tmp_path: Path) -> None:
    sender = Sender(gateway, "published")
    lines = []
    for number, value in enumerate((1300.0, 1400.0, 130.0)):
        reading = {
            "observation_id": f"o{number}", "visit_id": None, "value": value, "unit": "mm[Hg]",
            "codes": [{"system": "http://loinc.org", "code": "8480-6"}], "text": None,
            "answer": [], "components": [],
        }  # fmt: skip
        event = cloud_event("careloop.observation.recorded.v2", reading, id=f"o{number}",
                            source=sender.source, subject=sender.member)  # fmt: skip
        lines.append(json.dumps(event))
    (tmp_path / "readings.jsonl").write_text("\n".join(lines))

    result = CliRunner().invoke(careloop, ["publish", str(tmp_path), "--url", gateway, "--wait"])

    assert result.exit_code == 1, result.output
    assert "accepted 3, duplicates 0, refused 0" in result.output
    refused = {row["event"] for row in sender.listed("refusals")}
    assert len(refused) == 2
    assert f"behind the door refused {len(sender.listed('refusals'))}" in result.output
