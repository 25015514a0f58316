"""What stands and what waits, in the gateway's database."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, bindparam, delete, func, insert, select, tuple_

from services.gateway.acceptance.awaiting import Awaiting, Standing, named_by
from services.gateway.acceptance.facts import Fact
from services.gateway.acceptance.tables import AWAITING, STANDING
from services.runtime.sql import Lookup, Write

_THINGS: Final = Lookup(select(STANDING), STANDING.c.thing_id)
_BY_NEED: Final = Lookup(select(AWAITING), AWAITING.c.awaits_id)
_BY_SUBJECT: Final = Lookup(select(AWAITING), AWAITING.c.about_id)
_RISE: Final = Write(insert(STANDING))
_FALL: Final = Write(delete(STANDING).where(STANDING.c.thing_id == bindparam("thing")))
_BEGIN: Final = Write(insert(AWAITING))
_END: Final = Write(delete(AWAITING).where(AWAITING.c.event_id == bindparam("event")))


def load(connection: Connection, facts: Iterable[Fact]) -> Standing:
    """Return what stands and waits of all that some facts have to do with."""
    named = named_by(facts)
    things = {row.thing_id for row in _THINGS.rows(connection, named)}
    rows = [*_BY_NEED.rows(connection, named), *_BY_SUBJECT.rows(connection, named)]
    return Standing(things, {row.event_id: Awaiting._make(row) for row in rows})


def keep(connection: Connection, before: Standing, after: Standing) -> None:
    """Keep what has changed."""
    _RISE.run(connection, *((thing,) for thing in after.things - before.things))
    _FALL.run(connection, *((thing,) for thing in before.things - after.things))
    _BEGIN.run(connection, *(after.waiting[name] for name in after.waiting.keys() - before.waiting))
    end(connection, before.waiting.keys() - after.waiting.keys())


def end(connection: Connection, event_ids: Iterable[str]) -> None:
    """Let facts wait no longer, those of them that do."""
    _END.run(connection, *((event_id,) for event_id in event_ids))


def page(
    connection: Connection, source: str | None, after: tuple[str, str] | None, limit: int
) -> list[dict[str, str | int]]:
    """Return up to `limit` facts that wait, longest first, as plain JSON."""
    query = select(AWAITING).order_by(AWAITING.c.since, AWAITING.c.event_id).limit(limit)
    if source is not None:
        query = query.where(AWAITING.c.source == source)
    if after is not None:
        query = query.where(tuple_(AWAITING.c.since, AWAITING.c.event_id) > after)
    return [Awaiting._make(row).shown() for row in connection.execute(query)]


def size(connection: Connection) -> int:
    """Return how many facts wait."""
    return connection.scalar(select(func.count()).select_from(AWAITING)) or 0
