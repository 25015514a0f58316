"""`python -m tests.architecture.touched`: which files of `services/` one discharge goes through.

The whole system runs, each service under a profiler. A stay is sent and decided, and its insurer
told; then the same for another member. Counted are the files with a function that ran in the
second one and does not run while nothing happens: start, imports and idle turns do not count.
"""

import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Final

import httpx

from tests.e2e.running import Run, post_fhir, wait_for

ROOT: Final = Path(__file__).parents[2]
STAY: Final = (ROOT / "docs" / "examples" / "hospital-stay.fhir.json").read_text(encoding="utf-8")
IDLE_S: Final = 8.0
AFTERWARDS_S: Final = 3.0
"""Long enough for checkpoints and projections."""
_MEMBER: Final = "example-li-mei"
_INSURER: Final = "insurer-example"


class _Receiver(HTTPServer):
    """An insurer's webhook; deliveries: how many came."""

    deliveries = 0


class _Taking(BaseHTTPRequestHandler):
    server: _Receiver

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.deliveries += 1
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def touched(folder: Path) -> dict[str, list[str]]:
    """Run the system in a folder; return the functions that a discharge runs, by file."""
    traces = folder / "traces"
    traces.mkdir()
    phase = traces / "phase"
    phase.write_text("starting", encoding="utf-8")
    environment = {
        "PYTHONPATH": f"{Path(__file__).parent / 'tracing'}:{ROOT}",
        "CARELOOP_TRACED": str(traces),
        "CARELOOP_TICK_SECONDS": "600",
    }
    options = ("--no-city", "--data-dir", folder / "data")
    with _receiver() as receiver, Run(folder / "output", *options, **environment) as run:
        run.wait_open().wait_working()
        _subscribe(run.subscriptions, receiver.server_port)
        _discharge(run.gateway, "first", receiver)
        time.sleep(AFTERWARDS_S)
        phase.write_text("idle", encoding="utf-8")
        time.sleep(IDLE_S)
        phase.write_text("discharge", encoding="utf-8")
        time.sleep(0.1)
        _discharge(run.gateway, "second", receiver)
        time.sleep(AFTERWARDS_S)
        phase.write_text("told", encoding="utf-8")
        # The clock has said its one tick, and is traced like the rest.
        wait_for(lambda: len(list(traces.glob("*.json"))) >= _traced(run), "the traces")
    return _by_file(traces)


def _traced(run: Run) -> int:
    words = [one.cmdline() for one in run.alive()]
    return sum(any(word.startswith("services.") for word in each) for each in words)


def _subscribe(subscriptions: str, port: int) -> None:
    wanted = {"insurer": _INSURER, "url": f"http://127.0.0.1:{port}/"}
    httpx.post(f"{subscriptions}/subscriptions", json=wanted, timeout=30).raise_for_status()


def _discharge(gateway: str, name: str, receiver: _Receiver) -> None:
    """Send the README's stay for a member of its own; wait for decision and webhook."""
    before = receiver.deliveries
    body = STAY.replace(_MEMBER, name).replace("example-", f"{name}-").encode()
    body = body.replace(f"insurer-{name}".encode(), _INSURER.encode())
    answer = post_fhir(gateway, body, prefer="wait=20")
    assert answer.status_code == 200, answer.text
    assert "decided" in answer.text
    wait_for(lambda: receiver.deliveries >= before + 2, "the webhooks")


def _by_file(traces: Path) -> dict[str, list[str]]:
    idle: set[tuple[str, str]] = set()
    found: set[tuple[str, str]] = set()
    for file in traces.glob("*.json"):
        seen = json.loads(file.read_text(encoding="utf-8"))
        # A process knows only its own idle functions: elsewhere they may be part of the work.
        idle = set(map(tuple, seen.get("idle", ())))
        found |= set(map(tuple, seen.get("discharge", ()))) - idle
    root = f"{ROOT / 'services'}/"
    by_file: dict[str, list[str]] = {}
    for file_name, function in sorted(found):
        if file_name.startswith(root) and function != "<module>":
            by_file.setdefault(file_name.removeprefix(f"{ROOT}/"), []).append(function)
    return by_file


@contextmanager
def _receiver() -> Iterator[_Receiver]:
    with _Receiver(("127.0.0.1", 0), _Taking) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def main() -> None:
    """Print the files with how many functions ran, and how many files by room."""
    with tempfile.TemporaryDirectory(prefix="careloop-touched-") as folder:
        found = touched(Path(folder))
    rooms = Counter(file.split("/")[1] for file in found)
    lines = [f"{file}  {', '.join(functions)}" for file, functions in found.items()]
    lines += [f"{count:4}  {room}" for room, count in rooms.most_common()]
    sys.stdout.write("\n".join([*lines, f"{len(found):4}  files in all"]) + "\n")


if __name__ == "__main__":
    main()
