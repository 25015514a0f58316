"""The timeline's tables: whoever keeps a timeline migrates them with its own."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text

from services.runtime.database import positions_table

METADATA: Final = MetaData()

# SQLite numbers rows by itself only where the key is exactly INTEGER.
_NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")

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
    Column("source", String(200), nullable=False, server_default=""),
    Index("timeline_by_member", "member_id", "stored_ms", "position"),
    Index("timeline_by_correlation", "correlation_id", "type"),
)
"""One row per event about a member: its place in the order of reading, then an `Item`."""

REFUSAL: Final = Table(
    "refusal",
    METADATA,
    Column("letter_id", String(128), primary_key=True),
    Column("event_id", String(300), nullable=False),
    Column("member_id", String(128), nullable=False),
    Column("source", String(200), nullable=False),
    Column("type", String(200), nullable=False),
    Column("episode", String(200)),
    Column("refused_by", String(50), nullable=False),
    Column("refused_time", String(40), nullable=False),
    Column("reason", Text, nullable=False),
    Column("driven_as", String(36), nullable=False),
    Index("refusal_by_event", "event_id"),
    Index("refusal_by_member", "member_id"),
    Index("refusal_by_source", "source", "refused_time", "letter_id"),
    Index("refusal_by_time", "refused_time", "letter_id"),
)
"""What a stage refused after the gateway had accepted it: a `Refusal`."""

POSITIONS: Final = positions_table(METADATA)
