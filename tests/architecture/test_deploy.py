"""What can be known of the deployment on a machine without a container engine."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from services.cli.main import _COMMANDS
from services.contract.topics import ALL_STAGES
from services.local.broker.jars import KAFKA_VERSION
from services.runtime.settings import Settings

_ROOT = Path(__file__).parents[2]
_DEPLOY = _ROOT / "deploy"
_COMPOSE = yaml.safe_load((_DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
_IMAGE_FILE = (_DEPLOY / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
_OURS = {name: each for name, each in _COMPOSE["services"].items() if "build" in each}
_SETTINGS = {f"CARELOOP_{name.upper()}" for name in Settings.model_fields}


def test_every_processor_and_projection_is_a_process_of_its_own():
    modules = [tuple(each["command"]) for each in _OURS.values()]

    assert set(_OURS) == {*ALL_STAGES, "clock", "gateway", "ledger", "subscriptions", "topics"}
    assert len(set(modules)) == len(modules)


@pytest.mark.parametrize("name", sorted(set(_OURS) - {"topics"}))
def test_a_process_starts_a_module_that_exists(name):
    python, option, module = _OURS[name]["command"]
    found = importlib.util.find_spec(module)

    assert (python, option) == ("python", "-m")
    assert found is not None
    if found.submodule_search_locations:
        assert importlib.util.find_spec(f"{module}.__main__") is not None


def test_the_one_shot_calls_a_command_that_exists():
    program, *command = _OURS["topics"]["command"]

    assert program == "careloop"
    assert command[0] in _COMMANDS


def test_every_variable_is_a_setting():
    variables = {name for each in _OURS.values() for name in each["environment"]}
    variables |= set(re.findall(r"\b(CARELOOP_[A-Z_]+)=", _IMAGE_FILE))

    assert variables
    assert variables <= _SETTINGS


def test_the_values_are_accepted_as_settings(monkeypatch):
    values = dict(re.findall(r"\b(CARELOOP_[A-Z_]+)=(\S+)", _IMAGE_FILE))
    values |= _OURS["gateway"]["environment"]
    for name, value in values.items():
        monkeypatch.setenv(name, re.sub(r"\$\{[^}]+\}", "secret", value))

    settings = Settings()

    assert settings.bootstrap_servers == "kafka:9092"
    assert settings.database_url == "postgresql+psycopg://careloop:secret@postgres:5432/careloop"


def test_whatever_is_waited_for_exists_and_can_be_waited_for():
    services = _COMPOSE["services"]

    for each in services.values():
        for name, how in each.get("depends_on", {}).items():
            needed = services[name]
            assert ("healthcheck" in needed) == (how["condition"] == "service_healthy")


def test_every_named_volume_is_declared():
    named = {
        volume.split(":")[0]
        for each in _COMPOSE["services"].values()
        for volume in each.get("volumes", [])
    }

    assert named == set(_COMPOSE["volumes"])


def test_doors_open_on_loopback_only():
    ports = [port for each in _COMPOSE["services"].values() for port in each.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_image_copies_what_is_there():
    copies = [
        line.split()[1:-1]
        for line in _IMAGE_FILE.splitlines()
        if line.startswith("COPY ") and "--from" not in line
    ]
    sources = {source for copy in copies for source in copy}

    assert {"services", "events", "requirements.lock"} <= sources
    assert [source for source in sources if not (_ROOT / source).exists()] == []


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """What of the code is in the image."""
    folder = tmp_path_factory.mktemp("image")
    shutil.copytree(_ROOT / "services", folder / "services")
    shutil.copytree(_ROOT / "events", folder / "events")
    for left_out in re.findall(r"^RUN rm -r (\S+)$", _IMAGE_FILE, flags=re.MULTILINE):
        shutil.rmtree(folder / left_out)
    return folder


def in_the_image(image, *arguments):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=image,
        env={"PYTHONPATH": str(image), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_image_carries_no_developers_machine(image):
    assert not (image / "services/local").exists()


def test_every_process_and_command_of_the_image_is_whole(image):
    modules = [each["command"][2] for name, each in _OURS.items() if name != "topics"]
    modules = [f"{name}.app" if name != "services.runtime.clock" else name for name in modules]
    commands = [where.partition(":")[0] for name, (where, _) in _COMMANDS.items() if name != "run"]
    loaded = in_the_image(image, "-c", f"import {', '.join([*modules, *commands])}")

    assert loaded.stderr == ""
    assert loaded.returncode == 0


def test_what_needs_a_developers_machine_says_so_in_the_image(image):
    refused = in_the_image(image, "-c", "from services.cli.main import app; app()", "run")

    assert refused.returncode == 1
    assert refused.stderr == "`careloop run` is for a developer's machine; it is not here\n"


def test_the_image_is_built_from_this_file_and_does_not_run_as_root():
    build = _OURS["gateway"]["build"]
    user = re.findall(r"^USER (\S+)", _IMAGE_FILE, flags=re.MULTILINE)

    assert (_DEPLOY / build["context"] / build["dockerfile"]).resolve() == _DEPLOY / "Containerfile"
    assert user == ["10001"]


def test_the_same_kafka_runs_embedded_and_deployed():
    assert _COMPOSE["services"]["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"
