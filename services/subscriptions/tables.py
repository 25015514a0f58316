"""The tables of the subscriptions database. Instants are milliseconds since 1970."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from services.runtime.database import positions_table

metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

positions: Final = positions_table(metadata)

counter: Final = Table(
    "milestone_counter",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("last_number", BigInteger, nullable=False),
)
"""One row. Who holds its lock numbers milestones and deliveries, so numbers follow commits."""

milestones: Final = Table(
    "milestone",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", Text, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("document", Text, nullable=False),
    UniqueConstraint("event_id"),
)

milestone_insurers: Final = Table(
    "milestone_insurer",
    metadata,
    Column("insurer", String(128), primary_key=True),
    Column("milestone", ForeignKey("milestone.number"), primary_key=True),
)

subscriptions: Final = Table(
    "subscription",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("insurer", String(128), nullable=False, index=True),
    Column("url", String(2000)),
    Column("kinds", Text),
    Column("token_sha256", String(64), nullable=False, server_default=""),
    Column("sealed_secret", Text),
    Column("state", String(16), nullable=False),
    Column("reason", Text),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("last_number", BigInteger, nullable=False),
    Column("delivered_through", BigInteger, nullable=False),
    Column("lease_until_ms", BigInteger, nullable=False),
)
"""state: active, paused or disabled. kinds: JSON list, null for all.

token_sha256: see `keyring`; nobody's while it is empty. sealed_secret: null where there is no url.

delivered_through: the number of the last webhook taken; the next one is the only one under way.
"""

deliveries: Final = Table(
    "delivery",
    metadata,
    Column("subscription", ForeignKey("subscription.id", ondelete="CASCADE"), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("milestone", ForeignKey("milestone.number"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at_ms", BigInteger, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("last_reason", Text),
    UniqueConstraint("subscription", "milestone"),
)
"""state: kept (what is streamed or pulled stays so), delivered or failed."""

NEXT: Final = (deliveries.c.subscription == subscriptions.c.id) & (
    deliveries.c.number == subscriptions.c.delivered_through + 1
)
"""Joins a subscription with the one delivery whose webhook is next."""
