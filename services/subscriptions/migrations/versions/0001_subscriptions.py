"""Milestones, subscriptions and their deliveries."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply this version."""
    op.create_table(
        "log_position",
        sa.Column("topic", sa.String(length=100), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition", name=op.f("pk_log_position")),
    )
    op.create_table(
        "milestone",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_milestone")),
        sa.UniqueConstraint("event_id", name=op.f("uq_milestone_event_id")),
    )
    op.create_table(
        "milestone_counter",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_milestone_counter")),
    )
    op.create_table(
        "subscription",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("insurer", sa.String(length=128), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=True),
        sa.Column("kinds", sa.Text(), nullable=True),
        sa.Column("secret", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.Column("delivered_through", sa.BigInteger(), nullable=False),
        sa.Column("lease_until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
    )
    with op.batch_alter_table("subscription", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_subscription_insurer"), ["insurer"], unique=False)

    op.create_table(
        "delivery",
        sa.Column("subscription", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("milestone", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["milestone"], ["milestone.number"], name=op.f("fk_delivery_milestone")
        ),
        sa.ForeignKeyConstraint(
            ["subscription"],
            ["subscription.id"],
            name=op.f("fk_delivery_subscription"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscription", "number", name=op.f("pk_delivery")),
        sa.UniqueConstraint("subscription", "milestone", name=op.f("uq_delivery_subscription")),
    )
    op.create_table(
        "milestone_insurer",
        sa.Column("insurer", sa.String(length=128), nullable=False),
        sa.Column("milestone", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["milestone"], ["milestone.number"], name=op.f("fk_milestone_insurer_milestone")
        ),
        sa.PrimaryKeyConstraint("insurer", "milestone", name=op.f("pk_milestone_insurer")),
    )
    op.execute("INSERT INTO milestone_counter (id, last_number) VALUES (1, 0)")


def downgrade() -> None:
    """Take this version back."""
    op.drop_table("milestone_insurer")
    op.drop_table("delivery")
    with op.batch_alter_table("subscription", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_subscription_insurer"))

    op.drop_table("subscription")
    op.drop_table("milestone_counter")
    op.drop_table("milestone")
    op.drop_table("log_position")
