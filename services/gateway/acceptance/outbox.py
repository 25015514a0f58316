"""Records that wait for Kafka, in order of acceptance."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from services.contract.codec import Record
from services.gateway.acceptance.tables import OUTBOX
from services.runtime.sql import AnyRow, Write

_ADD: Final = Write(
    insert(OUTBOX)
    .values(key=bindparam("key"), value=bindparam("value"), headers=bindparam("headers"))
    .inline()
)
_FIRST: Final = select(OUTBOX).order_by(OUTBOX.c.position).limit(bindparam("most"))
_FORGET: Final = Write(delete(OUTBOX).where(OUTBOX.c.position == bindparam("at")))


@dataclass(frozen=True, slots=True)
class Unsent:
    """A record that waits for Kafka; position: its place in the order of acceptance."""

    position: int
    record: Record


def add(connection: Connection, records: Iterable[Record]) -> None:
    """Let records wait, behind all that wait already."""
    _ADD.run(connection, *map(_row, records))


def first(connection: Connection, most: int) -> list[Unsent]:
    """Return those that wait longest, in their order."""
    rows = connection.execute(_FIRST, {"most": most}).all()
    return [Unsent(row.position, _record(row)) for row in rows]


def remove(connection: Connection, positions: Sequence[int]) -> None:
    """Remove what waits no longer."""
    _FORGET.run(connection, *((position,) for position in positions))


def size(connection: Connection) -> int:
    """Return how many wait."""
    return connection.scalar(select(func.count()).select_from(OUTBOX)) or 0


def last(connection: Connection) -> int:
    """Return the place of the last that waits; 0 if none does."""
    return connection.scalar(select(func.max(OUTBOX.c.position))) or 0


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
