"""Wiring: the ledger as a projection of `payment-events` into its own database."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import Engine

from services.contract.event import Event, EventData
from services.contract.topics import PAYMENT_EVENTS
from services.ledger.bills import BOOKED
from services.ledger.booking import Books, books_of, is_repeat, refusal
from services.ledger.postings import Entry, UnbalancedError, entry_for
from services.ledger.store import Refused, booked_entries, insert_entries, insert_refused
from services.ledger.tables import POSITIONS
from services.runtime import fault_points, telemetry
from services.runtime.database import advance, open_database, read_position, reading
from services.runtime.projection import Batch, Logged
from services.runtime.settings import Settings

log = structlog.get_logger(__name__)

MIGRATIONS: Final = Path(__file__).parent / "migrations"


class Ledger:
    """Books payment events, each once, in one transaction per batch."""

    name: str = "ledger"
    topics: tuple[str, ...] = (PAYMENT_EVENTS,)
    consumes: tuple[type[EventData], ...] | None = BOOKED

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def position(self, topic: str, partition: int) -> int | None:
        """Return the next offset to read; None before the first batch."""
        with reading(self._engine).connect() as connection:
            return read_position(connection, POSITIONS, topic, partition)

    def apply(self, *batches: Batch) -> None:
        """Book batches: entries, refusals and the positions, or nothing of them.

        Raises:
            StaleWriterError: a position is not where its batch begins.
        """
        entries, refused = _entries(batches)
        with self._engine.begin() as connection:
            advance(connection, POSITIONS, batches)
            books = books_of(booked_entries(connection, [entry for _, _, entry in entries]))
            new: list[Entry] = []
            for batch, logged, entry in entries:
                reason = _book(books, entry, new)
                if reason is not None:
                    refused.append(_refused(batch, logged, reason))
            insert_entries(connection, new)
            insert_refused(connection, refused)
            fault_points.reach("projection.before_commit")
        for each in refused:
            log.error("not booked", reason=each.reason, event_id=each.event_id)
            telemetry.dead_letters.labels(self.name, each.reason.partition(":")[0]).inc()


def make_ledger(settings: Settings) -> Ledger:
    """Return the ledger on its own database, migrated."""
    return Ledger(open_database(settings, Ledger.name, MIGRATIONS))


def _entries(
    batches: Sequence[Batch],
) -> tuple[list[tuple[Batch, Logged, Entry]], list[Refused]]:
    entries, refused = [], []
    for batch in batches:
        for logged in batch.events:
            event: Event[Any] = logged.event  # one of `consumes`, by the runtime
            try:
                entries.append((batch, logged, entry_for(event, logged.body)))
            except UnbalancedError as error:
                refused.append(_refused(batch, logged, f"entry_does_not_balance: {error}"))
    return entries, refused


def _book(books: Books, entry: Entry, new: list[Entry]) -> str | None:
    """Add the entry to the new ones unless it is a repeat; return why it cannot be booked."""
    if is_repeat(books, entry):
        return None
    reason = refusal(books, entry)
    if reason is None:
        books.add(entry)
        new.append(entry)
    return reason


def _refused(batch: Batch, logged: Logged, reason: str) -> Refused:
    return Refused(
        topic=batch.topic,
        partition=batch.partition,
        offset=logged.offset,
        event_id=logged.event.id,
        event_type=logged.event.type,
        reason=reason,
    )
