"""Keep who took whose place, and whether the facts have followed."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "merge",
        sa.Column("member_id", sa.String(length=128), nullable=False),
        sa.Column("event_id", sa.String(length=128), nullable=False),
        sa.Column("moved", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("member_id"),
    )
    with op.batch_alter_table("member", schema=None) as batch_op:
        batch_op.add_column(sa.Column("same_as", sa.String(length=128), nullable=True))
        batch_op.add_column(sa.Column("stands_for", sa.Text(), server_default="", nullable=False))
    with op.batch_alter_table("household", schema=None) as batch_op:
        batch_op.add_column(sa.Column("merges", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("household", schema=None) as batch_op:
        batch_op.drop_column("merges")
    with op.batch_alter_table("member", schema=None) as batch_op:
        batch_op.drop_column("stands_for")
        batch_op.drop_column("same_as")
    op.drop_table("merge")
