"""Many rows in one statement, in the way that each database is fastest at.

PostgreSQL takes a stream of rows (COPY); SQLite runs in this process and takes row after row. What
is looked for is one parameter, a list in JSON, which both turn into rows themselves.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import orjson
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Dialect,
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


def insert_rows(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows, whose values stand in the order of the table's columns; none is fine."""
    if not rows:
        return
    statement = _insert(table, connection.dialect)
    if connection.dialect.name == "postgresql":
        psycopg: Any = connection.connection
        with psycopg.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    else:
        connection.exec_driver_sql(statement, list(rows))


@cache
def _insert(table: Table, dialect: Dialect) -> str:
    """Return the statement, written out once: its rows go to the driver as they are."""
    if dialect.name == "postgresql":
        write = dialect.identifier_preparer
        columns = ", ".join(map(write.quote, table.c.keys()))
        return f"COPY {write.format_table(table)} ({columns}) FROM STDIN"
    return str(insert(table).compile(dialect=dialect))


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
