"""The city as a process: it stops cleanly, reports, and carries on where it stopped."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from services.simulator.population import DAY_S
from tests.unit.simulator.city_fixtures import city, plan_until

BODIES: list[bytes] = []
ENOUGH = Event()


class AcceptingGateway(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):  # the name that http.server calls
        BODIES.append(self.rfile.read(int(self.headers["content-length"])))
        if len(BODIES) >= 20:
            ENOUGH.set()
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    BODIES.clear()
    ENOUGH.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), AcceptingGateway)
    server.daemon_threads = True
    Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def start(url: str, folder: Path, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "services.simulator", "--url", url, "--members", "300"),
            *("--report", str(folder / "report.json"), "--bookmark", str(folder / "bookmark")),
            *words,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("stop_by", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_city_cleanly_with_a_report(url, tmp_path, stop_by):
    process = start(url, tmp_path)

    came = ENOUGH.wait(timeout=30)
    process.send_signal(stop_by)
    out, err = process.communicate(timeout=30)

    assert came
    assert process.returncode == 0, err
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["messages"] == len(BODIES)
    assert report["unfinished"] == 0
    last = json.loads(out.splitlines()[-1])
    assert last["event"] == "city.stopped"
    assert last["messages"] == report["messages"]


def test_a_second_start_carries_on_and_another_city_is_refused(url, tmp_path):
    first = start(url, tmp_path, "--seconds", "1.5")
    assert first.wait(timeout=30) == 0
    before = set(BODIES)
    BODIES.clear()

    second = start(url, tmp_path, "--seconds", "1.5")
    assert second.wait(timeout=30) == 0
    other = start(url, tmp_path, "--seconds", "1", "--seed", "8")
    _, err = other.communicate(timeout=30)

    plan = plan_until(30 * DAY_S, city(seed=7, members=300))
    meant = {each.body for all_ in plan.values() for each in all_ if each.expect == "duplicate"}
    assert before
    assert not (before & set(BODIES)) - meant
    assert other.returncode == 2
    assert "belongs to the city with seed 7" in err


def test_nonsense_as_a_start_is_refused_in_words(url, tmp_path):
    process = start(url, tmp_path, "--start", "yesterday")

    _, err = process.communicate(timeout=30)

    assert process.returncode == 2
    assert "yesterday" in err
