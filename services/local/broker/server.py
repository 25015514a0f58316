"""The child process: prepared once per data directory, started, watched and stopped."""

import base64
import os
import socket
import subprocess
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from services.local.broker.errors import BrokerError
from services.local.broker.java import java_command, properties
from services.local.broker.lock import lock_data_dir
from services.local.orphans import Watcher
from services.local.ports import free_port
from services.runtime.settings import Settings

_START_ATTEMPTS: Final = 3
_LOG_TAIL_LINES: Final = 25


class EmbeddedKafka:
    """An Apache Kafka broker on a free loopback port whose log lives in `data_dir`.

    Use it as a context manager, or call `start` and `stop`. A later start on the same directory
    finds the same log, on another port unless `port` names one. Once started, `bootstrap_servers` is its `host:port`.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        cache_dir: Path | None = None,
        start_timeout_s: float = 60.0,
    ) -> None:
        self.data_dir = data_dir.resolve()
        self.log_path = self.data_dir / "kafka.log"
        self._cache_dir = cache_dir or Settings().cache_dir
        self._start_timeout_s = start_timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: Watcher | None = None
        self._lock: int | None = None
        self._fixed_port = port
        self._port = 0

    @property
    def bootstrap_servers(self) -> str:
        """The broker's address; raises BrokerError while it is not running."""
        if self._process is None:
            message = "the embedded broker is not running"
            raise BrokerError(message)
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """The process id of the broker; raises BrokerError while it is not running."""
        if self._process is None:
            message = "the embedded broker is not running"
            raise BrokerError(message)
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether the broker has been started and has not ended by itself."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the broker and return when it answers.

        Raises BrokerError if the directory is in use, the jars or Java are missing, or it does
        not answer in time; the message ends with the last lines of its log.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._lock = lock_data_dir(self.data_dir)
        try:
            for _ in range(_START_ATTEMPTS):
                if self._launch():
                    return
                # The port was free when it was chosen and taken when it was bound: try others.
                self._end(grace_s=0)
        except BaseException:
            self.stop(grace_s=0)
            raise
        self.stop()
        raise BrokerError(self._failure("found no free port"))

    def stop(self, grace_s: float = 30.0) -> None:
        """Stop the broker, by force after `grace_s`; does nothing if it is not running."""
        self._end(grace_s)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _launch(self) -> bool:
        """Start the process once; False if its port was taken meanwhile."""
        self._port = self._fixed_port or free_port()
        controller_port = free_port()
        config = self.data_dir / "server.properties"
        log_dir = self.data_dir / "log"
        config.write_text(properties(log_dir, self._port, controller_port), encoding="utf-8")
        began = self.log_path.stat().st_size if self.log_path.exists() else 0
        with self.log_path.open("ab") as log:
            if not (log_dir / "meta.properties").exists():
                self._format(config, log)
            command = java_command(self._cache_dir, "kafka.Kafka", str(config))
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.data_dir,
                pass_fds=(self._lock,) if self._lock is not None else (),
                # Ctrl-C reaches the whole foreground group; the broker must outlive the services.
                start_new_session=True,
            )
        self._watcher = Watcher(self._process)
        if self._answers():
            return True
        if b"Address already in use" in self.log_path.read_bytes()[began:]:
            return False
        raise BrokerError(self._failure("ended while starting"))

    def _end(self, grace_s: float) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(grace_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None

    def _format(self, config: Path, log: BinaryIO) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # One word: one identifier in 64 begins with "-", and alone it would be read as an option.
        arguments = ("format", f"--cluster-id={cluster}", "--config", str(config))
        command = java_command(self._cache_dir, "kafka.tools.StorageTool", *arguments)
        done = subprocess.run(
            command, stdout=log, stderr=subprocess.STDOUT, cwd=self.data_dir, check=False
        )
        if done.returncode != 0:
            raise BrokerError(self._failure("could not prepare its directory"))

    def _answers(self) -> bool:
        """Wait for the first answer; False if the process ends. Raises BrokerError if too late."""
        deadline = time.monotonic() + self._start_timeout_s
        while self.is_alive():
            if _connects(self._port) and _serves(self.bootstrap_servers):
                return True
            if time.monotonic() > deadline:
                raise BrokerError(self._failure(f"did not answer in {self._start_timeout_s:g} s"))
            time.sleep(0.05)
        return False

    def _failure(self, what: str) -> str:
        lines = self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()
        tail = "\n".join(lines[-_LOG_TAIL_LINES:])
        return f"the embedded broker {what}; the end of {self.log_path}:\n{tail}"


def _connects(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _serves(bootstrap_servers: str) -> bool:
    """Whether the broker is registered with its controller and accepts administration."""
    from kafka.admin import KafkaAdminClient  # noqa: PLC0415  slow, and only a start needs it
    from kafka.errors import KafkaError  # noqa: PLC0415

    try:
        with KafkaAdminClient(
            bootstrap_servers=bootstrap_servers, bootstrap_timeout_ms=2000
        ) as admin:
            return bool(admin.describe_cluster()["brokers"])
    except KafkaError:
        return False
