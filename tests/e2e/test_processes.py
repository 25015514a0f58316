"""Every service as its own process, two workers of two stages, and one of each killed."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from services.ledger import store
from services.ledger.app import MIGRATIONS
from services.local.ports import free_port
from services.runtime.database import open_database
from services.runtime.settings import Settings
from tests.e2e.running import (
    CARELOOP,
    assert_gapless,
    assert_one_decision_per_request,
    careloop,
    clean_environment,
    exported,
    progress,
    wait_for,
)
from tests.workers import assert_normal_end

SERVICES = (
    "gateway",
    "screening",
    "management",
    "treatment",
    "rehabilitation",
    "settlement",
    "ledger",
    "subscriptions",
    "runtime.clock",
)
_SECRET_KEY = "c2VjcmV0cyBvZiBzdWJzY3JpcHRpb25zIGluIHRlc3Q="
TWICE = ("treatment", "settlement")
SHORT = 4
"""Patients on SQLite; PostgreSQL gets all twelve."""


class Services:
    """`python -m services.<name>`, each with what it needs to know."""

    def __init__(self, settings: Settings, folder: Path, running: ExitStack) -> None:
        self.settings = settings
        self.folder = folder
        self.url = f"http://127.0.0.1:{settings.http_port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._running = running
        self._started: dict[str, tuple[str, int]] = {}
        self._killed: set[str] = set()

    def start(self, service: str, name: str) -> None:
        settings = self.settings
        keeps_books = service in {"gateway", "ledger", "subscriptions"}
        environment = clean_environment(
            CARELOOP_BOOTSTRAP_SERVERS=settings.bootstrap_servers,
            CARELOOP_DATABASE_URL=settings.database_url or "",
            CARELOOP_SECRET_KEYS=_SECRET_KEY if settings.database_url else "",
            CARELOOP_DATA_DIR=str(settings.data_dir if keeps_books else self.folder / name),
            CARELOOP_PARTITIONS=str(settings.partitions),
            CARELOOP_HTTP_PORT=str(settings.http_port),
            CARELOOP_SUBSCRIPTIONS_PORT="0",
            CARELOOP_SESSION_TIMEOUT_S="6",
        )
        log = self._running.enter_context((self.folder / f"{name}.log").open("ab"))
        self._started[name] = service, len(self.said(name))
        process = subprocess.Popen(
            [sys.executable, "-m", f"services.{service}"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        self.processes[name] = process
        self._running.callback(_end, process)

    def said(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def kill(self, name: str) -> None:
        """Kill a process for good."""
        self._killed.add(name)
        self.processes[name].kill()

    def look(self) -> None:
        """Start a worker again that a rebalance made end, as a supervisor would; fail if else did."""
        for name, process in self.processes.items():
            if process.poll() is None or name in self._killed:
                continue
            service, begin = self._started[name]
            assert_normal_end(process.returncode, self.said(name)[begin:])
            self.start(service, name)

    def wait_for(self, condition: Callable[[], bool], what: str, timeout_s: float = 120.0) -> None:
        """Wait until something holds, and look meanwhile."""

        def holds() -> bool:
            self.look()
            return condition()

        wait_for(holds, what, timeout_s)

    def is_open(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()


@contextmanager
def _started(settings: Settings, folder: Path) -> Iterator[Services]:
    with ExitStack() as running:
        services = Services(settings, folder, running)
        for service in SERVICES:
            services.start(service, service)
        for service in TWICE:
            services.start(service, f"{service}-2")
        services.wait_for(services.is_open, "the gateway")
        both = [f"{service}{number}" for service in TWICE for number in ("", "-2")]
        services.wait_for(
            lambda: all("ready" in services.said(name) for name in both), "all workers"
        )
        yield services


@pytest.fixture
def settings_of_all(kafka_settings: Settings, database_settings: Settings) -> Settings:
    return kafka_settings.model_copy(
        update={"database_url": database_settings.database_url, "http_port": free_port()}
    )


def _files(synthea: Path, settings: Settings) -> list[Path]:
    """Return what to publish: who works in the hospitals first, then patients."""
    files = sorted(synthea.glob("*.json"), key=lambda file: file.stat().st_size)
    patients = [file for file in files if _resources(file, "Patient")]
    others = [file for file in files if file not in patients]
    return others + (patients[:SHORT] if settings.database_url is None else patients)


def _resources(file: Path, kind: str) -> list[dict]:
    entries = json.loads(file.read_text(), parse_float=Decimal).get("entry", ())
    return [each["resource"] for each in entries if each["resource"]["resourceType"] == kind]


def test_with_a_worker_of_each_stage_killed_the_totals_are_those_of_a_day_without_faults(
    settings_of_all: Settings, tmp_path: Path, synthea: Path
) -> None:
    files = _files(synthea, settings_of_all)
    claims = [claim for file in files for claim in _resources(file, "Claim")]
    billed = sum(int(Decimal(claim["total"]["value"]) * 100) for claim in claims)
    visits = sum(len(_resources(file, "Encounter")) for file in files)
    log, said = tmp_path / "log.jsonl", tmp_path / "publish.log"

    with _started(settings_of_all, tmp_path) as services:
        words = [str(CARELOOP), "publish", *map(str, files), "--url", services.url, "--wait"]
        with (
            said.open("wb") as output,
            subprocess.Popen(words, env=clean_environment(), stdout=output) as publish,
        ):
            services.wait_for(
                lambda: progress(services.url)["timeline_events"] > 100, "some events"
            )
            for name in ("treatment", "settlement-2"):
                services.kill(name)
            services.wait_for(lambda: publish.poll() is not None, "all to be processed", 150)
        exporting = careloop(
            "replay", "export", log, "--bootstrap-servers", settings_of_all.bootstrap_servers
        )
        services.look()
    verified = careloop("replay", "verify", log)

    assert publish.returncode == 0, said.read_text()
    assert exporting.returncode == 0, exporting.stdout
    assert verified.returncode == 0, verified.stdout
    assert "0 differences" in verified.stdout
    events = exported(log)
    assert_one_decision_per_request(events)
    assert_gapless(events)
    decided = {
        event["ce_id"] for event in events if event.get("ce_type", "").endswith(".decided.v1")
    }
    assert len(decided) == visits
    with open_database(settings_of_all, "ledger", MIGRATIONS).connect() as connection:
        amounts = store.totals(connection)
        assert store.imbalance(connection) == {"USD": 0}
        assert store.undecided(connection) == {"USD": 0}
        assert sum(store.decision_counts(connection).values()) == visits
        assert store.entry_counts(connection)["billed"] == visits
    nothing = dict.fromkeys(("social_insurance", "insurer", "subsidy", "written_off"), 0)
    assert amounts == {"USD": {"billed": billed, "member": billed, **nothing}}
    if settings_of_all.database_url is not None:
        assert (visits, billed) == (128, 2_084_629)
