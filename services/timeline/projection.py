"""The members' timelines: every event on every topic, as a table that answers at once."""

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Row, bindparam, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from services.contract.event import EventData
from services.contract.payment import ClaimDecided, DirectPayDecided
from services.contract.topics import EVENT_TOPICS
from services.runtime import fault_points
from services.runtime.database import advance, read_position
from services.runtime.projection import Batch
from services.runtime.sql import Write
from services.timeline.item import Item, item_of
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


class Database(Protocol):
    """Where a timeline is kept."""

    def read(self) -> AbstractContextManager[Connection]:
        """Yield a connection that only reads."""
        ...

    def write(self) -> AbstractContextManager[Connection]:
        """Yield a connection in a transaction."""
        ...


@dataclass(frozen=True, slots=True)
class Page:
    """Some events of a member, in log order; cursor: where the next page begins, if any."""

    events: tuple[dict[str, Any], ...]
    cursor: str | None


class BadCursorError(ValueError):
    """A cursor that no page has given."""


class Timeline:
    """A projection of the three event topics, deduplicated by event id."""

    name = "timeline"
    topics: tuple[str, ...] = EVENT_TOPICS
    consumes: tuple[type[EventData], ...] | None = None

    def __init__(self, database: Database, count: Callable[[Connection, int], None]) -> None:
        """Keep the table in `database`; `count` is told of new events, in their transaction."""
        self._database = database
        self._count = count

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
            self._count(connection, fresh)
            fault_points.reach("projection.before_commit")

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
        last = f"{shown[-1].stored_ms}-{shown[-1].position}" if len(rows) > len(shown) else None
        return Page(tuple(_item(row).shown() for row in shown), last)

    def decisions(self, member_id: str, visit_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the latest decision of each of a member's visits, by visit id."""
        query = _ITEMS.where(
            TIMELINE.c.member_id == member_id,
            TIMELINE.c.correlation_id.in_(visit_ids),
            TIMELINE.c.type.in_([DirectPayDecided.TYPE, ClaimDecided.TYPE]),
        )
        with self._database.read() as connection:
            return {row.correlation_id: _item(row).shown() for row in connection.execute(query)}


def _item(row: Row[tuple[Any, ...]]) -> Item:
    return Item._make(row[1:])  # the first is its place


def _cursor(text: str) -> tuple[int, int]:
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise BadCursorError(text[:40])
    return int(match[1]), int(match[2])
