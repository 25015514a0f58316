"""Service processes: started, started again when they fail, and stopped in order."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import structlog

from services.local.orphans import Watcher
from services.runtime import telemetry

log = structlog.get_logger(__name__)

BACKOFF_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Waits before the first, second, … restart of a process that keeps failing."""

HEALTHY_AFTER_S: Final = 30.0
"""A process that has run this long is forgiven its earlier failures."""


class Service:
    """One process: `python -m <module> <arguments>`, its output in a file of its own."""

    def __init__(
        self,
        name: str,
        module: str,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.restarts = 0
        self._command = [sys.executable, "-m", module, *arguments]
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: Watcher | None = None
        self._began = 0.0
        self._failures = 0
        self._again_at: float | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def state(self) -> Literal["up", "restarting", "ended"]:
        """What the process is doing."""
        if self.pid is not None:
            return "up"
        return "ended" if self._again_at is None else "restarting"

    def launch(self, logs: Path) -> None:
        """Start the process; what it writes is appended to `<logs>/<name>.log`."""
        self._again_at = None
        self._began = time.monotonic()
        with (logs / f"{self.name}.log").open("ab") as file:
            self._process = subprocess.Popen(
                self._command,
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                # Ctrl-C reaches the whole foreground group; who stops when is decided here.
                start_new_session=True,
            )
        self._watcher = Watcher(self._process)

    def look(self, logs: Path) -> None:
        """Start the process again if it has failed, after a pause that grows."""
        now = time.monotonic()
        if self._again_at is not None and now >= self._again_at:
            self.launch(logs)
        elif self._again_at is None and self._process is not None:
            code = self._process.poll()
            if code is not None:
                self._failed(code, now)

    def _failed(self, code: int, now: float) -> None:
        self._unwatch()
        if now - self._began > HEALTHY_AFTER_S:
            self._failures = 0
        pause = BACKOFF_S[min(self._failures, len(BACKOFF_S) - 1)]
        self._failures += 1
        self.restarts += 1
        self._again_at = now + pause
        telemetry.restarts.labels(self.name).inc()
        log.warning("ended, starts again", ended=self.name, exit_code=code, pause_s=pause)

    def terminate(self) -> None:
        """Ask the process to stop, and not to be started again."""
        self._again_at = None
        if self.pid is not None and self._process is not None:
            self._process.terminate()

    def wait(self, timeout_s: float) -> None:
        """Wait for the process to end; kill it when `timeout_s` has passed."""
        if self._process is None:
            return
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            log.warning("did not stop in time, killed", killed=self.name)
            self._process.kill()
            self._process.wait()
        self._unwatch()

    def _unwatch(self) -> None:
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None


class Supervisor:
    """The processes of one run, in the order in which they were started."""

    def __init__(self, logs: Path) -> None:
        """Keep logs in a folder, which is made if need be."""
        logs.mkdir(parents=True, exist_ok=True)
        self.logs = logs
        self.services: dict[str, Service] = {}

    def start(self, service: Service) -> None:
        """Start a process and look after it from now on."""
        self.services[service.name] = service
        service.launch(self.logs)

    def check(self) -> None:
        """Start again whatever has failed; call it a few times a second."""
        for service in self.services.values():
            service.look(self.logs)

    def stop(self, *names: str, grace_s: float = 20.0) -> None:
        """Stop the named processes together, or all; kill those that outstay `grace_s`."""
        chosen = [self.services[name] for name in names or self.services if name in self.services]
        for service in chosen:
            service.terminate()
        deadline = time.monotonic() + grace_s
        for service in chosen:
            service.wait(max(0.1, deadline - time.monotonic()))
            del self.services[service.name]
