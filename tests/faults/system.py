"""The processes under test: broker, database, services; armed, killed, paused, doubled."""

import contextlib
import os
import resource
import shutil
import signal
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from services.contract.topics import ALL_STAGES
from services.local.broker import EmbeddedKafka
from services.local.ports import free_port
from services.local.supervisor import Service, Supervisor
from services.runtime.fault_points import FAULT, FAULT_LOG
from services.runtime.settings import Settings
from services.runtime.topics import create_topics
from tests.faults.feed import INSURER
from tests.faults.postgres import Postgres
from tests.faults.receiver import Receiver

PARTITIONS = 4
SECRET_KEY = "c2VjcmV0cyBvZiBzdWJzY3JpcHRpb25zIGluIHRlc3Q="
SERVICES = ("gateway", *ALL_STAGES, "ledger", "subscriptions", "clock")
SESSION_TIMEOUT_S = 6.0
CLOCK_START = datetime(2026, 1, 1, tzinfo=UTC)
CLOCK_COMPRESSION = 86_400.0 / 4
"""Four real seconds are a day, so that deadlines fall due while faults happen."""

WAIT_S = 120.0
_FENCES = ("FencedError", "StaleGenerationError", "GapInLogError", "StaleWriterError")


class FaultSystem:
    """Everything that a fault can hit, on one broker and one database for many runs."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        self.postgres = Postgres(folder) if database == "postgres" else None
        self.broker = EmbeddedKafka(folder / "kafka", port=free_port())
        self.supervisor = Supervisor(folder / "logs")
        self.receiver = Receiver()
        self.fault_log = folder / "faults.log"
        self.began = time.time()
        self.ports = {"gateway": free_port(), "subscriptions": free_port()}
        self.subscription: dict[str, str] = {}
        self._turn = threading.RLock()
        self._stopping = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)

    # -- life ---------------------------------------------------------------------------------

    def start(self) -> None:
        self.broker.start()
        if self.postgres is not None:
            self.postgres.start()
        self.settings = Settings(
            bootstrap_servers=self.broker.bootstrap_servers,
            database_url=self.postgres.url if self.postgres else None,
            data_dir=self.folder / "data",
            partitions=PARTITIONS,
            session_timeout_s=SESSION_TIMEOUT_S,
        )
        create_topics(self.settings)
        self.receiver.start()
        self._keeper.start()
        for name in SERVICES:
            self.launch(name)
        self.wait_until_open()
        self._subscribe()

    def stop(self) -> None:
        self._stopping.set()
        with self._turn:
            for name in list(self.supervisor.services):
                self.signal(name, signal.SIGCONT)
            self.supervisor.stop(grace_s=5.0)
        self.receiver.stop()
        if self.postgres is not None:
            self.postgres.stop()
        self.broker.stop()

    def _keep(self) -> None:
        while not self._stopping.wait(0.1):
            with self._turn:
                self.supervisor.check()

    def kill_broker(self) -> None:
        """Kill the broker and start it again on the same directory and port."""
        os.kill(self.broker.pid, signal.SIGKILL)
        time.sleep(1.0)
        self.broker.stop(grace_s=1.0)
        self.broker.start()

    def kill_postgres(self) -> None:
        assert self.postgres is not None
        self.postgres.kill()
        time.sleep(0.5)
        self.postgres.start()

    # -- one service ----------------------------------------------------------------------------

    def launch(self, name: str, fault: str | None = None, *, fresh: bool = False) -> None:
        """Start a service, or start it anew; `x-2` is a second process of service `x`."""
        with self._turn:
            self.supervisor.stop(name, grace_s=15.0)
            if fresh:
                shutil.rmtree(self.worker_folder(name), ignore_errors=True)
            module = name.partition("-")[0]
            module = "services.runtime.clock" if module == "clock" else f"services.{module}"
            environment = self._environment(name)
            if fault is not None:
                environment |= {FAULT: fault, FAULT_LOG: str(self.fault_log)}
            self.supervisor.start(Service(name, module, environment=environment))

    def retire(self, *names: str) -> None:
        """Stop processes for good, all at once."""
        with self._turn:
            for name in names:
                self.signal(name, signal.SIGCONT)
            if names:
                self.supervisor.stop(*names, grace_s=15.0)

    def pid(self, name: str) -> int | None:
        with self._turn:
            service = self.supervisor.services.get(name)
            return service.pid if service else None

    def restarts(self, name: str) -> int:
        with self._turn:
            service = self.supervisor.services.get(name)
            return service.restarts if service else 0

    def signal(self, name: str, number: int) -> bool:
        pid = self.pid(name)
        if pid is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            return True
        return False

    def hold(self, name: str) -> None:
        """Put a process to sleep, also one that ended and waits to be started again."""
        deadline = time.monotonic() + WAIT_S
        while not (self.signal(name, signal.SIGSTOP) and self._sleeps(name)):
            assert time.monotonic() < deadline, f"{name} does not start again"
            time.sleep(0.1)

    def _sleeps(self, name: str) -> bool:
        pid = self.pid(name)
        try:
            return pid is not None and psutil.Process(pid).status() == psutil.STATUS_STOPPED
        except psutil.NoSuchProcess:
            return False

    def fill_disk(self, name: str) -> bool:
        """Let a process write nothing beyond the first page of a file, as a full disk would."""
        pid = self.pid(name)
        if pid is None:
            return False
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, hard))
        return True

    def free_disk(self, name: str) -> None:
        pid = self.pid(name)
        if pid is not None:
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))

    def worker_folder(self, name: str) -> Path:
        return self.settings.data_dir / "workers" / name

    def _environment(self, name: str) -> dict[str, str]:
        worker = name.partition("-")[0] in ALL_STAGES
        environment = {
            "CARELOOP_BOOTSTRAP_SERVERS": self.settings.bootstrap_servers,
            "CARELOOP_DATA_DIR": str(
                self.worker_folder(name) if worker else self.settings.data_dir
            ),
            "CARELOOP_PARTITIONS": str(PARTITIONS),
            "CARELOOP_SESSION_TIMEOUT_S": str(SESSION_TIMEOUT_S),
            "CARELOOP_STALL_S": "30",
            "CARELOOP_HTTP_PORT": str(self.ports["gateway"]),
            "CARELOOP_SUBSCRIPTIONS_PORT": str(self.ports["subscriptions"]),
            "CARELOOP_ALLOW_LOOPBACK_WEBHOOKS": "true",
            "CARELOOP_TICK_SECONDS": "0.4",
            "CARELOOP_CLOCK_START": CLOCK_START.isoformat(),
            "CARELOOP_CLOCK_EPOCH": repr(self.began),
            "CARELOOP_CLOCK_COMPRESSION": repr(CLOCK_COMPRESSION),
        }
        if self.postgres is not None:
            environment["CARELOOP_DATABASE_URL"] = self.postgres.url
            environment["CARELOOP_SECRET_KEYS"] = SECRET_KEY
        if name.startswith("subscriptions-"):
            environment["CARELOOP_SUBSCRIPTIONS_PORT"] = "0"
        return environment

    # -- what it says --------------------------------------------------------------------------

    @property
    def gateway_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['gateway']}"

    @property
    def subscriptions_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['subscriptions']}"

    def wait_until_open(self) -> None:
        deadline = time.monotonic() + WAIT_S
        for url in (self.gateway_url, self.subscriptions_url):
            while not _answers(f"{url}/readyz"):
                assert time.monotonic() < deadline, f"{url} does not answer"
                time.sleep(0.2)

    def wait_until_member(self, name: str) -> None:
        """Wait until the consumer group of a service is settled, as after a start."""
        if name == "clock":
            return
        group = f"careloop-{'timeline' if name == 'gateway' else name}"
        deadline = time.monotonic() + SESSION_TIMEOUT_S * 3
        while time.monotonic() < deadline:
            time.sleep(0.3)
            try:
                with KafkaAdminClient(bootstrap_servers=self.settings.bootstrap_servers) as admin:
                    found = admin.describe_groups([group])[group]
            except KafkaError:
                continue
            if found["group_state"] == "Stable" and found["members"]:
                return

    def faults_hit(self) -> list[str]:
        return self.fault_log.read_text().splitlines() if self.fault_log.exists() else []

    def said(self, name: str) -> str:
        path = self.supervisor.logs / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def fenced(self, name: str) -> int:
        """How often a service has stopped because it noticed that another had gone on."""
        lines = self.said(name).splitlines()
        return sum(
            "the worker stops" in line or "reads on" in line
            for line in lines
            if any(fence in line for fence in _FENCES) or "another process applied" in line
        )

    def _subscribe(self) -> None:
        wanted = {"insurer": INSURER, "url": self.receiver.url, "from": "beginning"}
        answer = httpx.post(f"{self.subscriptions_url}/subscriptions", json=wanted, timeout=30)
        self.subscription = answer.raise_for_status().json()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
