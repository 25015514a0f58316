"""SQL written out once for each kind of database: to build a statement anew costs more than to run it.

The statements are SQLAlchemy's, run as text: errors, transactions and connections stay its own.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ClauseElement, Column, Connection, Dialect, Row, Select

IDS_PER_QUERY: Final = 512
"""The most values of one query; a power of two, see `Lookup`."""


AnyRow = Row[*tuple[Any, ...]]
"""A row of any columns."""


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
        """Take a query, to which the condition is added."""
        self._query = query
        self._column = column

    def rows(self, connection: Connection, values: Iterable[str]) -> list[AnyRow]:
        """Return the rows, in as many queries as it takes; values are asked for in their order."""
        wanted = sorted(set(values))
        found: list[AnyRow] = []
        for start in range(0, len(wanted), IDS_PER_QUERY):
            some = wanted[start : start + IDS_PER_QUERY]
            # Filled up with the last value, so that there are few texts: one for each power of two.
            size = 1 << (len(some) - 1).bit_length()
            some += [some[-1]] * (size - len(some))
            found += connection.exec_driver_sql(
                self._sized(size, connection.dialect), tuple(some)
            ).all()
        return found

    def _sized(self, size: int, dialect: Dialect) -> str:
        return _lookup_text(self._query, self._column, size, dialect)


@lru_cache(maxsize=256)
def _lookup_text(query: Select[Any], column: Column[Any], size: int, dialect: Dialect) -> str:
    return _text(query.where(column.in_([""] * size)), dialect)


@lru_cache(maxsize=256)
def _text(statement: ClauseElement, dialect: Dialect) -> str:
    """Return a statement as its database's driver reads it, with parameters by position."""
    by_position = "qmark" if dialect.name == "sqlite" else "format"
    compiled = statement.compile(
        dialect=type(dialect)(paramstyle=by_position),  # type: ignore[call-arg]
        compile_kwargs={"render_postcompile": True},
    )
    return str(compiled)
