"""`careloop run` goes on when Kafka or the gateway is away for a moment."""

import io
import json
import logging
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import structlog
from kafka.admin import KafkaAdminClient
from kafka.errors import NodeNotReadyError
from rich.console import Console

from services.cli.run import RunSession
from services.cli.system import ADDRESSES
from services.local.supervisor import Supervisor
from services.runtime.settings import Settings

COUNTS = {"accepted": 3, "duplicates": 2, "refused": 1, "outbox": 0, "timeline_events": 0}


class Gateway(ThreadingHTTPServer):
    """A gateway that has taken a few facts, and does not answer the questions `away` by number."""

    def __init__(self, away: set[int]) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.away = away
        self.asked = 0


class _Answers(BaseHTTPRequestHandler):
    server: Gateway

    def do_GET(self) -> None:
        self.server.asked += 1
        here = self.server.asked not in self.server.away
        self.send_response(200 if here else 503)
        self.end_headers()
        self.wfile.write(json.dumps(COUNTS if here else {}).encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class QuietSystem:
    """A system whose broker is the session's and whose only process is a gateway of the test."""

    throwaway = False
    subscriptions_url = ""
    behind_s = 0.0

    def __init__(self, settings: Settings, gateway: Gateway) -> None:
        self.settings = settings
        self.data_dir = settings.data_dir
        self.addresses = settings.data_dir / ADDRESSES
        self.gateway_url = f"http://127.0.0.1:{gateway.server_port}"
        self.supervisor = Supervisor(settings.data_dir / "logs")

    def start_log(self) -> None: ...

    def start_services(self) -> None: ...

    def wait_ready(self) -> None: ...

    def start_time(self, _clock_reads: object) -> None: ...


@pytest.fixture(autouse=True)
def _process_as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def run_for_a_second(settings: Settings, away: set[int]) -> tuple[dict[str, Any], str]:
    """Return the summary of a run, and what it said."""
    said = io.StringIO()
    with Gateway(away) as gateway:
        threading.Thread(target=gateway.serve_forever, daemon=True).start()
        session = RunSession(QuietSystem(settings, gateway), Console(file=said))
        try:
            return session.run(1.0), said.getvalue()
        finally:
            gateway.shutdown()


def test_a_broker_that_starts_again_does_not_end_the_view(
    kafka_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, asked = KafkaAdminClient.list_partition_offsets, []

    def away_at_first(self: KafkaAdminClient, *questions: Any) -> Any:
        asked.append(questions)
        if len(asked) <= 3:
            raise NodeNotReadyError("No node_id provided")
        return ask(self, *questions)

    monkeypatch.setattr(KafkaAdminClient, "list_partition_offsets", away_at_first)

    summary, said = run_for_a_second(kafka_settings, away=set())

    assert len(asked) > 3
    assert summary["events"] == {"accepted": 3, "duplicates": 2, "refused": 1, "dead_lettered": 0}
    assert "Stopped before everything was processed" not in said


@pytest.mark.parametrize("away", [{1, 2}, {5}], ids=["while draining", "while counting"])
def test_a_gateway_that_starts_again_is_waited_for(
    kafka_settings: Settings, away: set[int]
) -> None:
    summary, said = run_for_a_second(kafka_settings, away)

    assert summary["events"]["accepted"] == 3
    assert "Stopped before everything was processed" not in said
