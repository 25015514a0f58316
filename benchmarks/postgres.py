"""A PostgreSQL of the benchmark's own: free port, loopback, every commit synced to disk."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.local.orphans import Watcher
from services.local.ports import free_port


class NoPostgresError(RuntimeError):
    """PostgreSQL's programs are not installed."""


@contextmanager
def postgres() -> Iterator[str]:
    """Yield the URL of an empty database.

    Raises:
        NoPostgresError: its programs are not on this machine.
    """
    programs = _programs()
    with tempfile.TemporaryDirectory(prefix="careloop-bench-pg-") as scratch:
        folder = Path(scratch)
        data = folder / "data"
        data.mkdir()
        user = _unprivileged()
        if user:
            folder.chmod(0o755)
            shutil.chown(data, user)
        port = free_port()
        prefix = ["runuser", "-u", user, "--"] if user else []
        initialise = [str(programs / "initdb"), f"--pgdata={data}", "--username=postgres"]
        initialise += ["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run([*prefix, *initialise], check=True, capture_output=True)
        serve = [str(programs / "postgres"), "-D", str(data), "-p", str(port)]
        serve += ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={data}"]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(serve, stdout=log, stderr=log, user=user or None, cwd="/")
        watcher = Watcher(server)
        try:
            _wait(programs, port)
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        finally:
            stop = [str(programs / "pg_ctl"), "stop", "-D", str(data), "-m", "fast", "-w"]
            subprocess.run([*prefix, *stop], check=False, capture_output=True)
            server.wait(30)
            watcher.close()


def _programs() -> Path:
    places = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    found = shutil.which("initdb")
    places += [Path(found).parent] if found else []
    for place in places:
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    raise NoPostgresError("initdb and postgres were not found")


def _unprivileged() -> str:
    """Return the account to run as: PostgreSQL refuses to run as root."""
    return "postgres" if os.geteuid() == 0 else ""


def _wait(programs: Path, port: int) -> None:
    ready = [str(programs / "pg_isready"), "--quiet", "--host=127.0.0.1", f"--port={port}"]
    for _ in range(150):
        if subprocess.run(ready, check=False).returncode == 0:
            return
        time.sleep(0.2)
    raise NoPostgresError("PostgreSQL did not start")
