"""SQL databases as the services use them: one per service, migrated, with log positions."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

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


def advance(connection: Connection, positions: Table, batch: Batch) -> None:
    """Move the position over `batch`, in the transaction of its effects.

    Raises:
        StaleWriterError: the position is not at the batch's start, so another process has
            applied it, or part of it.
    """
    here = (positions.c.topic == batch.topic) & (positions.c.partition == batch.partition)
    moved = connection.execute(
        update(positions)
        .where(here & (positions.c.next_offset == batch.start_offset))
        .values(next_offset=batch.next_offset)
    )
    if moved.rowcount == 1:
        return
    if read_position(connection, positions, batch.topic, batch.partition) is None:
        row = {
            "topic": batch.topic,
            "partition": batch.partition,
            "next_offset": batch.next_offset,
        }
        try:
            with connection.begin_nested():
                connection.execute(insert(positions).values(row))
        except IntegrityError as error:
            raise StaleWriterError(_stale(batch)) from error
        return
    raise StaleWriterError(_stale(batch))


def _stale(batch: Batch) -> str:
    where = f"{batch.topic}/{batch.partition}"
    return f"another process applied {where} from offset {batch.start_offset} on"


def open_database(settings: Settings, service: str, migrations: Path) -> Engine:
    """Return the engine of a service's own database, migrated to the newest version.

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
        with engine.begin() as connection:
            connection.execute(
                text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": schema}
            )
            connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
    _migrate(engine, migrations, schema)
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


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at the start of a writing transaction: a later upgrade may fail."""
    reads = connection.get_execution_options().get("careloop_reads", False)
    connection.exec_driver_sql("BEGIN DEFERRED" if reads else "BEGIN IMMEDIATE")


def _migrate(engine: Engine, migrations: Path, schema: str | None) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations))
    with engine.begin() as connection:
        if schema is not None:
            name = {"name": f"{schema}-migrations"}
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), name)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
