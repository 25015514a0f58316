"""Child processes of a benchmark: started on the given broker, measured, and stopped by id."""

import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from benchmarks.builds import Build
from benchmarks.kafka import PARTITIONS
from services.local.orphans import Watcher

STOP_S = 20.0


class Child:
    """`python -m <module>` with a data directory of its own; a context manager.

    build: whose code and packages it runs on; None: those of this process.
    Settings travel as `CARELOOP_*` variables; whatever the caller's shell has of them is dropped.
    """

    def __init__(
        self,
        module: str,
        servers: str,
        folder: Path | None = None,
        build: Build | None = None,
        **environment: str,
    ) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="careloop-bench-child-")
        self.folder = folder or Path(self._scratch.name) / "data"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = Path(self._scratch.name) / "log"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("CARELOOP_")}
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(build.python if build else sys.executable), "-m", module],
                env={
                    **inherited,
                    **({"PYTHONPATH": str(build.root)} if build else {}),
                    "CARELOOP_BOOTSTRAP_SERVERS": servers,
                    "CARELOOP_DATA_DIR": str(self.folder),
                    "CARELOOP_PARTITIONS": str(PARTITIONS),
                    **environment,
                },
                cwd=build.root if build else None,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._watcher = Watcher(self._process)
        self._seen = psutil.Process(self._process.pid)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def check(self) -> None:
        """Raise if the process has ended, with the end of what it said."""
        if self._process.poll() is not None:
            said = "\n".join(self.said().splitlines()[-15:])
            raise RuntimeError(f"ended with status {self._process.returncode}:\n{said}")

    def said(self) -> str:
        """Return all that it wrote."""
        return self.log.read_text(errors="replace")

    def rss_mb(self) -> float:
        """Return its resident memory in MB (10^6 bytes)."""
        return float(self._seen.memory_info().rss / 1e6)

    def cpu_s(self) -> float:
        """Return the processor seconds that it has used."""
        times = self._seen.cpu_times()
        return float(times.user + times.system)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._watcher.close()
        self._scratch.cleanup()


def metrics(port: int) -> dict[str, float]:
    """Return the numbers that a service tells Prometheus, by name with labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}
