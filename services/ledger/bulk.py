"""Many rows in one statement, in the way that each database is fastest at.

PostgreSQL takes a stream of rows (COPY) and an array of values to look for; SQLite runs in this
process and takes row after row.
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
    insert,
)
from sqlalchemy.dialects.postgresql import ARRAY

_ASK_MAX: Final = 500
"""Values in one question to SQLite, which bounds the parameters of a statement."""


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same columns; none is fine."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        write = connection.dialect.identifier_preparer
        columns = ", ".join(write.quote(name) for name in rows[0])
        statement = f"COPY {write.format_table(table)} ({columns}) FROM STDIN"
        psycopg: Any = connection.connection
        with psycopg.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(tuple(row.values()))
    else:
        connection.execute(insert(table), rows)


def among(
    connection: Connection, column: Column[str], values: Sequence[str]
) -> Iterator[ColumnElement[bool]]:
    """Return the conditions which together hold for the rows whose `column` is in `values`."""
    if connection.dialect.name == "postgresql":
        yield column == any_(bindparam(None, values, type_=ARRAY(column.type)))
        return
    for start in range(0, len(values), _ASK_MAX):
        yield column.in_(values[start : start + _ASK_MAX])
