"""Create the ledger's tables, whose rows no one can change."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


_IMMUTABLE = ("account", "journal_entry", "posting", "refused_event")
_REFUSE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed; correct them by new ones', TG_TABLE_NAME;
END $$
"""


def upgrade() -> None:
    """Apply this version."""
    op.create_table(
        "account",
        sa.Column("code", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("party", sa.String(length=128), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_account")),
    )
    op.create_table(
        "journal_entry",
        sa.Column("event_id", sa.String(length=128), nullable=False),
        sa.Column("event_type", sa.String(length=100), nullable=False),
        sa.Column("fingerprint", sa.String(length=16), nullable=False),
        sa.Column("request_id", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("billed", sa.BigInteger(), nullable=False),
        sa.Column("split", sa.String(length=16), nullable=False),
        sa.Column("occurred_at", sa.String(length=40), nullable=False),
        sa.CheckConstraint(
            "kind IN ('billed', 'decided', 'reversed')", name=op.f("ck_journal_entry_kind")
        ),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_journal_entry")),
        sa.UniqueConstraint("request_id", "kind", name=op.f("uq_journal_entry_request_id_kind")),
    )
    op.create_table(
        "log_position",
        sa.Column("topic", sa.String(length=100), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition", name=op.f("pk_log_position")),
    )
    op.create_table(
        "refused_event",
        sa.Column("topic", sa.String(length=100), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.String(length=128), nullable=False),
        sa.Column("event_type", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition", "offset", name=op.f("pk_refused_event")),
    )
    op.create_table(
        "posting",
        sa.Column("event_id", sa.String(length=128), nullable=False),
        sa.Column("line", sa.SmallInteger(), nullable=False),
        sa.Column("account", sa.String(length=200), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_posting_not_zero")),
        sa.ForeignKeyConstraint(["account"], ["account.code"], name=op.f("fk_posting_account")),
        sa.ForeignKeyConstraint(
            ["event_id"], ["journal_entry.event_id"], name=op.f("fk_posting_event_id")
        ),
        sa.PrimaryKeyConstraint("event_id", "line", name=op.f("pk_posting")),
    )
    _forbid_changes()


def downgrade() -> None:
    """Take this version back."""
    op.drop_table("posting")
    op.drop_table("refused_event")
    op.drop_table("log_position")
    op.drop_table("journal_entry")
    op.drop_table("account")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change()")


def _forbid_changes() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_REFUSE)
        for table in _IMMUTABLE:
            op.execute(
                f"CREATE TRIGGER {table}_is_immutable BEFORE UPDATE OR DELETE OR TRUNCATE "
                f"ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
        return
    for table in _IMMUTABLE:
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are never changed; "
                "correct them by new ones'); END"
            )
