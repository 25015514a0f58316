"""The ledger's tables. Migrations are generated from here; triggers make the books immutable."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from services.lives.entries import entry_kinds
from services.runtime.database import positions_table

METADATA: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

ENTRY: Final = Table(
    "journal_entry",
    METADATA,
    Column("event_id", String(128), primary_key=True),
    Column("event_type", String(100), nullable=False),
    Column("fingerprint", String(16), nullable=False),
    Column("request_id", String(128), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("outcome", String(20)),
    Column("currency", String(3), nullable=False),
    Column("billed", BigInteger, nullable=False),
    Column("split", String(16), nullable=False),
    Column("occurred_at", String(40), nullable=False),
    CheckConstraint(f"kind IN ({', '.join(map(repr, entry_kinds()))})", name="kind"),
    UniqueConstraint("request_id", "kind"),
)
"""The journal, and the inbox at once: an event that has an entry has had its effect.

A request has at most one entry of each kind; the kinds are those of the lives of payments.
occurred_at: RFC 3339 in UTC.
"""

POSTING: Final = Table(
    "posting",
    METADATA,
    Column("event_id", ForeignKey(ENTRY.c.event_id), primary_key=True),
    Column("line", SmallInteger, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("party", String(128), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("amount", BigInteger, nullable=False),
    CheckConstraint("amount <> 0", name="not_zero"),
)
"""Lines of entries, from 1. amount: minor units, debit above zero, credit below.

kind, party and currency are the account; an account needs no opening.
"""

REFUSED: Final = Table(
    "refused_event",
    METADATA,
    Column("topic", String(100), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    Column("event_id", String(128), nullable=False),
    Column("event_type", String(100), nullable=False),
    Column("reason", Text, nullable=False),
)
"""Events that were not booked, where they stand in the log, and why."""

POSITIONS: Final = positions_table(METADATA)

IMMUTABLE: Final = (ENTRY, POSTING, REFUSED)
"""Rows of these tables are never changed or deleted; the database refuses it."""
