"""Keep which resource has which business identifier."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "identity",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("resource_id", sa.String(128), nullable=False),
        sa.Column("several", sa.Boolean(), nullable=False),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("identity")
