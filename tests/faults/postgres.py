"""A PostgreSQL of the run's own, that can be killed and started again on the same port."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from services.local.orphans import Watcher
from services.local.ports import free_port

_WAIT_S = 60.0


class Postgres:
    """One cluster in a folder, on loopback; durable across the death of its processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "postgres"
        self._bin = _programs()
        self._port = free_port()
        self._user = "postgres" if os.getuid() == 0 else None  # it refuses to run as root
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: Watcher | None = None

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        if not self._folder.exists():
            self._folder.mkdir(parents=True)
            if self._user:
                shutil.chown(self._folder, self._user)
            self._run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8")
        deadline = time.monotonic() + _WAIT_S
        while not self._is_ready():
            assert time.monotonic() < deadline, "PostgreSQL does not start"
            if self._process is None or self._process.poll() is not None:
                self._launch()  # what the killed one left behind may hold it up for a moment
            time.sleep(0.3)

    def kill(self) -> None:
        """Kill the parent of all its processes; the others notice and end."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._unwatch()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_WAIT_S)
        self._unwatch()

    def _unwatch(self) -> None:
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None

    def _launch(self) -> None:
        self._unwatch()
        command = [str(self._bin / "postgres"), "-D", str(self._folder), "-p", str(self._port)]
        for setting in ("listen_addresses=127.0.0.1", "max_connections=150", "fsync=off"):
            command += ["-c", setting]
        command += ["-c", f"unix_socket_directories={self._folder}"]
        with (self._folder.parent / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, user=self._user, cwd="/"
            )
        self._watcher = Watcher(self._process)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), f"--pgdata={self._folder}", *arguments]
        subprocess.run(command, check=True, capture_output=True, user=self._user, cwd="/")

    def _is_ready(self) -> bool:
        command = [str(self._bin / "pg_isready"), "--host=127.0.0.1", f"--port={self._port}"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _programs() -> Path:
    for folder in (*sorted(Path("/usr/lib/postgresql").glob("*/bin")), Path("/usr/bin")):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise SystemExit("--database postgres needs PostgreSQL's server programs on this machine")
