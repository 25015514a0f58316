"""Merges in the gateway's database: who took whose place, and whose facts are still to be moved."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, func, insert, literal_column, select, true, update

from services.contract.event import Event, EventData
from services.contract.member import MemberMerged
from services.gateway.acceptance.households import Known, Registered
from services.gateway.acceptance.tables import HOUSEHOLD, MEMBER, MERGE
from services.runtime.sql import Write

_BEGIN: Final = Write(insert(MERGE))
_REPLACE: Final = Write(
    update(MEMBER)
    .where(MEMBER.c.member_id == bindparam("member"))
    .values(same_as=bindparam("same"), stands_for=bindparam("others"))
)
_LEFT: Final = Write(
    update(HOUSEHOLD)
    .where(HOUSEHOLD.c.household_id == bindparam("household"))
    .values(merges=HOUSEHOLD.c.merges + literal_column("1"))
)
_MOVED: Final = Write(
    update(MERGE).where(MERGE.c.member_id == bindparam("member")).values(moved=true())
)
_UNMOVED: Final = (
    select(MERGE.c.member_id, MERGE.c.event_id, MEMBER)
    .join(MEMBER, MEMBER.c.member_id == MERGE.c.member_id)
    .where(MERGE.c.moved.is_(False))
)


class Unmoved(NamedTuple):
    """A member whose place another took, by an event, and whose facts are to be moved there."""

    member_id: str
    event_id: str
    member: Registered


def keep_merges(connection: Connection, known: Known, events: Iterable[Event[EventData]]) -> None:
    """Keep who took whose place by what was accepted; `known` knows it already."""
    for event in events:
        if not isinstance(event.data, MemberMerged):
            continue
        whole = known.whole(event.data.into)
        gone = known.members[whole].stands_for.split()
        _BEGIN.run(connection, (event.subject, event.id, False))
        _REPLACE.run(connection, *((whole, "", each) for each in gone))
        _REPLACE.run(connection, (None, " ".join(gone), whole))
        _LEFT.run(connection, (event.household,))


def unmoved(connection: Connection) -> list[Unmoved]:
    """Return the merges that are not through."""
    rows = connection.execute(_UNMOVED).all()
    return [Unmoved(row[0], row[1], Registered.of_row(*row[3:])) for row in rows]


def count_unmoved(connection: Connection, members: Sequence[str]) -> int:
    """Return how many merges of some members are not through."""
    query = select(func.count()).select_from(MERGE)
    query = query.where(MERGE.c.moved.is_(False), MERGE.c.member_id.in_(members))
    return connection.scalar(query) or 0


def mark_moved(connection: Connection, member: str) -> bool:
    """Note that a merge is through; False if it was before."""
    moved = select(MERGE.c.moved).where(MERGE.c.member_id == member).with_for_update()
    if connection.scalar(moved):
        return False
    _MOVED.run(connection, (member,))
    return True
