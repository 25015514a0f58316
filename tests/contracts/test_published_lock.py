"""A published schema never changes: each way of changing one is planted here, in a copy."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from services.contract.publish import (
    UNRELEASED,
    Locked,
    PublishRefusedError,
    differences,
    locked_anew,
    read_lock,
)
from services.contract.registry import EVENT_TYPES
from tests.contracts.examples import ROOT

CANCELLED = "careloop.visit.cancelled.v1"
BREAKING = ('cancels: Literal["visit", "discharge"]', 'cancels: Literal["visit"]')
ADDITIVE = ('cancels: Literal["visit", "discharge"]', 'cancels: Literal["visit", "discharge", "x"]')


class Copy:
    """A copy of the contract, in which mistakes may be planted."""

    def __init__(self, root: Path):
        self.root = root
        self.schema = root / f"events/schemas/{CANCELLED}.json"

    def plant(self, edit: tuple[str, str], path: str = "services/contract/visit.py") -> None:
        file = self.root / path
        text = file.read_text()
        assert text.count(edit[0]) == 1
        file.write_text(text.replace(*edit))

    def publish(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "services.contract.publish", *arguments],
            cwd=self.root,
            env={"PYTHONPATH": str(self.root)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def copy(tmp_path):
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "services/contract", tmp_path / "services/contract", ignore=skip)
    shutil.copy(ROOT / "services/__init__.py", tmp_path / "services")
    shutil.copytree(ROOT / "events", tmp_path / "events")
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs/events.md", tmp_path / "docs")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return Copy(tmp_path)


@pytest.fixture
def released(copy):
    """A copy in which every schema has been released as 9.9.9."""
    outcome = copy.publish("--release", "9.9.9")
    assert outcome.returncode == 0, outcome.stderr
    assert {row.release for row in read_lock(copy.root).values()} >= {"9.9.9"}
    return copy


def test_what_is_committed_is_what_the_models_and_the_catalog_say():
    assert differences(ROOT, EVENT_TYPES) == []


@pytest.mark.parametrize("edit", [BREAKING, ADDITIVE], ids=["breaking", "additive"])
def test_an_edit_to_a_released_schema_is_red_and_says_to_make_a_v2_with_an_upcast(released, edit):
    before = released.schema.read_bytes()
    released.plant(edit)

    outcomes = [released.publish(*arguments) for arguments in [("--check",), (), ("--unreleased",)]]

    for outcome in outcomes:
        assert outcome.returncode == 1
        assert "careloop.visit.cancelled.v2" in outcome.stderr
        assert "an upcast in services/contract/registry.py" in outcome.stderr
    assert released.schema.read_bytes() == before


def test_a_schema_that_no_release_holds_is_changed_only_when_asked_for(copy):
    # Whatever the lock of the day says, this one type is taken back to before its release.
    lock = copy.root / "events/published.lock"
    lines = lock.read_text().splitlines(keepends=True)
    lock.write_text(
        "".join(
            line.split("release =")[0] + f'release = "{UNRELEASED}" }}\n'
            if CANCELLED in line
            else line
            for line in lines
        )
    )
    before = copy.schema.read_bytes()
    copy.plant(BREAKING)

    refused, checked = copy.publish(), copy.publish("--check")
    assert (refused.returncode, checked.returncode) == (1, 1)
    assert "--unreleased" in refused.stderr
    assert copy.schema.read_bytes() == before

    assert copy.publish("--unreleased").returncode == 0
    assert copy.publish("--check").returncode == 0
    assert copy.schema.read_bytes() != before


def test_files_edited_by_hand_are_red(copy):
    copy.plant(('"discharge"', '"discharge", "transfer"'), f"events/schemas/{CANCELLED}.json")
    copy.plant(
        ("| gateway | treatment, gateway | health | The visit ended. |", "| nobody |"),
        "docs/events.md",
    )
    (copy.root / "events/schemas/careloop.stray.v1.json").write_text("{}")

    outcome = copy.publish("--check")

    assert outcome.returncode == 1
    assert [line.split()[0] for line in outcome.stderr.splitlines()] == [
        f"events/schemas/{CANCELLED}.json",
        "docs/events.md",
        "events/schemas/careloop.stray.v1.json",
    ]


def test_a_new_type_is_published_without_being_asked_for():
    lock = locked_anew({}, {"careloop.new.made.v1": "{}"}, may_change=frozenset())

    assert lock == {"careloop.new.made.v1": Locked(hashlib.sha256(b"{}").hexdigest(), UNRELEASED)}


@pytest.mark.parametrize("release", [UNRELEASED, "0.1.0"])
def test_a_published_type_that_is_gone_is_refused(release):
    lock = {"careloop.old.made.v3": Locked("0" * 64, release)}

    with pytest.raises(PublishRefusedError, match=r"careloop\.old\.made\.v3: .* is gone"):
        locked_anew(lock, {}, may_change=frozenset())
