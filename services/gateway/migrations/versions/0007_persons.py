"""Keep what is known of a member, in place of its fingerprint: it may be filled in later."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; of members known before, the next registration says who they are."""
    with op.batch_alter_table("member") as member:
        member.drop_column("fingerprint")
        member.add_column(sa.Column("birth_date", sa.String(length=10)))
        member.add_column(
            sa.Column("sex", sa.String(length=10), nullable=False, server_default="unknown")
        )


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("member") as member:
        member.drop_column("sex")
        member.drop_column("birth_date")
        member.add_column(
            sa.Column("fingerprint", sa.String(length=64), nullable=False, server_default="")
        )
