"""The tables of accepting. Migrations are generated from here, and from the timeline's."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

METADATA: Final = MetaData()

# SQLite numbers rows by itself only where the key is exactly INTEGER.
_NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")

MEMBER: Final = Table(
    "member",
    METADATA,
    Column("member_id", String(128), primary_key=True),
    Column("household_id", String(128), nullable=False),
    Column("fingerprint", String(64), nullable=False),
)

HOUSEHOLD: Final = Table(
    "household",
    METADATA,
    Column("household_id", String(128), primary_key=True),
    Column("last_sequence", BigInteger, nullable=False),
)
"""The last sequence number given to an event of the household."""

INBOX: Final = Table(
    "inbox",
    METADATA,
    Column("event_id", String(128), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
)
"""Every accepted event id, for ever."""

OUTBOX: Final = Table(
    "outbox",
    METADATA,
    Column("position", _NUMBER, primary_key=True, autoincrement=True),
    Column("key", LargeBinary, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("headers", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
"""What is accepted and not yet stored by Kafka; headers: names and values, NUL bytes between."""

COUNTER: Final = Table(
    "counter",
    METADATA,
    Column("name", String(50), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
