"""The gateway's tables. Migrations are generated from here."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from services.runtime.database import positions_table

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

TIMELINE: Final = Table(
    "timeline",
    METADATA,
    Column("position", _NUMBER, primary_key=True, autoincrement=True),
    Column("event_id", String(128), nullable=False, unique=True),
    Column("member_id", String(128), nullable=False),
    Column("stored_ms", BigInteger, nullable=False),
    Column("type", String(100), nullable=False),
    Column("stage", String(50), nullable=False),
    Column("time", String(40), nullable=False),
    Column("recorded_time", String(40), nullable=False),
    Column("causation_id", String(128)),
    Column("correlation_id", String(200)),
    Column("summary", Text, nullable=False),
    Column("decision", Text),
    Index("timeline_by_member", "member_id", "stored_ms", "position"),
    Index("timeline_by_correlation", "correlation_id", "type"),
)
"""One row per event about a member. Times: RFC 3339 in UTC, all of one length, so that text sorts.

decision: the data of a payment decision, as JSON.
"""

POSITIONS: Final = positions_table(METADATA)
