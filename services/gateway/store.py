"""All SQL of accepting and sending: inbox, outbox, registry, numbers, counters.

Writers of this process take turns by a lock of their own, as SQLite's way of waiting for a lock
is to ask again later; several processes are told apart by the database.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final

from sqlalchemy import (
    Connection,
    Engine,
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
from services.runtime.database import open_database, reading, unsynced
from services.runtime.settings import Settings
from services.runtime.sql import AnyRow, Lookup, Write

MIGRATIONS: Final = Path(__file__).with_name("migrations")

_ADD_MEMBER: Final = Write(insert(MEMBER))
_ADD_INBOX: Final = Write(insert(INBOX))
_ADD_OUTBOX: Final = Write(
    insert(OUTBOX)
    .values(key=bindparam("key"), value=bindparam("value"), headers=bindparam("headers"))
    .inline()
)
_FIRST_OUTBOX: Final = select(OUTBOX).order_by(OUTBOX.c.position).limit(bindparam("most"))
_FORGET_OUTBOX: Final = Write(delete(OUTBOX).where(OUTBOX.c.position == bindparam("at")))
_ADD_HOUSEHOLD: Final = Write(insert(HOUSEHOLD))
_MOVE_HOUSEHOLD: Final = Write(
    update(HOUSEHOLD)
    .where(HOUSEHOLD.c.household_id == bindparam("household"))
    .values(last_sequence=bindparam("last"))
)
_ADD_COUNTER: Final = Write(insert(COUNTER))
_MOVE_COUNTER: Final = Write(
    update(COUNTER)
    .where(COUNTER.c.name == bindparam("counter"))
    .values(value=COUNTER.c.value + bindparam("amount"))
)
_INBOX_BY_ID: Final = Lookup(select(INBOX), INBOX.c.event_id)
_MEMBER_BY_ID: Final = Lookup(select(MEMBER), MEMBER.c.member_id)
_HOUSEHOLD_BY_ID: Final = Lookup(
    select(HOUSEHOLD).order_by(HOUSEHOLD.c.household_id).with_for_update(),
    HOUSEHOLD.c.household_id,
)


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
        self._unsynced = unsynced(engine)
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
        with self.read() as connection:
            rows = connection.execute(_FIRST_OUTBOX, {"most": limit}).all()
        return [Unsent(row.position, _record(row)) for row in rows]

    def forget_sent(self, positions: Sequence[int]) -> None:
        """Remove records that Kafka has stored; those that come back are sent again."""
        with self.write_again() as connection:
            _FORGET_OUTBOX.run(connection, *((position,) for position in positions))

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
    if not _MOVE_COUNTER.run(connection, (amount, name)):
        _ADD_COUNTER.run(connection, (name, amount))


def are_members(connection: Connection, member_ids: Sequence[str]) -> bool:
    """Whether all of some ids are those of registered members."""
    return len(_MEMBER_BY_ID.rows(connection, member_ids)) == len(set(member_ids))


def _load(connection: Connection, submissions: Sequence[Submission]) -> Known:
    facts = [
        fact for submission in submissions for group in submission.groups for fact in group.facts
    ]
    known = Known()
    event_ids = {fact.id for fact in facts} | {fact.only_after for fact in facts if fact.only_after}
    for event_id, fingerprint in _INBOX_BY_ID.rows(connection, event_ids):
        known.fingerprints[event_id] = fingerprint
    members = {fact.member for fact in facts}
    members |= {
        fact.subscriber
        for fact in facts
        if fact.subscriber is not None and isinstance(fact.data, CoverActivated)
    }
    for member_id, household, fingerprint in _MEMBER_BY_ID.rows(connection, members):
        known.members[member_id] = Member(household, fingerprint)
    households = {member.household for member in known.members.values()}
    for fact in facts:
        if isinstance(fact.data, MemberRegistered):
            # A new household is named by the sender, or after its first member.
            households |= {fact.household or fact.member, fact.member}
    known.sequences.update(
        (household, last) for household, last in _HOUSEHOLD_BY_ID.rows(connection, households)
    )
    return known


def _store(connection: Connection, outcomes: Sequence[GroupOutcome]) -> None:
    members = [
        (name, member.household, member.fingerprint)
        for outcome in outcomes
        for name, member in outcome.new_members
    ]
    events = [event for outcome in outcomes for event in outcome.events]
    _ADD_MEMBER.run(connection, *members)
    _ADD_INBOX.run(connection, *((event.id, fingerprint) for event, fingerprint in events))
    _ADD_OUTBOX.run(connection, *(_row(encode(event)) for event, _ in events))
    add_to_counter(connection, "members", len(members))


def _store_numbers(connection: Connection, before: dict[str, int], after: dict[str, int]) -> None:
    fresh = [(household, last) for household, last in after.items() if household not in before]
    moved = [
        (last, household)
        for household, last in after.items()
        if household in before and before[household] != last
    ]
    _ADD_HOUSEHOLD.run(connection, *fresh)
    _MOVE_HOUSEHOLD.run(connection, *moved)


def _count(connection: Connection, outcomes: Sequence[GroupOutcome], unreadable: int) -> None:
    accepted = sum(len(outcome.events) for outcome in outcomes)
    duplicates = sum(fact.status == "duplicate" for outcome in outcomes for fact in outcome.facts)
    refused = sum(outcome.refused for outcome in outcomes) + unreadable
    add_to_counter(connection, "accepted", accepted)
    add_to_counter(connection, "duplicates", duplicates)
    add_to_counter(connection, "refused", refused)


def _row(record: Record) -> tuple[bytes, bytes, bytes]:
    parts = [part for name, value in record.headers for part in (name.encode(), value)]
    headers = b"\0".join(parts)
    # No attribute carries one: the doors refuse it, and so would every reader of the log.
    assert headers.count(b"\0") == len(parts) - 1
    return record.key, record.value, headers


def _record(row: AnyRow) -> Record:
    _, key, value, headers = row
    parts = bytes(headers).split(b"\0")
    return Record(
        bytes(key), bytes(value), tuple(zip(map(_name, parts[::2]), parts[1::2], strict=True))
    )


@cache
def _name(header: bytes) -> str:
    """Return a header's name; there are few."""
    return header.decode()
