"""What stands and what waits, in the gateway's database."""

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, delete, exists, func, insert, select, tuple_

from services.gateway.acceptance.awaiting import (
    Awaiting,
    Standing,
    VisitKey,
    VisitStands,
    named_by,
    reached_by,
    thing_id,
)
from services.gateway.acceptance.facts import Fact
from services.gateway.acceptance.links import things_of, visit_of
from services.gateway.acceptance.tables import AWAITING, STANDING
from services.runtime.sql import Lookup, Write

_THINGS: Final = Lookup(select(STANDING), STANDING.c.thing_id)
_BILLS: Final = Lookup(select(STANDING.c.billed_id), STANDING.c.billed_id)
_BY_NEED: Final = Lookup(select(AWAITING), AWAITING.c.awaits_id)
_BY_VISIT: Final = Lookup(select(AWAITING), AWAITING.c.within_id)
_RISE: Final = Write(insert(STANDING))
_FALL: Final = Write(delete(STANDING).where(STANDING.c.thing_id == bindparam("thing")))
_BEGIN: Final = Write(insert(AWAITING))
_END: Final = Write(delete(AWAITING).where(AWAITING.c.event_id == bindparam("event")))


def load(connection: Connection, facts: Sequence[Fact]) -> Standing:
    """Return what stands and waits of all that some facts have to do with."""
    named = named_by(facts)
    stands = _THINGS.rows(connection, named)
    things = {row.thing_id: row.last_time for row in stands}
    last = {row.thing_id: row.fact_id for row in stands if row.fact_id is not None}
    rows = [*_BY_NEED.rows(connection, named), *_BY_VISIT.rows(connection, reached_by(facts))]
    return Standing(things, {row.event_id: Awaiting._make(row) for row in rows}, last=last)


def keep(connection: Connection, before: Standing, after: Standing) -> None:
    """Keep what has changed."""
    was = {(thing, time, before.last.get(thing)) for thing, time in before.things.items()}
    now = {(thing, time, after.last.get(thing)) for thing, time in after.things.items()}
    _FALL.run(connection, *((thing,) for thing, _, _ in was - now))
    risen = ((thing, time, after.billed.get(thing), last) for thing, time, last in now - was)
    _RISE.run(connection, *risen)
    _BEGIN.run(connection, *(after.waiting[name] for name in after.waiting.keys() - before.waiting))
    end(connection, before.waiting.keys() - after.waiting.keys())


def end(connection: Connection, event_ids: Iterable[str]) -> None:
    """Let facts wait no longer, those of them that do."""
    _END.run(connection, *((event_id,) for event_id in event_ids))


def visits(connection: Connection, keys: Iterable[VisitKey]) -> dict[VisitKey, VisitStands]:
    """Return how visits stand: what was accepted of each, and not taken back."""
    ids = {key: thing_id(key[0], visit_of(key[1])) for key in keys}
    named = {thing_id(member, thing) for member, visit_id in ids for thing in things_of(visit_id)}
    things = {row.thing_id: row.fact_id for row in _THINGS.rows(connection, named)}
    billed = {row.billed_id for row in _BILLS.rows(connection, ids.values())}

    def stands(key: VisitKey) -> VisitStands:
        names = [thing_id(key[0], thing) for thing in things_of(key[1])]
        known, discharged, cancelled = (name in things for name in names)
        return VisitStands(known, discharged, cancelled, ids[key] in billed, things.get(names[1]))

    return {key: stands(key) for key in ids}


def end_of(connection: Connection, member: str) -> None:
    """Let nothing of a member wait any longer."""
    connection.execute(delete(AWAITING).where(AWAITING.c.member_id == member))


def page(
    connection: Connection, source: str | None, after: tuple[str, str] | None, limit: int
) -> list[dict[str, str | int]]:
    """Return up to `limit` facts that wait, longest first, as plain JSON."""
    known = exists().where(STANDING.c.thing_id == AWAITING.c.within_id)
    query = (
        select(AWAITING, known.label("known"))
        .order_by(AWAITING.c.since, AWAITING.c.event_id)
        .limit(limit)
    )
    if source is not None:
        query = query.where(AWAITING.c.source == source)
    if after is not None:
        query = query.where(tuple_(AWAITING.c.since, AWAITING.c.event_id) > after)
    rows = connection.execute(query)
    return [Awaiting._make(row[:-1]).shown(known=bool(row.known)) for row in rows]


def size(connection: Connection) -> int:
    """Return how many facts wait."""
    return connection.scalar(select(func.count()).select_from(AWAITING)) or 0
