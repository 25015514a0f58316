"""The members' timelines: every event on every topic, as a table that answers at once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import bindparam, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from services.contract.catalog import catalog
from services.contract.codec import instant_text
from services.contract.event import Event, EventData
from services.contract.payment import ClaimDecided, DirectPayDecided, PaymentDecided
from services.contract.topics import EVENT_TOPICS
from services.gateway.store import Store, add_to_counter, are_members
from services.gateway.summary import summary
from services.gateway.tables import POSITIONS, TIMELINE
from services.runtime import fault_points
from services.runtime.database import advance, read_position
from services.runtime.projection import Batch, Logged
from services.runtime.sql import Write

PAGE_MAX: Final = 500
_COLUMNS: Final = [name for name in TIMELINE.c.keys() if name != "position"]  # noqa: SIM118
_ADD: Final = {
    name: Write(
        dialect.insert(TIMELINE)
        .values({column: bindparam(column) for column in _COLUMNS})
        .inline()
        .on_conflict_do_nothing(index_elements=[TIMELINE.c.event_id])
    )
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
"""By kind of database: adds an event, unless it is there."""
_CURSOR: Final = re.compile(r"(\d{1,18})-(\d{1,18})", re.ASCII)


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

    def __init__(self, store: Store) -> None:
        """Keep the table in the gateway's own database."""
        self._store = store

    def position(self, topic: str, partition: int) -> int | None:
        """Return the next offset to read; None before the first batch."""
        with self._store.read() as connection:
            return read_position(connection, POSITIONS, topic, partition)

    def apply(self, *batches: Batch) -> None:
        """Store batches and the positions after them, in one transaction.

        Raises StaleWriterError: another process has read on from there.
        """
        rows = {logged.event.id: _row(logged) for batch in batches for logged in batch.events}
        with self._store.write() as connection:
            advance(connection, POSITIONS, batches)
            fresh = _ADD[connection.dialect.name].run(connection, *rows.values())
            add_to_counter(connection, "timeline_events", fresh)
            fault_points.reach("projection.before_commit")

    def page(self, member_id: str, cursor: str | None, limit: int) -> Page | None:
        """Return a page of a member's events; None for a member nobody knows.

        Order: when Kafka stored them, then as they were read; within a topic that is log order.

        Raises BadCursorError: the cursor is not one of ours.
        """
        query = (
            select(TIMELINE)
            .where(TIMELINE.c.member_id == member_id)
            .order_by(TIMELINE.c.stored_ms, TIMELINE.c.position)
            .limit(min(limit, PAGE_MAX) + 1)
        )
        if cursor is not None:
            after = _cursor(cursor)
            query = query.where(tuple_(TIMELINE.c.stored_ms, TIMELINE.c.position) > after)
        with self._store.read() as connection:
            rows = connection.execute(query).all()
            if not rows and not are_members(connection, [member_id]):
                return None
        shown = rows[: min(limit, PAGE_MAX)]
        last = f"{shown[-1].stored_ms}-{shown[-1].position}" if len(rows) > len(shown) else None
        return Page(tuple(_shown(row) for row in shown), last)

    def decisions(self, member_id: str, visit_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the latest decision of each of a member's visits, by visit id."""
        query = (
            select(TIMELINE)
            .where(
                TIMELINE.c.member_id == member_id,
                TIMELINE.c.correlation_id.in_(visit_ids),
                TIMELINE.c.type.in_([DirectPayDecided.TYPE, ClaimDecided.TYPE]),
            )
            .order_by(TIMELINE.c.stored_ms, TIMELINE.c.position)
        )
        with self._store.read() as connection:
            return {row.correlation_id: _shown(row) for row in connection.execute(query)}


def shown_event(event: Event[EventData]) -> dict[str, Any]:
    """Return an event as the timeline shows it: times as text, a decision with parts and trace."""
    decision = (
        event.data.model_dump(mode="json") if isinstance(event.data, PaymentDecided) else None
    )
    shown = {
        "id": event.id,
        "type": event.type,
        "stage": catalog()[event.type].producer,
        "time": instant_text(event.time),
        "recorded_time": instant_text(event.recorded_time),
        "cause": event.causation_id,
        "episode": decision["episode"] if decision else event.correlation_id,
        "summary": summary(event.data),
    }
    return shown | ({"decision": decision} if decision else {})


def _row(logged: Logged) -> tuple[Any, ...]:
    """Return what is stored of an event, in the order of the table's columns."""
    event = logged.event
    data = event.data
    episode, decision = event.correlation_id, None
    if isinstance(data, PaymentDecided):
        episode, decision = data.episode, data.model_dump_json()
    return (
        event.id,
        event.subject,
        logged.timestamp_ms,
        data.TYPE,
        catalog()[data.TYPE].producer,
        instant_text(event.time),
        instant_text(event.recorded_time),
        event.causation_id,
        episode,
        summary(data),
        decision,
    )


def _shown(row: Any) -> dict[str, Any]:
    shown = {
        "id": row.event_id,
        "type": row.type,
        "stage": row.stage,
        "time": row.time,
        "recorded_time": row.recorded_time,
        "cause": row.causation_id,
        "episode": row.correlation_id,
        "summary": row.summary,
    }
    return shown | ({"decision": orjson.loads(row.decision)} if row.decision else {})


def _cursor(text: str) -> tuple[int, int]:
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise BadCursorError(text[:40])
    return int(match[1]), int(match[2])
