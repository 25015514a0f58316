"""SQL for many rows at a time, written out once for each kind of database.

To build a statement anew costs more than to run it. The statements are SQLAlchemy's, run as text:
errors, transactions and connections stay its own. What is looked for is one parameter, a list in
JSON of any length, which both databases turn into rows themselves.
"""

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import Any

import orjson
from sqlalchemy import (
    ClauseElement,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Row,
    Select,
    Table,
    Text,
    any_,
    bindparam,
    cast,
    func,
    insert,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB

AnyRow = Row[*tuple[Any, ...]]
"""A row of any columns."""

_WANTED = "wanted"


class Write:
    """An INSERT, UPDATE or DELETE."""

    def __init__(self, statement: ClauseElement) -> None:
        """Take a statement whose parameters are all bound by name."""
        self._statement = statement

    def run(self, connection: Connection, *rows: tuple[Any, ...]) -> int:
        """Run it for each row of parameters, in the order in which they stand in the SQL.

        Returns how many rows of the table were touched.
        """
        if not rows:
            return 0
        text = _text(self._statement, connection.dialect)
        return connection.exec_driver_sql(text, list(rows) if len(rows) > 1 else rows[0]).rowcount


class Lookup:
    """A query for the rows in which a column has one of many values."""

    def __init__(self, query: Select[Any], column: Column[Any]) -> None:
        """Take a query without parameters, to which the condition is added."""
        self._query = query
        self._column = column

    def rows(self, connection: Connection, values: Iterable[str]) -> Sequence[AnyRow]:
        """Return the rows."""
        wanted = set(values)
        if not wanted:
            return []
        text = _lookup_text(self._query, self._column, connection.dialect)
        return connection.exec_driver_sql(text, (as_list(wanted),)).all()


def insert_rows(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows, whose values stand in the order of the table's columns; none is fine.

    PostgreSQL takes a stream of rows (COPY); SQLite runs in this process and takes row after row.
    """
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        psycopg: Any = connection.connection
        copying = _copying(table, connection.dialect)
        with psycopg.cursor() as cursor, cursor.copy(copying) as copy:
            for row in rows:
                copy.write_row(row)
    else:
        _inserting(table).run(connection, *rows)


def as_list(values: Iterable[str]) -> str:
    """Return values as the parameter of `among`."""
    return orjson.dumps(list(values)).decode()


def among(dialect: str, column: Column[str], parameter: str) -> ColumnElement[bool]:
    """Return the condition that `column` is in the list that `parameter` names, of any length."""
    given = bindparam(parameter, type_=Text)
    if dialect == "postgresql":
        # An array is looked up by index; rows would be joined, through all of a table that has grown
        # since it was last analysed.
        rows = select(func.jsonb_array_elements_text(cast(given, JSONB))).scalar_subquery()
        return column == any_(func.array(rows))
    return column.in_(select(func.json_each(given).table_valued("value").c.value))


@cache
def _inserting(table: Table) -> Write:
    return Write(insert(table))


@cache
def _copying(table: Table, dialect: Dialect) -> str:
    write = dialect.identifier_preparer
    columns = ", ".join(map(write.quote, table.c.keys()))
    return f"COPY {write.format_table(table)} ({columns}) FROM STDIN"


@lru_cache(maxsize=256)
def _lookup_text(query: Select[Any], column: Column[Any], dialect: Dialect) -> str:
    return _text(query.where(among(dialect.name, column, _WANTED)), dialect)


@lru_cache(maxsize=256)
def _text(statement: ClauseElement, dialect: Dialect) -> str:
    """Return a statement as its database's driver reads it, with parameters by position."""
    by_position = "qmark" if dialect.name == "sqlite" else "format"
    return str(statement.compile(dialect=type(dialect)(paramstyle=by_position)))  # type: ignore[call-arg]
