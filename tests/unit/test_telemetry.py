import json
import logging
import os

import httpx
import pytest
import structlog

from services.local.ports import free_port
from services.runtime import telemetry
from services.runtime.settings import Settings


@pytest.fixture(autouse=True)
def _logging_as_before():
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_log_line_is_json_with_the_service_and_the_process(capsys):
    telemetry.configure("ledger", Settings(log_format="json"))

    structlog.get_logger("books").info("posted", postings=2, currency="CNY")
    line = json.loads(capsys.readouterr().err)

    assert line["event"] == "posted"
    assert (line["service"], line["pid"], line["logger"]) == ("ledger", os.getpid(), "books")
    assert (line["postings"], line["currency"], line["level"]) == (2, "CNY", "info")
    assert line["timestamp"].endswith("Z")


def test_a_library_speaks_in_the_same_form(capsys):
    telemetry.configure("gateway", Settings(log_format="json"))

    logging.getLogger("somebody.else").warning("%d left", 3)
    line = json.loads(capsys.readouterr().err)

    assert (line["event"], line["service"], line["level"]) == ("3 left", "gateway", "warning")


def test_an_exception_stays_on_its_line(capsys):
    telemetry.configure("ledger", Settings(log_format="json"))

    try:
        _ = 1 // 0
    except ZeroDivisionError:
        structlog.get_logger().exception("stopped")
    line = json.loads(capsys.readouterr().err)

    assert line["exception"][0]["exc_type"] == "ZeroDivisionError"


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_what_a_failing_function_held_in_hand_is_not_written(capsys, log_format):
    telemetry.configure("ledger", Settings(log_format=log_format))

    def fail(diagnosis: str) -> None:
        raise ValueError(len(diagnosis))

    try:
        fail("a member's " + "hypertension")
    except ValueError:
        structlog.get_logger().exception("stopped")
    written = capsys.readouterr().err

    assert "ValueError" in written
    assert "a member's hypertension" not in written


def test_lines_below_the_level_are_not_written(capsys):
    telemetry.configure("ledger", Settings(log_level="error"))

    structlog.get_logger().info("too small to mention")

    assert capsys.readouterr().err == ""


def test_metrics_are_served_on_loopback():
    port = free_port()
    telemetry.dead_letters.labels("ledger", "test reason").inc()

    telemetry.serve_metrics(Settings(metrics_port=port))
    page = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text

    assert 'careloop_dead_letters_total{reason="test reason",service="ledger"} 1.0' in page
