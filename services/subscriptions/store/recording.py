"""Milestones as they come from the log: kept, and numbered for their followers."""

from collections.abc import Collection, Mapping, Sequence

import orjson
from sqlalchemy import Connection, Engine, insert, select, update

from services.runtime import fault_points
from services.runtime.database import advance, read_position, reading
from services.runtime.projection import Batch
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
            seen = select(milestones.c.event_id).where(milestones.c.event_id.in_(owned))
            for event_id in connection.scalars(seen).all():
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
    connection.execute(
        insert(milestones),
        [
            {
                "number": numbers[each.event_id],
                "event_id": each.event_id,
                "kind": each.kind,
                "document": each.document,
            }
            for each in new
        ],
    )
    connection.execute(
        insert(milestone_insurers),
        [
            {"insurer": insurer, "milestone": numbers[each.event_id]}
            for each in new
            for insurer in each.insurers
        ],
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
    if not assigned:
        return
    connection.execute(
        insert(deliveries),
        [
            {
                "subscription": each.subscription_id,
                "number": each.number,
                "milestone": numbers[each.event_id],
                "state": "kept",
                "attempts": 0,
                "next_attempt_at_ms": at_ms,
                "created_at_ms": at_ms,
            }
            for each in assigned
        ],
    )
    for subscription_id, last in {each.subscription_id: each.number for each in assigned}.items():
        connection.execute(
            update(subscriptions)
            .where(subscriptions.c.id == subscription_id)
            .values(last_number=last)
        )
