"""Patients as today's Synthea writes them: searches in place of references, medicines beside."""

import gzip
import json
from pathlib import Path

import pytest

from tests.e2e.running import (
    TESTDATA,
    Run,
    assert_gapless,
    assert_one_decision_per_request,
    careloop,
    exported,
)

BILLED = 23_851_892
REGISTRIES = ("hospitalInformation", "practitionerInformation")


@pytest.fixture(scope="module")
def patients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published Bundles, unpacked: the registries sort before the patients."""
    folder = TESTDATA / "synthea-3.3"
    if not folder.is_dir():
        pytest.skip(f"needs the published patients in {folder} (CARELOOP_TESTDATA)")
    out = tmp_path_factory.mktemp("synthea-today")
    for packed in folder.glob("*.json.gz"):
        name = packed.name.removesuffix(".gz")
        first = "0-" if name.startswith(REGISTRIES) else "1-"
        (out / f"{first}{name}").write_bytes(gzip.decompress(packed.read_bytes()))
    return out


@pytest.fixture(scope="module")
def log(system: Run, patients: Path, tmp_path_factory: pytest.TempPathFactory):
    """The events of the eight members, once they are published and decided."""
    done = careloop("publish", patients, "--url", system.gateway, "--wait", timeout_s=300)
    assert done.returncode == 0, done.stdout
    assert "refused 0" in done.stdout, done.stdout
    out = tmp_path_factory.mktemp("log") / "log.jsonl"
    assert careloop("replay", "export", out, "--bootstrap-servers", system.kafka).returncode == 0
    members = {
        entry["resource"]["id"]
        for file in patients.glob("1-*.json")
        for entry in json.loads(file.read_text())["entry"]
        if entry["resource"]["resourceType"] == "Patient"
    }
    return [event for event in exported(out) if event.get("ce_subject") in members]


def test_all_of_it_is_taken_and_each_visit_is_decided_once(log) -> None:
    def data(kind: str):
        return [event["data"] for event in log if event["ce_type"] == f"careloop.{kind}"]

    assert len(data("member.registered.v1")) == 8
    assert len(data("visit.registered.v1")) == 78
    assert len(data("charge.posted.v1")) == 107
    assert sum(each["amount"] for each in data("charge.posted.v1")) == BILLED
    requests = data("payment.requested.v1")
    assert len({each["request_id"] for each in requests}) == len(requests) == 78
    assert sum(each["billed"] for each in requests) == BILLED
    assert {each["currency"] for each in requests} == {"USD"}
    assert len(data("medication.prescribed.v1")) == 29
    assert_one_decision_per_request(log)
    assert_gapless(log)
