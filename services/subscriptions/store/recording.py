"""Milestones as they come from the log: kept, and numbered for their followers."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import orjson
from sqlalchemy import Connection, Engine, bindparam, select, update

from services.runtime import fault_points
from services.runtime.database import advance, read_position, reading
from services.runtime.projection import Batch
from services.runtime.sql import Lookup, Write, insert_rows
from services.subscriptions.matching import Assigned, Follower, Noted, assign
from services.subscriptions.store.numbering import lock_numbers
from services.subscriptions.tables import (
    counter,
    deliveries,
    milestone_insurers,
    milestones,
    positions,
    subscriptions,
)

_SEEN: Final = Lookup(select(milestones.c.event_id), milestones.c.event_id)
_MOVE_LAST: Final = Write(
    update(subscriptions)
    .where(subscriptions.c.id == bindparam("subscription"))
    .values(last_number=bindparam("last"))
)


class Recorder:
    """Writes the log's milestones; every method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        """Work on an engine whose database is migrated."""
        self._engine = engine
        self._reading = reading(engine)

    def position(self, topic: str, partition: int) -> int | None:
        """Return the next offset to read; None before the first batch."""
        with self._reading.connect() as connection:
            return read_position(connection, positions, topic, partition)

    def record(self, batches: Sequence[Batch], noted: Sequence[Noted], at_ms: int) -> int:
        """Keep the milestones of batches, number them for their followers, move the positions.

        A milestone seen before, or of no insurer, is passed over. Returns how many deliveries
        were added.

        Raises:
            StaleWriterError: a position is not where its batch begins.
        """
        with self._engine.begin() as connection:
            advance(connection, positions, batches)
            owned = {each.event_id: each for each in noted if each.insurers}
            if not owned:
                return 0
            last = lock_numbers(connection)
            for (event_id,) in _SEEN.rows(connection, owned):
                del owned[event_id]
            if not owned:
                return 0
            new = list(owned.values())
            numbers = {each.event_id: last + n for n, each in enumerate(new, start=1)}
            _keep(connection, new, numbers)
            concerned = {insurer for each in new for insurer in each.insurers}
            assigned = assign(_followers(connection, concerned), new)
            _add_deliveries(connection, assigned, numbers, at_ms)
            fault_points.reach("projection.before_commit")
            return len(assigned)


def _keep(connection: Connection, new: Sequence[Noted], numbers: Mapping[str, int]) -> None:
    connection.execute(update(counter).values(last_number=max(numbers.values())))
    insert_rows(
        connection,
        milestones,
        [(numbers[each.event_id], each.event_id, each.kind, each.document) for each in new],
    )
    insert_rows(
        connection,
        milestone_insurers,
        [(insurer, numbers[each.event_id]) for each in new for insurer in each.insurers],
    )


def _followers(connection: Connection, insurers: Collection[str]) -> list[Follower]:
    query = select(subscriptions).where(subscriptions.c.insurer.in_(insurers))
    return [
        Follower(
            row.id,
            row.insurer,
            None if row.kinds is None else frozenset(orjson.loads(row.kinds)),
            row.last_number,
        )
        for row in connection.execute(query.order_by(subscriptions.c.id))
    ]


def _add_deliveries(
    connection: Connection, assigned: Sequence[Assigned], numbers: Mapping[str, int], at_ms: int
) -> None:
    due_ms = kept_ms = at_ms
    insert_rows(
        connection,
        deliveries,
        [
            (
                each.subscription_id,
                each.number,
                numbers[each.event_id],
                "kept",
                0,
                due_ms,
                kept_ms,
                None,
            )
            for each in assigned
        ],
    )
    last = {each.subscription_id: each.number for each in assigned}
    _MOVE_LAST.run(connection, *((number, name) for name, number in last.items()))
