"""`careloop run`: everything on this machine, watched while it works, stopped cleanly."""

import asyncio
import contextlib
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Final, TypeVar

import httpx
import stamina
import typer
from kafka.errors import KafkaError
from rich.console import Console

from services.cli.live_view import Health, LiveView, Process, Snapshot
from services.cli.summary import show_summary, summarise, write_summary
from services.cli.system import City, Options, StartError, System
from services.cli.watch import Watch
from services.contract.topics import DEAD_LETTERS
from services.local.broker import BrokerError
from services.local.disk import folder_bytes
from services.runtime.clock import last_tick
from services.runtime.drain import Progress, wait_until_processed
from services.runtime.telemetry import configure_logging

DRAIN_TIMEOUT_S: Final = 180.0
REFRESH_S: Final = 0.25
LAG_EVERY_S: Final = 2.0
HISTORY_KEPT: Final = 32
WEIGHED_EVERY_S: Final = 5.0
DAY_S: Final = 86_400.0

THROWAWAY_BYTES_MAX: Final = 2 * 10**9
"""A run that was forgotten fills no disk: this is about 25 minutes of the usual city."""

LIMIT_TEXT: Final = f"{THROWAWAY_BYTES_MAX / 10**9:.0f} GB"
HEALTH: Final[dict[str, Health]] = {
    "up": "running",
    "restarting": "restarting",
    "ended": "stopped",
}

Answer = TypeVar("Answer")

GatewayPort = Annotated[
    int | None,
    typer.Option(
        min=0, max=65_535, help="Port of the gateway; 8080, or a free one if that is taken."
    ),
]
InsurersPort = Annotated[
    int | None,
    typer.Option(
        min=0, max=65_535, help="Port of the insurers' door; 8081, or a free one if that is taken."
    ),
]


def run(  # noqa: PLR0913  # one parameter per option
    *,
    bootstrap_servers: Annotated[
        str | None, typer.Option(help="Kafka to use instead of the embedded one.")
    ] = None,
    database_url: Annotated[
        str | None, typer.Option(help="PostgreSQL to use instead of SQLite files.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Keep everything here, and carry on from it next time.")
    ] = None,
    http_port: GatewayPort = None,
    subscriptions_port: InsurersPort = None,
    city: Annotated[
        str, typer.Option(metavar="members=N,rate=R,seed=S", help="The synthetic city.")
    ] = "",
    no_city: Annotated[
        bool, typer.Option("--no-city", help="No synthetic city: only what you publish.")
    ] = False,
    for_seconds: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", help="Publish so long, then stop.")
    ] = None,
    summary: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the summary here as JSON.")
    ] = None,
) -> None:
    """Run the whole system: broker, services and a synthetic city, with a live view."""
    console = Console()
    try:
        chosen = None if no_city else City.parse(city)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--city") from error
    options = Options(
        bootstrap_servers, database_url, data_dir, http_port, subscriptions_port, chosen
    )
    try:
        session = RunSession(System(options), console)
    except StartError as error:
        console.print(str(error), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from error
    try:
        found = session.run(for_seconds)
    except (StartError, BrokerError, KafkaError, httpx.HTTPError) as error:
        console.print(str(error), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from error
    finally:
        session.close()
    show_summary(found, console)
    if summary is not None:
        write_summary(found, summary)
        console.print(f"The summary is in {summary}.")


@dataclass(slots=True)
class _Rate:
    """Counts per second over the last few seconds."""

    counts: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=12))

    def of(self, count: int, now: float) -> float:
        self.counts.append((now, count))
        (begun, first), (ended, last) = self.counts[0], self.counts[-1]
        return (last - first) / (ended - begun) if ended > begun else 0.0


