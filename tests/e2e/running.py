"""The whole system as its users start it: `careloop run` and `python -m services.<name>`."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psutil

from services.cli.system import EMBEDDED_PARTITIONS
from services.contract.topics import STAGE_INPUTS
from services.runtime.drain import Progress
from services.runtime.settings import Settings

CARELOOP = Path(sys.executable).with_name("careloop")
TESTDATA = Path(
    os.environ.get("CARELOOP_TESTDATA", Path(__file__).parents[3] / "shared" / "testdata")
)
START_S = 120.0
STOP_S = 90.0
PARTS = ("social_insurance", "insurer", "subsidy", "member", "written_off")


def clean_environment(**more: str) -> dict[str, str]:
    """Return the environment without settings from outside, wide enough for whole lines."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("CARELOOP_") or name == "CARELOOP_CACHE_DIR"
    }
    return {**kept, "COLUMNS": "300", "NO_COLOR": "1", **more}


def careloop(
    *words: object, timeout_s: float = 120.0, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; output and errors come together."""
    return subprocess.run(
        [str(CARELOOP), *map(str, words)],
        env=clean_environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_s,
        check=False,
    )


class Run:
    """A `careloop run` with its doors open, in a process of its own."""

    def __init__(self, output: Path, *options: object, **environment: str) -> None:
        self.output = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                [str(CARELOOP), "run", *map(str, options)],
                env=clean_environment(**environment),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.family: set[psutil.Process] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remember_family()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for left in self.alive():
            left.kill()

    @property
    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def wait_open(self) -> Self:
        """Wait until the doors' addresses are printed."""
        wait_for(lambda: "Kafka: " in self.said or self.ended, "the doors", START_S)
        assert not self.ended, self.said
        self.remember_family()
        return self

    def wait_working(self) -> Self:
        """Wait until every stage has read a tick everywhere: the doors open before they all work."""
        with Progress(self.settings) as progress:
            inputs = sorted(set(STAGE_INPUTS.values()))
            wait_for(lambda: all(progress.ends(inputs).values()), "the first tick", START_S)
            ticked = progress.ends(inputs)
            wait_for(lambda: not any(progress.lag(ticked).values()), "the stages", START_S)
        return self

    @property
    def settings(self) -> Settings:
        """Settings of a reader of its log, if the broker is the embedded one."""
        return Settings(bootstrap_servers=self.kafka, partitions=EMBEDDED_PARTITIONS)

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def gateway(self) -> str:
        return self._address(r"Hospitals publish: (http://\S+)/fhir")

    @property
    def subscriptions(self) -> str:
        return self._address(r"Insurers subscribe: (http://\S+)/subscriptions")

    @property
    def kafka(self) -> str:
        return self._address(r"Kafka: (\S+)")

    def _address(self, pattern: str) -> str:
        match = re.search(pattern, self.said)
        assert match is not None, self.said
        return match[1]

    def remember_family(self) -> None:
        """Note every process below the run, to see later whether one was left behind."""
        if not self.ended:
            self.family |= set(psutil.Process(self.process.pid).children(recursive=True))

    def alive(self) -> list[psutil.Process]:
        """Return the processes of the family that still run."""
        return [one for one in self.family if one.is_running() and one.status() != "zombie"]

    def stop(self, number: int = signal.SIGTERM, timeout_s: float = STOP_S) -> int:
        """Send a signal and return the exit code."""
        self.remember_family()
        self.process.send_signal(number)
        return self.wait(timeout_s)

    def wait(self, timeout_s: float) -> int:
        """Wait for the end, and return the exit code; if it does not come, say who lags behind."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            with Progress(self.settings) as progress:
                lags = progress.lag(progress.ends())
            counters = httpx.get(f"{self.gateway}/progress", timeout=5).text
            message = f"still running after {timeout_s:.0f} s; behind: {lags}; {counters}"
            raise AssertionError(message) from None


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
    """Wait until something holds; fails with `what` when the time is over."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_s:.0f} s for {what}"
        time.sleep(0.1)


def progress(gateway: str) -> dict[str, int]:
    """Return the gateway's counters."""
    found: dict[str, int] = httpx.get(f"{gateway}/progress", timeout=30).raise_for_status().json()
    return found


def timeline(gateway: str, member: str) -> list[dict[str, Any]]:
    """Return every event of a member's timeline, in its order."""
    events: list[dict[str, Any]] = []
    after: str | None = ""
    while after is not None:
        query = {"limit": "500", **({"after": after} if after else {})}
        answer = httpx.get(f"{gateway}/members/{member}/timeline", params=query, timeout=30)
        page = answer.raise_for_status().json()
        events += page["events"]
        after = page["next"]
    return events


def decisions_of(gateway: str, member: str) -> list[dict[str, Any]]:
    """Return the decisions on a member's timeline, oldest first."""
    return [event["decision"] for event in timeline(gateway, member) if "decision" in event]


def post_fhir(gateway: str, body: object, **headers: str) -> httpx.Response:
    """Send FHIR to a gateway; a header's underscores are hyphens."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(
        f"{gateway}/fhir",
        content=body if isinstance(body, bytes) else json.dumps(body).encode(),
        headers={"content-type": "application/fhir+json", **names},
        timeout=60,
    )


def exported(file: Path) -> list[dict[str, Any]]:
    """Return the events of an exported log: their attributes, and `data`; manifest left out."""
    with file.open() as lines:
        next(lines)
        rows = [json.loads(line) for line in lines]
    return [
        {
            **dict(row["headers"]),
            "topic": row["topic"],
            "partition": row["partition"],
            "offset": row["offset"],
            "data": row.get("value"),
        }
        for row in rows
    ]


def assert_one_decision_per_request(events: Iterable[dict[str, Any]]) -> None:
    """Check that each request has one decision, each decision a request, and that parts sum."""
    distinct = {event["ce_id"]: event for event in events if "ce_id" in event}.values()
    requested = [
        event["data"]
        for event in distinct
        if event["ce_type"].endswith((".requested.v1",)) and "reversal" not in event["ce_type"]
    ]
    decided = [event["data"] for event in distinct if event["ce_type"].endswith(".decided.v1")]
    assert sorted(each["request_id"] for each in requested) == sorted(
        each["request_id"] for each in decided
    )
    billed = {each["request_id"]: each["billed"] for each in requested}
    for each in decided:
        assert sum(each["parts"].values()) == each["billed"] == billed[each["request_id"]]
        assert sum(step["taken"] for step in each["trace"]) == each["billed"]


def assert_gapless(events: Iterable[dict[str, Any]]) -> None:
    """Check that each household's numbers of a producer on a topic are 1, 2, 3, …"""
    last: dict[tuple[str, str, str], set[int]] = {}
    for event in events:
        if event["topic"] != "dead-letters" and "clock" not in event["ce_type"]:
            producer = event["ce_source"] if event["ce_source"].startswith("/careloop/") else "fact"
            key = (event["ce_partitionkey"], producer, event["topic"])
            last.setdefault(key, set()).add(int(event["ce_sequence"]))
    for key, numbers in last.items():
        assert numbers == set(range(1, len(numbers) + 1)), key
