"""The gateway's database: each acceptance, and each look at the outbox, in one transaction.

Writers of this process take turns by a lock of their own, as SQLite's way of waiting for a lock
is to ask again later; several processes are told apart by the database.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects import postgresql, sqlite

from services.contract.codec import Record, encode
from services.contract.event import Event, EventData
from services.gateway.acceptance import awaiting_store, outbox
from services.gateway.acceptance.awaiting import VisitKey, VisitStands
from services.gateway.acceptance.decide import GroupOutcome, decide
from services.gateway.acceptance.facts import Fact, Group, Submission
from services.gateway.acceptance.households import alone
from services.gateway.acceptance.identities import Identifier, Named
from services.gateway.acceptance.inbox import (
    home_of,
    households_of,
    identities,
    keep,
    keep_numbers,
    load,
    member_of,
)
from services.gateway.acceptance.merge_store import (
    Unmoved,
    count_unmoved,
    keep_merges,
    mark_moved,
    unmoved,
)
from services.gateway.acceptance.tables import COUNTER
from services.runtime import fault_points
from services.runtime.database import open_database, reading, unsynced
from services.runtime.settings import Settings
from services.runtime.sql import Write

MIGRATIONS: Final = Path(__file__).parents[1] / "migrations"

COUNTERS: Final = (
    "accepted",
    "duplicates",
    "refused",
    "refused_behind",
    "members",
    "timeline_events",
)


class Store:
    """The gateway's database."""

    def __init__(self, engine: Engine, namespace_of: Callable[[str], str] = alone) -> None:
        """Use an engine whose database is migrated; namespace_of: whose the ids of a source are."""
        self.namespace_of = namespace_of
        self.engine = engine
        self._readers = reading(engine)
        self._unsynced = unsynced(engine)
        self._turn = threading.Lock()

    @classmethod
    def open(cls, settings: Settings, namespace_of: Callable[[str], str] = alone) -> "Store":
        """Open the gateway's own database, and migrate it."""
        return cls(open_database(settings, "gateway", MIGRATIONS), namespace_of)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that writes, one at a time in this process."""
        with self._turn, self.engine.begin() as connection:
            yield connection

    @contextmanager
    def write_again(self) -> Iterator[Connection]:
        """Like `write`, for what is done again if a crash of the database undoes it."""
        with self._turn, self._unsynced.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection that only reads."""
        with self._readers.connect() as connection:
            yield connection

    def accept(
        self, submissions: Sequence[Submission], now: datetime
    ) -> list[tuple[GroupOutcome, ...]]:
        """Judge submissions one after another and store what is accepted, in one transaction.

        A refused group leaves nothing behind, and does not touch the others.
        """
        with self.write() as connection:
            outcomes = self._accept(connection, submissions, now)
            fault_points.reach("gateway.before_commit")
        fault_points.reach("gateway.committed")
        return outcomes

    def _accept(
        self, connection: Connection, submissions: Sequence[Submission], now: datetime
    ) -> list[tuple[GroupOutcome, ...]]:
        known = load(connection, submissions, self.namespace_of)
        numbered, stood = dict(known.sequences), known.standing.copy()
        outcomes = [
            tuple(decide(group, known, now) for group in submission.groups)
            for submission in submissions
        ]
        judged = [outcome for each in outcomes for outcome in each]
        new_members = keep(connection, judged)
        keep_numbers(connection, numbered, known)
        awaiting_store.keep(connection, stood, known.standing)
        keep_merges(connection, known, _events(judged))
        outbox.add(connection, _records(judged))
        unreadable = sum(submission.unreadable for submission in submissions)
        add_to_counters(connection, members=new_members, **_counted(judged, unreadable))
        return outcomes

    def unmoved(self) -> list[Unmoved]:
        """Return the members whose place another took, and whose facts are still to be moved."""
        with self.read() as connection:
            return unmoved(connection)

    def home_of(self, member: str) -> str:
        """Return the namespace of a registered member."""
        with self.read() as connection:
            return home_of(connection, member)

    def is_moving(self, members: Sequence[str]) -> bool:
        """Whether facts of some of these merged members are still to be moved."""
        with self.read() as connection:
            return count_unmoved(connection, members) > 0

    def move(self, member: str, facts: Sequence[Fact], now: datetime) -> None:
        """Accept a merged member's facts under who took its place: all of them, once."""
        with self.write() as connection:
            if not mark_moved(connection, member):
                return
            awaiting_store.end_of(connection, member)
            outcomes = self._accept(connection, [Submission((Group(tuple(facts)),))], now)
            refused = [each for outcome in outcomes for each in outcome if each.refused]
            assert not refused, refused  # they were accepted once

    def unsent(self, limit: int) -> list[outbox.Unsent]:
        """Return the next records to send, in order of acceptance."""
        with self.read() as connection:
            return outbox.first(connection, limit)

    def forget_sent(self, positions: Sequence[int]) -> None:
        """Remove records that Kafka has stored; those that come back are sent again."""
        with self.write_again() as connection:
            outbox.remove(connection, positions)

    def waiting(self) -> int:
        """Return how many records wait for Kafka."""
        with self.read() as connection:
            return outbox.size(connection)

    def last_in_outbox(self) -> int:
        """Return the place of the last record that waits for Kafka; 0 if none does."""
        with self.read() as connection:
            return outbox.last(connection)

    def waits_up_to(self, position: int) -> bool:
        """Whether a record waits for Kafka that stands no later than a place."""
        return any(row.position <= position for row in self.unsent(1))

    def households(self, members: Iterable[str]) -> set[str]:
        """Return the households of members."""
        with self.read() as connection:
            return households_of(connection, members)

    def awaiting(
        self, source: str | None, after: tuple[str, str] | None, limit: int
    ) -> list[dict[str, str | int]]:
        """Return up to `limit` facts that wait, of one sender or of all, after a time and an id."""
        with self.read() as connection:
            return awaiting_store.page(connection, source, after, limit)

    def visits(self, keys: Iterable[VisitKey]) -> dict[VisitKey, VisitStands]:
        """Return how visits stand, by what was accepted."""
        with self.read() as connection:
            return awaiting_store.visits(connection, keys)

    def counters(self) -> dict[str, int]:
        """Return the counters since the database was made, and the sizes of some tables."""
        with self.read() as connection:
            found = {row.name: row.value for row in connection.execute(select(COUNTER))}
            waiting = outbox.size(connection)
            awaiting = awaiting_store.size(connection)
        return {name: found.get(name, 0) for name in COUNTERS} | {
            "outbox": waiting,
            "waiting": awaiting,
        }

    def identified(
        self, identifiers: Iterable[Identifier], source: str
    ) -> dict[Identifier, tuple[str, ...]]:
        """Return the ids of the resources of a sender that have identifiers; two stand for several."""
        keys = {each: each.key(self.namespace_of(source)) for each in identifiers}
        with self.read() as connection:
            found = identities(connection, keys.values())
        return {each: _ids(found.get(key)) for each, key in keys.items()}

    def member(self, sent: str, source: str | None) -> str | None:
        """Return Careloop's id of whom a sender names, or of whom it is itself; None: nobody."""
        namespace = None if source is None else self.namespace_of(source)
        with self.read() as connection:
            return member_of(connection, sent, namespace)


