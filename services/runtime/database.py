"""SQL databases as the services use them: one per service, migrated, with log positions."""

import sqlite3
from collections.abc import Mapping, Sequence
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Executable,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    create_engine,
    event,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from services.runtime.projection import Batch, StaleWriterError
from services.runtime.settings import Settings


def positions_table(metadata: MetaData) -> Table:
    """Declare the table that says up to where a projection has read each partition."""
    return Table(
        "log_position",
        metadata,
        Column("topic", String(100), primary_key=True),
        Column("partition", Integer, primary_key=True),
        Column("next_offset", BigInteger, nullable=False),
    )


def read_position(
    connection: Connection, positions: Table, topic: str, partition: int
) -> int | None:
    """Return the next offset to read of a partition; None before the first batch."""
    query = select(positions.c.next_offset).where(
        positions.c.topic == topic, positions.c.partition == partition
    )
    found: int | None = connection.scalar(query)
    return found


def advance(connection: Connection, positions: Table, batches: Sequence[Batch]) -> None:
    """Move the positions over `batches`, in the transaction of their effects.

    Raises:
        StaleWriterError: a position is not at its batch's start, so another process has applied
            it, or part of it. The transaction must not go on.
    """
    # In one order everywhere: two writers wait for each other, and never in a ring.
    rows = sorted(
        (
            {
                "topic": batch.topic,
                "partition": batch.partition,
                "start_offset": batch.start_offset,
                "next_offset": batch.next_offset,
            }
            for batch in batches
        ),
        key=itemgetter("topic", "partition"),
    )
    move = _move(positions, connection.dialect.name)
    if connection.execute(move, rows).rowcount != len(rows):
        places = ", ".join(f"{b.topic}/{b.partition} from {b.start_offset}" for b in batches)
        raise StaleWriterError(f"another process applied some of {places}")


@cache
def _move(positions: Table, dialect: str) -> Executable:
    """Return the statement that begins a position, or moves it from where its batch begins."""
    first = (postgresql if dialect == "postgresql" else sqlite).insert(positions)
    move: Executable = first.on_conflict_do_update(
        index_elements=[positions.c.topic, positions.c.partition],
        set_={"next_offset": first.excluded.next_offset},
        where=positions.c.next_offset == bindparam("start_offset"),
    )
    return move.execution_options(preserve_rowcount=True)


def open_database(settings: Settings, service: str, migrations: Path, **given: object) -> Engine:
    """Return the engine of a service's own database, migrated to the newest version.

    given: what migrations find in their `config.attributes`.

    SQLite: a file in the data directory, in WAL mode, every commit synced. PostgreSQL: the
    shared database, in the schema named after the service.
    """
    schema = settings.database_schema_for(service)
    if schema is None:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    engine = create_engine(settings.database_url_for(service), pool_pre_ping=schema is not None)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "begin", _begin_postgresql)
        with engine.begin() as connection:
            connection.execute(
                text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": schema}
            )
            connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
    _migrate(engine, migrations, schema, given)
    return engine


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy begins transactions itself, see below
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA busy_timeout=15000")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def reading(engine: Engine) -> Engine:
    """Return the engine for transactions that only read: they never wait for a writer."""
    return engine.execution_options(careloop_reads=True)


def unsynced(engine: Engine) -> Engine:
    """Return the engine for transactions that are not worth waiting for the disk.

    A power cut, or a crash of PostgreSQL, may undo the last of them, whole and in order; the end of
    this process undoes none.
    """
    return engine.execution_options(careloop_unsynced=True)


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at the start of a writing transaction: a later upgrade may fail.

    Through the driver: every transaction begins so, and three statements of SQLAlchemy's would cost
    more than the rest of it.
    """
    options = connection.get_execution_options()
    begin = "BEGIN DEFERRED"
    if not options.get("careloop_reads", False):
        begin = "BEGIN IMMEDIATE"
        level = "NORMAL" if options.get("careloop_unsynced", False) else "FULL"
        if connection.info.get("synchronous") != level:
            _straight(connection, f"PRAGMA synchronous={level}")
            connection.info["synchronous"] = level
    _straight(connection, begin)


def _straight(connection: Connection, statement: str) -> None:
    """Run a statement by the driver; its errors become SQLAlchemy's, as elsewhere."""
    driver: Any = connection.connection.driver_connection
    try:
        driver.execute(statement)
    except sqlite3.Error as error:
        raise DBAPIError.instance(statement, None, error, sqlite3.Error) from error


def _begin_postgresql(connection: Connection) -> None:
    if connection.get_execution_options().get("careloop_unsynced", False):
        connection.exec_driver_sql("SET LOCAL synchronous_commit TO OFF")


def _migrate(
    engine: Engine, migrations: Path, schema: str | None, given: Mapping[str, object]
) -> None:
    config = Config()
    config.attributes.update(given)
    config.set_main_option("script_location", str(migrations))
    with engine.begin() as connection:
        if schema is not None:
            name = {"name": f"{schema}-migrations"}
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), name)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
