"""The AsyncAPI project's own parser accepts our document, and reads the catalog from it."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from services.contract.catalog import catalog
from services.contract.codec import schema_of
from tests.contracts.examples import ROOT

PARSER = Path(__file__).parent / "asyncapi"


@pytest.fixture(scope="module")
def parse():
    """A function from the path of an AsyncAPI file to what the parser found in it."""
    if shutil.which("node") is None or not (PARSER / "node_modules").exists():
        pytest.skip("needs Node.js, and the AsyncAPI parser that `make install` fetches with npm")

    def run(path: Path):
        done = subprocess.run(
            ["node", "parse.mjs", str(path)],
            cwd=PARSER, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_the_parser_finds_no_error_and_every_producer_consumer_and_schema(parse):
    found = parse(ROOT / "events/asyncapi.yaml")

    assert found["errors"] == []
    assert found["payloads"] == {name: schema_of(name) for name in catalog()}
    roles = {
        (operation["id"].split("-")[0], operation["action"], topic, message)
        for operation in found["operations"]
        for topic in operation["channels"]
        for message in operation["messages"]
    }
    assert roles == {
        (service, action, topic, entry.type)
        for entry in catalog().values()
        for topic in entry.topics
        for action, services in (("send", entry.producers), ("receive", entry.consumers))
        for service in services
    }


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("action: send", "action: shout"),
        ("./schemas/careloop.claim.decided.v1.json", "./schemas/gone.json"),
        ("address: health-events", "addres: health-events"),
    ],
)
def test_the_parser_finds_an_error_that_is_planted(parse, tmp_path, right, wrong):
    text = (ROOT / "events/asyncapi.yaml").read_text()
    assert right in text
    shutil.copytree(ROOT / "events/schemas", tmp_path / "schemas")
    planted = tmp_path / "asyncapi.yaml"
    planted.write_text(text.replace(right, wrong))

    found = parse(planted)

    assert found["errors"]


def test_the_parser_is_locked_without_naming_a_registry():
    lock = json.loads((PARSER / "package-lock.json").read_text())

    packages = {name: row for name, row in lock["packages"].items() if name}

    assert packages
    for row in packages.values():
        assert "resolved" not in row
        assert row["integrity"].startswith("sha512-")
