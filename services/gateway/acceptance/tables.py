"""The tables of accepting. Migrations are generated from here, and from the timeline's."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

METADATA: Final = MetaData()

# SQLite numbers rows by itself only where the key is exactly INTEGER.
_NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")

MEMBER: Final = Table(
    "member",
    METADATA,
    Column("member_id", String(128), primary_key=True),
    Column("household_id", String(128), nullable=False),
    Column("birth_date", String(10)),
    Column("sex", String(10), nullable=False, server_default="unknown"),
    Column("namespace", String(200), nullable=False, server_default=""),
    Column("same_as", String(128), nullable=True),
    Column("stands_for", Text, nullable=False, server_default=""),
)
"""birth_date, sex: as far as known; namespace: of the sender that registered the member. The rest: see
`Registered`."""

MERGE: Final = Table(
    "merge",
    METADATA,
    Column("member_id", String(128), primary_key=True),
    Column("event_id", String(128), nullable=False),
    Column("moved", Boolean, nullable=False),
)
"""Members whose place another took, by which event, and whether their facts stand there."""

HOUSEHOLD: Final = Table(
    "household",
    METADATA,
    Column("household_id", String(128), primary_key=True),
    Column("last_sequence", BigInteger, nullable=False),
    Column("namespace", String(200), nullable=False, server_default=""),
    Column("merges", Integer, nullable=False, server_default="0"),
)
"""The last sequence number given to an event of the household, whose its id is, and how many of its
members others took the place of."""

INBOX: Final = Table(
    "inbox",
    METADATA,
    Column("event_id", String(128), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
)
"""Every accepted event id, for ever."""

IDENTITY: Final = Table(
    "identity",
    METADATA,
    Column("key", String(64), primary_key=True),
    Column("resource_id", String(128), nullable=False),
    Column("several", Boolean, nullable=False),
)
"""Which resource has a business identifier, whose hash is the key; several: others have it, too."""

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

STANDING: Final = Table(
    "standing",
    METADATA,
    Column("thing_id", String(36), primary_key=True),
    Column("last_time", String(40), nullable=False),
    Column("billed_id", String(36)),
    Column("fact_id", String(128)),
    Index("standing_by_bill", "billed_id"),
)
"""What was accepted and not taken back that a later fact may need, and when it last happened.

billed_id: of a charge, its visit. fact_id: of a discharge, what changed the bill last.
"""

AWAITING: Final = Table(
    "awaiting",
    METADATA,
    Column("event_id", String(128), primary_key=True),
    Column("source", String(200), nullable=False),
    Column("member_id", String(128), nullable=False),
    Column("type", String(100), nullable=False),
    Column("about", Text, nullable=False),
    Column("about_id", String(36), nullable=False),
    Column("awaits", Text, nullable=False),
    Column("awaits_id", String(36), nullable=False),
    Column("within_id", String(36)),
    Column("withdraws", Boolean, nullable=False),
    Column("since", String(40), nullable=False),
    Index("awaiting_by_source", "source", "since", "event_id"),
    Index("awaiting_by_time", "since", "event_id"),
    Index("awaiting_by_need", "awaits_id"),
    Index("awaiting_by_visit", "within_id"),
)
"""What was accepted and waits for something that was not: an `Awaiting`."""