def _ids(named: Named | None) -> tuple[str, ...]:
    if named is None:
        return ()
    return (named.id, named.id) if named.several else (named.id,)


def add_to_counters(connection: Connection, **amounts: int) -> None:
    """Add to counters, in the transaction of what is counted."""
    # In one order everywhere: two writers wait for each other, and never in a ring.
    rows = sorted((name, amount) for name, amount in amounts.items() if amount)
    _adding(connection.dialect.name).run(connection, *rows)


@cache
def _adding(dialect: str) -> Write:
    """Return the statement that begins a counter, or adds to it."""
    first = (postgresql if dialect == "postgresql" else sqlite).insert(COUNTER)
    more = COUNTER.c.value + first.excluded.value
    return Write(first.on_conflict_do_update(index_elements=[COUNTER.c.name], set_={"value": more}))


def _events(outcomes: Iterable[GroupOutcome]) -> Iterable[Event[EventData]]:
    return (event for outcome in outcomes for event, _ in outcome.events)


def _records(outcomes: Iterable[GroupOutcome]) -> Iterable[Record]:
    return map(encode, _events(outcomes))


def _counted(outcomes: Sequence[GroupOutcome], unreadable: int) -> dict[str, int]:
    return {
        "accepted": sum([len(outcome.events) for outcome in outcomes]),
        "duplicates": sum(
            [fact.status == "duplicate" for outcome in outcomes for fact in outcome.facts]
        ),
        "refused": sum([outcome.refused for outcome in outcomes]) + unreadable,
    }
