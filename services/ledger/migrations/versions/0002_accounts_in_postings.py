"""Let each posting say its account itself: no table of accounts to open, lock and join."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this version."""
    op.execute(
        "CREATE TABLE kept AS SELECT p.event_id, p.line, a.kind, a.party, a.currency, p.amount "
        "FROM posting p JOIN account a ON a.code = p.account"
    )
    op.drop_table("posting")
    op.drop_table("account")
    _create_posting(
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("party", sa.String(length=128), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
    )
    op.execute(
        "INSERT INTO posting (event_id, line, kind, party, currency, amount) "
        "SELECT event_id, line, kind, party, currency, amount FROM kept"
    )
    op.drop_table("kept")
    _forbid_changes("posting")


def downgrade() -> None:
    """Take this version back."""
    op.execute(
        "CREATE TABLE kept AS SELECT event_id, line, kind, party, currency, amount, "
        "kind || ':' || party || ':' || currency AS code FROM posting"
    )
    op.drop_table("posting")
    op.create_table(
        "account",
        sa.Column("code", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("party", sa.String(length=128), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_account")),
    )
    _create_posting(
        sa.Column("account", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.code"], name=op.f("fk_posting_account")),
    )
    op.execute(
        "INSERT INTO account (code, kind, party, currency) "
        "SELECT DISTINCT code, kind, party, currency FROM kept"
    )
    op.execute(
        "INSERT INTO posting (event_id, line, account, amount) "
        "SELECT event_id, line, code, amount FROM kept"
    )
    op.drop_table("kept")
    _forbid_changes("account", "posting")


def _create_posting(*account: sa.Column[str] | sa.ForeignKeyConstraint) -> None:
    op.create_table(
        "posting",
        sa.Column("event_id", sa.String(length=128), nullable=False),
        sa.Column("line", sa.SmallInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        *account,
        sa.CheckConstraint("amount <> 0", name=op.f("ck_posting_not_zero")),
        sa.ForeignKeyConstraint(
            ["event_id"], ["journal_entry.event_id"], name=op.f("fk_posting_event_id")
        ),
        sa.PrimaryKeyConstraint("event_id", "line", name=op.f("pk_posting")),
    )


def _forbid_changes(*tables: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in tables:
            op.execute(
                f"CREATE TRIGGER {table}_is_immutable BEFORE UPDATE OR DELETE OR TRUNCATE "
                f"ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
        return
    for table in tables:
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are never changed; "
                "correct them by new ones'); END"
            )
