"""Of a token the digest, of a signing secret what only a key opens.

Until now one secret was both. It stays the token of its subscription, and, where there is a url,
what signs.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import context, op

from services.subscriptions.keyring import Keyring, digest

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_OLD = sa.table("subscription", sa.column("id"), sa.column("url"), sa.column("secret"))
_NEW = sa.table(
    "subscription", sa.column("id"), sa.column("token_sha256"), sa.column("sealed_secret")
)


def upgrade() -> None:
    """Apply this version."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        # What is removed would stay readable in the file's free space.
        connection.exec_driver_sql("PRAGMA secure_delete=ON")
    # Not Alembic's batches: on SQLite they drop the table, and its deliveries with it.
    digests = sa.Column("token_sha256", sa.String(length=64), server_default="", nullable=False)
    op.add_column("subscription", digests)
    op.add_column("subscription", sa.Column("sealed_secret", sa.Text(), nullable=True))
    for old in connection.execute(sa.select(_OLD)).all():
        sealed = None if old.url is None else _keyring().seal(old.secret)
        connection.execute(
            sa.update(_NEW)
            .where(_NEW.c.id == old.id)
            .values(token_sha256=digest(old.secret), sealed_secret=sealed)
        )
    op.drop_column("subscription", "secret")


def downgrade() -> None:
    """Take this version back."""
    message = "no token can be had from its digest: restore a backup"
    raise NotImplementedError(message)


def _keyring() -> Keyring:
    keyring: Keyring | None = context.config.attributes.get("keyring")
    if keyring is None:
        message = "there are secrets to seal: migrate by starting the subscriptions process"
        raise RuntimeError(message)
    return keyring
