"""The members' timelines: every event on every topic, as a table that answers at once."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from sqlalchemy import Connection, Row, bindparam, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from services.contract.event import EventData
from services.contract.payment import (
    ClaimDecided,
    DirectPayDecided,
    PaymentRequested,
    PaymentReversed,
    ReversalRequested,
)
from services.contract.topics import DEAD_LETTERS, EVENT_TOPICS
from services.contract.waiting import WaitExpired
from services.runtime import fault_points, telemetry
from services.runtime.database import advance, read_position
from services.runtime.projection import Batch
from services.runtime.sql import Write
from services.timeline import refusals
from services.timeline.item import Item, item_of
from services.timeline.refusals import Refusal
from services.timeline.tables import POSITIONS, TIMELINE

PAGE_MAX: Final = 500
_ADD: Final = {
    name: Write(
        dialect.insert(TIMELINE)
        .values({column: bindparam(column) for column in Item._fields})
        .inline()
        .on_conflict_do_nothing(index_elements=[TIMELINE.c.event_id])
    )
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
"""By kind of database: adds an event, unless it is there."""
_ITEMS: Final = select(TIMELINE).order_by(TIMELINE.c.stored_ms, TIMELINE.c.position)
"""In order: when Kafka stored them, then as they were read; within a topic that is log order."""
_CURSOR: Final = re.compile(r"(\d{1,18})-(\d{1,18})", re.ASCII)


Told = Callable[[Connection, int, Sequence[Refusal]], None]
"""Hears, in the transaction, how many events are new, and which refusals."""


class Database(Protocol):
    """Where a timeline is kept."""

    def read(self) -> AbstractContextManager[Connection]:
        """Yield a connection that only reads."""
        ...

    def write(self) -> AbstractContextManager[Connection]:
        """Yield a connection in a transaction."""
        ...


class Bill(NamedTuple):
    """The bill of a visit as its events tell.

    request: the last; None before any, or undone. decision: the one in force. causes: ids of the
    requests that were decided so far.
    """

    request: str | None = None
    decision: Item | None = None
    causes: frozenset[str] = frozenset()

    def after(self, item: Item) -> "Bill":
        """Return it after one more event: a decision on an earlier request is in force no more."""
        if item.type == PaymentRequested.TYPE:
            return self._replace(request=item.event_id, decision=None)
        if item.type == ReversalRequested.TYPE:
            return self._replace(request=_UNDONE, decision=None)
        if item.type == PaymentReversed.TYPE:
            pending = self.decision is None and self.request is not None
            return self if pending else self._replace(request=_UNDONE, decision=None)
        causes = self.causes | {item.causation_id or ""}
        if self.request in {None, item.causation_id}:
            return Bill(item.causation_id, item, causes)
        return self._replace(causes=causes)


NO_BILL: Final = Bill()
_UNDONE: Final = "undone"
_OF_BILLS: Final = [
    data.TYPE
    for data in (
        PaymentRequested,
        ReversalRequested,
        DirectPayDecided,
        ClaimDecided,
        PaymentReversed,
    )
]


@dataclass(frozen=True, slots=True)
class Page:
    """Some events of a member, in log order; cursor: where the next page begins, if any."""

    events: tuple[dict[str, Any], ...]
    cursor: str | None


class BadCursorError(ValueError):
    """A cursor that no page has given."""


class Timeline:
    """A projection of the three event topics and the dead letters, deduplicated by id."""

    name = "timeline"
    topics: tuple[str, ...] = (*EVENT_TOPICS, DEAD_LETTERS)
    consumes: tuple[type[EventData], ...] | None = None

    def __init__(self, database: Database, told: Told) -> None:
        """Keep the tables in `database`; `told` hears what is new, in its transaction."""
        self._database = database
        self._told = told

    def position(self, topic: str, partition: int) -> int | None:
        """Return the next offset to read; None before the first batch."""
        with self._database.read() as connection:
            return read_position(connection, POSITIONS, topic, partition)

    def apply(self, *batches: Batch) -> None:
        """Store batches and the positions after them, in one transaction.

        Raises StaleWriterError: another process has read on from there.
        """
        items = {
            logged.event.id: item_of(logged.event, logged.timestamp_ms)
            for batch in batches
            for logged in batch.events
        }
        with self._database.write() as connection:
            advance(connection, POSITIONS, batches)
            fresh = _ADD[connection.dialect.name].run(connection, *items.values())
            refused = refusals.keep(connection, _refusals(connection, batches))
            self._told(connection, fresh, refused)
            fault_points.reach("projection.before_commit")
        for each in refused:
            telemetry.refused_behind_the_door.labels(each.refused_by).inc()

    def page(self, member_id: str, cursor: str | None, limit: int) -> Page:
        """Return a page of a member's events.

        Raises BadCursorError: the cursor is not one of ours.
        """
        most = min(limit, PAGE_MAX)
        query = _ITEMS.where(TIMELINE.c.member_id == member_id).limit(most + 1)
        if cursor is not None:
            after = _cursor(cursor)
            query = query.where(tuple_(TIMELINE.c.stored_ms, TIMELINE.c.position) > after)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
            shown = rows[:most]
            refused = refusals.by_events(connection, [row.event_id for row in shown])
        last = f"{shown[-1].stored_ms}-{shown[-1].position}" if len(rows) > len(shown) else None
        return Page(tuple(_marked(_item(row).shown(), refused) for row in shown), last)

    def refusals(
        self, source: str | None, after: tuple[str, str] | None, limit: int
    ) -> list[dict[str, Any]]:
        """Return up to `limit` refusals, of one sender or of all, after a time and an id."""
        with self._database.read() as connection:
            return refusals.page(connection, source, after, limit)

    def refusals_of(self, event_ids: Collection[str]) -> dict[str, list[dict[str, Any]]]:
        """Return what was refused of some events, by event."""
        with self._database.read() as connection:
            return refusals.by_events(connection, event_ids)

    def bills(self, member_id: str, visit_ids: Sequence[str]) -> dict[str, Bill]:
        """Return the bill of each of a member's visits that has one, by visit id."""
        query = _ITEMS.where(
            TIMELINE.c.member_id == member_id,
            TIMELINE.c.correlation_id.in_(visit_ids),
            TIMELINE.c.type.in_(_OF_BILLS),
        )
        with self._database.read() as connection:
            rows = [_item(row) for row in connection.execute(query)]
        bills: dict[str, Bill] = {}
        for item in rows:
            visit_id = item.correlation_id or ""
            bills[visit_id] = bills.get(visit_id, NO_BILL).after(item)
        return bills


def _refusals(connection: Connection, batches: Iterable[Batch]) -> list[Refusal]:
    """Return what the batches tell of refusals; the events in them stand in the table by now."""
    found = []
    for batch in batches:
        found += [refusals.of_letter(connection, each) for each in batch.letters]
        for logged in batch.events:
            if isinstance(logged.event.data, WaitExpired):
                found.append(refusals.of_expiry(connection, logged.event, logged.timestamp_ms))
    return found


def _marked(shown: dict[str, Any], refused: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return an event as shown, with what was refused of it: that it stands here is not enough."""
    found = refused.get(shown["id"])
    if not found:
        return shown
    told = [f"{each['refused_by']}: {each['reason']}" for each in found]
    says = f"Refused by {'; '.join(told)}"
    return shown | {"summary": f"{shown['summary']} {says}", "refused": found}


def _item(row: Row[tuple[Any, ...]]) -> Item:
    return Item._make(row[1:])  # the first is its place


def _cursor(text: str) -> tuple[int, int]:
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise BadCursorError(text[:40])
    return int(match[1]), int(match[2])
