"""All SQL of accepting and sending: inbox, outbox, registry, numbers, counters.

Writers of this process take turns by a lock of their own, as SQLite's way of waiting for a lock
is to ask again later; several processes are told apart by the database.
"""

import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Row,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from services.contract.codec import Record, encode
from services.contract.member import CoverActivated, MemberRegistered
from services.gateway.accept import GroupOutcome, Known, Member, decide
from services.gateway.facts import Submission
from services.gateway.tables import COUNTER, HOUSEHOLD, INBOX, MEMBER, OUTBOX
from services.runtime import fault_points
from services.runtime.database import open_database, reading
from services.runtime.settings import Settings

MIGRATIONS: Final = Path(__file__).with_name("migrations")
_IDS_PER_QUERY: Final = 500

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unsent:
    """A record that waits for Kafka; position: its place in the order of acceptance."""

    position: int
    record: Record


class Store:
    """The gateway's database."""

    def __init__(self, engine: Engine) -> None:
        """Use an engine whose database is migrated."""
        self.engine = engine
        self._readers = reading(engine)
        self._turn = threading.Lock()

    @classmethod
    def open(cls, settings: Settings) -> "Store":
        """Open the gateway's own database, and migrate it."""
        return cls(open_database(settings, "gateway", MIGRATIONS))

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that writes, one at a time in this process."""
        with self._turn, self.engine.begin() as connection:
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
            known = _load(connection, submissions)
            numbered = dict(known.sequences)
            outcomes = [
                tuple(decide(group, known, now) for group in submission.groups)
                for submission in submissions
            ]
            judged = [outcome for each in outcomes for outcome in each]
            _store(connection, judged)
            _store_numbers(connection, numbered, known.sequences)
            unreadable = sum(submission.unreadable for submission in submissions)
            _count(connection, judged, unreadable)
            fault_points.reach("gateway.before_commit")
        fault_points.reach("gateway.committed")
        return outcomes

    def unsent(self, limit: int) -> list[Unsent]:
        """Return the next records to send, in order of acceptance."""
        query = select(OUTBOX).order_by(OUTBOX.c.position).limit(limit)
        with self.read() as connection:
            rows = connection.execute(query).all()
        return [Unsent(row.position, _record(row)) for row in rows]

    def forget_sent(self, positions: Sequence[int]) -> None:
        """Remove records that Kafka has stored."""
        with self.write() as connection:
            for some in _chunks(positions):
                connection.execute(delete(OUTBOX).where(OUTBOX.c.position.in_(some)))

    def waiting(self) -> int:
        """Return how many records wait for Kafka."""
        with self.read() as connection:
            return connection.scalar(select(func.count()).select_from(OUTBOX)) or 0

    def counters(self) -> dict[str, int]:
        """Return the counters since the database was made, and the sizes of some tables."""
        with self.read() as connection:
            found: dict[str, int] = {
                row.name: row.value for row in connection.execute(select(COUNTER))
            }
            outbox = connection.scalar(select(func.count()).select_from(OUTBOX)) or 0
        names = ("accepted", "duplicates", "refused", "members", "timeline_events")
        return {name: found.get(name, 0) for name in names} | {"outbox": outbox}


def add_to_counter(connection: Connection, name: str, amount: int) -> None:
    """Add to a counter, in the transaction of what is counted."""
    if not amount:
        return
    mine = COUNTER.c.name == name
    moved = connection.execute(update(COUNTER).where(mine).values(value=COUNTER.c.value + amount))
    if not moved.rowcount:
        connection.execute(insert(COUNTER).values(name=name, value=amount))


def known_ids(connection: Connection, column: Column[Any], ids: Iterable[str]) -> list[Row[Any]]:
    """Return the rows of a table whose `column` is one of `ids`."""
    table = column.table
    assert isinstance(table, Table)  # columns here are those of tables
    rows: list[Row[Any]] = []
    for some in _chunks(sorted(set(ids))):
        rows += connection.execute(select(table).where(column.in_(some)))
    return rows


def _load(connection: Connection, submissions: Sequence[Submission]) -> Known:
    facts = [
        fact for submission in submissions for group in submission.groups for fact in group.facts
    ]
    known = Known()
    event_ids = {fact.id for fact in facts} | {fact.only_after for fact in facts if fact.only_after}
    for row in known_ids(connection, INBOX.c.event_id, event_ids):
        known.fingerprints[row.event_id] = row.fingerprint
    members = {fact.member for fact in facts}
    members |= {
        fact.subscriber
        for fact in facts
        if fact.subscriber is not None and isinstance(fact.data, CoverActivated)
    }
    for row in known_ids(connection, MEMBER.c.member_id, members):
        known.members[row.member_id] = Member(row.household_id, row.fingerprint)
    households = {member.household for member in known.members.values()}
    for fact in facts:
        if isinstance(fact.data, MemberRegistered):
            # A new household is named by the sender, or after its first member.
            households |= {fact.household or fact.member, fact.member}
    for some in _chunks(sorted(households)):
        query = (
            select(HOUSEHOLD)
            .where(HOUSEHOLD.c.household_id.in_(some))
            .order_by(HOUSEHOLD.c.household_id)
            .with_for_update()
        )
        for row in connection.execute(query):
            known.sequences[row.household_id] = row.last_sequence
    return known


def _store(connection: Connection, outcomes: Sequence[GroupOutcome]) -> None:
    members = [
        {"member_id": name, "household_id": member.household, "fingerprint": member.fingerprint}
        for outcome in outcomes
        for name, member in outcome.new_members
    ]
    inbox = []
    outbox = []
    for outcome in outcomes:
        for event, fingerprint in outcome.events:
            inbox.append({"event_id": event.id, "fingerprint": fingerprint})
            outbox.append(_row(encode(event)))
    for table, rows in ((MEMBER, members), (INBOX, inbox), (OUTBOX, outbox)):
        if rows:
            connection.execute(insert(table), rows)
    add_to_counter(connection, "members", len(members))


def _store_numbers(connection: Connection, before: dict[str, int], after: dict[str, int]) -> None:
    fresh = [
        {"household_id": household, "last_sequence": last}
        for household, last in after.items()
        if household not in before
    ]
    moved = [
        {"household": household, "last": last}
        for household, last in after.items()
        if household in before and before[household] != last
    ]
    if fresh:
        connection.execute(insert(HOUSEHOLD), fresh)
    if moved:
        connection.execute(
            update(HOUSEHOLD)
            .where(HOUSEHOLD.c.household_id == bindparam("household"))
            .values(last_sequence=bindparam("last")),
            moved,
        )


def _count(connection: Connection, outcomes: Sequence[GroupOutcome], unreadable: int) -> None:
    accepted = sum(len(outcome.events) for outcome in outcomes)
    duplicates = sum(fact.status == "duplicate" for outcome in outcomes for fact in outcome.facts)
    refused = sum(outcome.refused for outcome in outcomes) + unreadable
    add_to_counter(connection, "accepted", accepted)
    add_to_counter(connection, "duplicates", duplicates)
    add_to_counter(connection, "refused", refused)


def _row(record: Record) -> dict[str, bytes]:
    headers = [[name, value.decode()] for name, value in record.headers]
    return {"key": record.key, "value": record.value, "headers": json.dumps(headers).encode()}


def _record(row: Row[Any]) -> Record:
    headers = tuple((name, value.encode()) for name, value in json.loads(row.headers))
    return Record(bytes(row.key), bytes(row.value), headers)


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), _IDS_PER_QUERY):
        yield items[start : start + _IDS_PER_QUERY]
