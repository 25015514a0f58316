"""Many rows in one statement, in the way that each database is fastest at.

PostgreSQL takes one array for each column and turns them into rows itself, so that a statement
is sent and planned once for a batch; SQLite runs in this process and takes row after row.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    any_,
    bindparam,
    func,
    insert,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY

_ASK_MAX: Final = 500
"""Values in one question to SQLite, which bounds the parameters of a statement."""


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same columns; none is fine."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        names = list(rows[0])
        statement = insert(table).from_select(names, _unnested(table, names))
        connection.execute(statement, {name: [row[name] for row in rows] for name in names})
    else:
        connection.execute(insert(table), rows)


def insert_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows whose primary key is not there yet; few at a time."""
    if rows:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)


def among(
    connection: Connection, column: Column[str], values: Sequence[str]
) -> Iterator[ColumnElement[bool]]:
    """Return the conditions which together hold for the rows whose `column` is in `values`."""
    if connection.dialect.name == "postgresql":
        yield column == any_(bindparam(None, values, type_=ARRAY(column.type)))
        return
    for start in range(0, len(values), _ASK_MAX):
        yield column.in_(values[start : start + _ASK_MAX])


def _unnested(table: Table, names: Sequence[str]) -> Any:
    arrays = [bindparam(name, type_=ARRAY(table.c[name].type)) for name in names]
    rows = func.unnest(*arrays).table_valued(*names).render_derived()
    return select(*(rows.c[name] for name in names))
