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
    load = report.machine.load()
    count, households, rounds = (12_000, 1_000, 1) if quick else (150_000, 10_000, 3)
    records = list(asked_and_decided(count, households))
    decisions = len(records) // 2
    taken: dict[str, list[float]] = {"PostgreSQL": [], "SQLite": []}
    with broker() as log:
        log.create(PAYMENT_EVENTS, DEAD_LETTERS)
        log.fill(PAYMENT_EVENTS, records)
        for _ in range(rounds):
            for name, seconds in taken.items():
                with _database(name) as url:
                    if url is not None:
                        seconds.append(_booked(log, url or None, len(records)))
    rows, figures = [], {}
    for name, seconds in taken.items():
        rate = decisions / report.median(seconds) if seconds else 0.0
        reached = report.goal(rate >= GOAL_S) if seconds else "no server here"
        rows.append((name, decisions, rate, rate * 2, reached))
        figures[name] = {
            "decisions": decisions,
            "decisions_s": round(rate),
            "rounds_s": [round(decisions / each) for each in seconds],
            "goal_s": GOAL_S,
        }
    head = ("database", "decisions", "decisions/s", "entries/s", f">= {GOAL_S:,}")
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


def _booked(log: Log, url: str | None, records: int) -> float:
    """Return the seconds from the first commit to the last, per all records."""
    log.forget_group("careloop-ledger")
    environment = {} if url is None else {"CARELOOP_DATABASE_URL": url}
    with Child("services.ledger", log.servers, **environment) as child:
        settings = Settings(data_dir=child.folder, database_url=url)
        engine = create_engine(settings.database_url_for("ledger"))
        seen = _watch(engine, child, records)
        engine.dispose()
    (begun, first), (ended, last) = seen[0], seen[-1]
    return (ended - begun) * records / (last - first)


def _watch(engine: Any, child: Child, records: int) -> list[tuple[float, int]]:
    """Return when the position moved, and to how many records; the first batch sets the clock."""
    seen: list[tuple[float, int]] = []
    deadline = time.monotonic() + WAIT_S
    query = text("SELECT coalesce(sum(next_offset), 0) FROM log_position")
    while not seen or seen[-1][1] < records:
        child.check()
        if time.monotonic() > deadline:
            raise TimeoutError(f"booked {seen[-1:]} of {records}")
        time.sleep(0.02)
        try:
            with engine.connect() as connection:
                done = int(connection.scalar(query) or 0)
        except Exception:  # noqa: BLE001, S112  # its tables are not there yet
            continue
        if done and (not seen or done > seen[-1][1]):
            seen.append((time.monotonic(), done))
    return seen
