"""Keep what stands, what waits, and what was refused behind the door."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "standing",
        sa.Column("thing_id", sa.String(length=36), nullable=False),
        sa.Column("last_time", sa.String(length=40), nullable=False),
        sa.Column("billed_id", sa.String(length=36), nullable=True),
        sa.Column("fact_id", sa.String(length=128), nullable=True),
        sa.PrimaryKeyConstraint("thing_id"),
    )
    with op.batch_alter_table("standing", schema=None) as batch_op:
        batch_op.create_index("standing_by_bill", ["billed_id"], unique=False)
    op.create_table(
        "awaiting",
        sa.Column("event_id", sa.String(length=128), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("member_id", sa.String(length=128), nullable=False),
        sa.Column("type", sa.String(length=100), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("about_id", sa.String(length=36), nullable=False),
        sa.Column("awaits", sa.Text(), nullable=False),
        sa.Column("awaits_id", sa.String(length=36), nullable=False),
        sa.Column("within_id", sa.String(length=36), nullable=True),
        sa.Column("withdraws", sa.Boolean(), nullable=False),
        sa.Column("since", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
    )
    with op.batch_alter_table("awaiting", schema=None) as batch_op:
        batch_op.create_index("awaiting_by_need", ["awaits_id"], unique=False)
        batch_op.create_index("awaiting_by_source", ["source", "since", "event_id"], unique=False)
        batch_op.create_index("awaiting_by_visit", ["within_id"], unique=False)
        batch_op.create_index("awaiting_by_time", ["since", "event_id"], unique=False)
    op.create_table(
        "refusal",
        sa.Column("letter_id", sa.String(length=128), nullable=False),
        sa.Column("event_id", sa.String(length=300), nullable=False),
        sa.Column("member_id", sa.String(length=128), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("type", sa.String(length=200), nullable=False),
        sa.Column("episode", sa.String(length=200), nullable=True),
        sa.Column("refused_by", sa.String(length=50), nullable=False),
        sa.Column("refused_time", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("driven_as", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("letter_id"),
    )
    with op.batch_alter_table("refusal", schema=None) as batch_op:
        batch_op.create_index("refusal_by_event", ["event_id"], unique=False)
        batch_op.create_index("refusal_by_member", ["member_id"], unique=False)
        batch_op.create_index(
            "refusal_by_source", ["source", "refused_time", "letter_id"], unique=False
        )
        batch_op.create_index("refusal_by_time", ["refused_time", "letter_id"], unique=False)
    with op.batch_alter_table("timeline", schema=None) as batch_op:
        source = sa.Column("source", sa.String(length=200), nullable=False, server_default="")
        batch_op.add_column(source)


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("timeline", schema=None) as batch_op:
        batch_op.drop_column("source")
    op.drop_table("refusal")
    op.drop_table("awaiting")
    op.drop_table("standing")
