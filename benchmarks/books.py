"""The ledger: decisions booked a second, by its own process, from Kafka into its database."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import create_engine, text

from benchmarks import report, workload
from benchmarks.kafka import PARTITIONS, Log, broker
from benchmarks.postgres import NoPostgresError, postgres
from benchmarks.processes import Child
from benchmarks.whatif import requests
from services.contract.codec import Record
from services.contract.topics import DEAD_LETTERS, PAYMENT_EVENTS
from services.runtime.settings import Settings
from services.settlement.app import STAGE as SETTLEMENT

GOAL_S = 5_000
WAIT_S = 120.0


def main(*, quick: bool) -> None:
    """Book requests and their decisions, in turns, on both databases."""
    load = report.begin()
    count, households, rounds = (12_000, 1_000, 1) if quick else (150_000, 10_000, 3)
    records = list(asked_and_decided(count, households))
    decisions = len(records) // 2
    taken: dict[str, list[tuple[float, float]]] = {"PostgreSQL": [], "SQLite": []}
    with broker() as log:
        log.create(PAYMENT_EVENTS, DEAD_LETTERS)
        log.fill(PAYMENT_EVENTS, records)
        for _ in range(rounds):
            for name, runs in taken.items():
                with _database(name) as url:
                    if url is not None:
                        runs.append(_booked(log, url or None, len(records)))
    rows, figures = [], {}
    for name, runs in taken.items():
        rate, by_cpu = (
            decisions / max(0.001, report.median([run[part] for run in runs])) if runs else 0.0
            for part in (0, 1)
        )
        reached = report.goal(rate >= GOAL_S) if runs else "no server here"
        rows.append((name, decisions, rate, by_cpu, reached))
        figures[name] = {
            "decisions": decisions,
            "decisions_s": round(rate),
            "decisions_per_cpu_s": round(by_cpu),
            "rounds_s": [round(decisions / seconds) for seconds, _ in runs],
            "goal_s": GOAL_S,
        }
    head = ("database", "decisions", "decisions/s", "per cpu s", f">= {GOAL_S:,}")
    report.table("The ledger: each request and each decision is an entry", head, rows)
    report.save("books", {"databases": figures}, quick=quick, load_before=load)


def asked_and_decided(count: int, households: int) -> Iterator[Record]:
    """Yield each request of a treatment log, and the decision on it."""
    asked = list(requests(count, households))
    decided = workload.outputs_of(SETTLEMENT, workload.by_partition(asked, PARTITIONS))
    answers = {dict(record.headers)["ce_causationid"]: record for _, record in decided}
    for record in asked:
        yield record
        yield answers[dict(record.headers)["ce_id"]]


@contextmanager
def _database(name: str) -> Iterator[str | None]:
    """Yield the URL of an empty PostgreSQL, "" for SQLite, None where no server can be had."""
    if name == "SQLite":
        yield ""
        return
    try:
        with postgres() as url:
            yield url
    except NoPostgresError:
        yield None


def _booked(log: Log, url: str | None, records: int) -> tuple[float, float]:
    """Return wall and processor seconds from the first commit to the last, per all records."""
    log.forget_group("careloop-ledger")
    environment = {} if url is None else {"CARELOOP_DATABASE_URL": url}
    with Child("services.ledger", log.servers, **environment) as child:
        settings = Settings(data_dir=child.folder, database_url=url)
        engine = create_engine(settings.database_url_for("ledger"))
        seen = _watch(engine, child, records)
        engine.dispose()
    (begun, cpu, first), (ended, cpu_end, last) = seen[0], seen[-1]
    share = (last - first) / records
    return (ended - begun) / share, (cpu_end - cpu) / share


def _watch(engine: Any, child: Child, records: int) -> list[tuple[float, float, int]]:
    """Return when the position moved, and to how many records; the first batch sets the clock."""
    seen: list[tuple[float, float, int]] = []
    deadline = time.monotonic() + WAIT_S
    query = text("SELECT coalesce(sum(next_offset), 0) FROM log_position")
    while not seen or seen[-1][2] < records:
        child.check()
        if time.monotonic() > deadline:
            raise TimeoutError(f"booked {seen[-1:]} of {records}")
        time.sleep(0.02)
        try:
            with engine.connect() as connection:
                done = int(connection.scalar(query) or 0)
        except Exception:  # noqa: BLE001, S112  # its tables are not there yet
            continue
        if done and (not seen or done > seen[-1][2]):
            seen.append((time.monotonic(), child.cpu_s(), done))
    return seen