class RunSession:
    """One run from start to summary."""

    def __init__(self, system: System, console: Console) -> None:
        self._system = system
        self._console = console
        self._asked_to_stop = threading.Event()
        self._impatient = threading.Event()
        self._watch: Watch | None = None
        self._begun = time.monotonic()
        self._facts, self._decisions = _Rate(), _Rate()
        self._history: deque[float] = deque(maxlen=HISTORY_KEPT)
        self._lags: dict[str, int] = {}
        self._weighed, self._size = 0.0, 0

    def run(self, for_seconds: float | None) -> dict[str, Any]:
        """Start, watch until asked to stop or the time is over, drain, stop; return the summary.

        Kafka or the gateway may be away for a while, as when they start again: they are waited for.

        Raises:
            StartError, BrokerError: something could not be started.
            KafkaError, httpx.HTTPError: it did not come back.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        self._start()
        with LiveView(self._console) as view:
            self._show_until(view, for_seconds)
            self._stop_sources(view)
            drained = self._wait_for(self._processed, view, "draining; Ctrl-C again stops at once")
            doors = self._wait_for(lambda _: self._progress(), view, "counting") or self._progress()
        self._system.supervisor.stop()
        assert self._watch is not None
        self._watch.stop()
        if self._size >= THROWAWAY_BYTES_MAX:
            self._console.print(
                f"[yellow]Stopped at {LIMIT_TEXT}, the most that a temporary folder may take;"
                " with --data-dir a run goes on."
            )
        if not drained:
            self._console.print("[yellow]Stopped before everything was processed.")
        settings = self._system.settings
        return summarise(settings, self._watch.tally, doors, self._dead_lettered())

    def close(self) -> None:
        """Stop whatever still runs."""
        self._system.supervisor.stop(grace_s=5.0)
        self._system.stop_log()

    def _start(self) -> None:
        system = self._system
        configure_logging("careloop", system.settings, "error")
        self._console.print(f"Data: {self._where()}", highlight=False)
        with self._console.status("Starting Kafka …"):
            system.start_log()
        with self._console.status("Starting the services …"):
            system.start_services()
            clock_reads = asyncio.run(last_tick(system.settings))
            self._watch = Watch(system.settings)
            self._watch.start()
            system.wait_ready()
            system.start_time(clock_reads)
        for name, address in self._doors():
            self._console.print(f"{name}: {address}", highlight=False, soft_wrap=True)

    def _where(self) -> str:
        if not self._system.throwaway:
            return str(self._system.data_dir)
        return f"a temporary folder, removed at the end; the run stops when it has {LIMIT_TEXT}"

    def _doors(self) -> tuple[tuple[str, str], ...]:
        system = self._system
        return (
            ("Hospitals publish", f"{system.gateway_url}/fhir and {system.gateway_url}/events"),
            ("Insurers subscribe", f"{system.subscriptions_url}/subscriptions"),
            ("Timelines", f"{system.gateway_url}/members/<id>/timeline"),
            ("Kafka", system.settings.bootstrap_servers),
            ("In another shell", f". {system.addresses}"),
        )

    def _show_until(self, view: LiveView, for_seconds: float | None) -> None:
        deadline = None if for_seconds is None else time.monotonic() + for_seconds
        with Progress(self._system.settings, patience_s=REFRESH_S) as progress:
            looked = 0.0
            while not self._asked_to_stop.wait(REFRESH_S):
                now = time.monotonic()
                if deadline is not None and now >= deadline:
                    return
                self._system.supervisor.check()
                if now - looked > LAG_EVERY_S:
                    with contextlib.suppress(KafkaError):  # it is away: what was known stays
                        self._lags = progress.lag(progress.ends())
                    looked = now
                if self._is_full(now):
                    return
                view.update(self._snapshot(self._note()))

    def _is_full(self, now: float) -> bool:
        """Whether a throwaway has come to its limit; a folder that was named may grow."""
        if self._system.throwaway and now - self._weighed > WEIGHED_EVERY_S:
            self._weighed, self._size = now, folder_bytes(self._system.data_dir)
        return self._size >= THROWAWAY_BYTES_MAX

    def _note(self) -> str:
        if not self._system.throwaway:
            return "Ctrl-C stops cleanly"
        return f"{self._size / 1e9:.1f} of {LIMIT_TEXT} used · Ctrl-C stops cleanly"

    def _stop_sources(self, view: LiveView) -> None:
        view.update(self._snapshot("stopping the city"))
        self._system.supervisor.stop("city")
        self._system.supervisor.stop("clock")

    def _wait_for(self, ask: Callable[[float], Answer], view: LiveView, note: str) -> Answer | None:
        """Ask in a thread, while processes are looked after, until Kafka and the gateway answer.

        ask: is given the deadline. None: it has passed, or a second Ctrl-C gave the answer up.
        """
        answers: list[Answer] = []
        deadline = time.monotonic() + DRAIN_TIMEOUT_S

        def keep_asking() -> None:
            away = (KafkaError, httpx.HTTPError)
            again = stamina.retry_context(
                on=away, attempts=None, timeout=DRAIN_TIMEOUT_S, wait_max=REFRESH_S
            )
            with contextlib.suppress(*away):  # until the time is over
                for attempt in again:
                    with attempt:
                        answers.append(ask(deadline))

        asking = threading.Thread(target=keep_asking, daemon=True)
        asking.start()
        while asking.is_alive() and not self._impatient.is_set():
            self._system.supervisor.check()
            view.update(self._snapshot(note))
            asking.join(REFRESH_S)
        return answers[0] if answers else None

    def _processed(self, deadline: float) -> bool:
        """Tell whether everything that was accepted has been processed before the deadline."""
        while self._progress()["outbox"] > 0:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        remaining = deadline - time.monotonic()
        settings = self._system.settings
        if not wait_until_processed(settings, self._timeline_events, remaining):
            return False
        with Progress(settings) as progress:
            ends = [(at.topic, at.partition, end) for at, end in progress.ends().items()]
        assert self._watch is not None
        while not self._watch.has_read(ends):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def _timeline_events(self) -> int:
        return self._progress()["timeline_events"]

    def _progress(self) -> dict[str, int]:
        answer = httpx.get(f"{self._system.gateway_url}/progress", timeout=30)
        counts: dict[str, int] = answer.raise_for_status().json()
        return counts

    def _dead_lettered(self) -> int:
        with Progress(self._system.settings) as progress:
            return sum(progress.ends((DEAD_LETTERS,)).values())

    def _snapshot(self, note: str) -> Snapshot:
        assert self._watch is not None
        tally, now = self._watch.tally, time.monotonic()
        facts = self._facts.of(tally.facts, now)
        self._history.append(facts)
        services = self._system.supervisor.services.values()
        return Snapshot(
            tally=tally,
            running_s=now - self._begun,
            facts_per_s=facts,
            decisions_per_s=self._decisions.of(sum(tally.decisions.values()), now),
            history=tuple(self._history),
            processes=tuple(
                Process(one.name, HEALTH[one.state], one.restarts, self._lags.get(_group(one.name)))
                for one in services
            ),
            happenings=tuple(self._watch.happenings),
            doors=self._doors(),
            behind_days=self._system.behind_s / DAY_S,
            note=note,
        )

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked_to_stop.is_set():
            self._impatient.set()
        self._asked_to_stop.set()


def _group(service: str) -> str:
    return f"careloop-{'timeline' if service == 'gateway' else service}"
