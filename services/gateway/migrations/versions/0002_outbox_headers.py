"""Write the headers of what waits in the outbox as names and values between NUL bytes."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


OUTBOX = sa.table(
    "outbox", sa.column("position", sa.BigInteger), sa.column("headers", sa.LargeBinary)
)


def upgrade() -> None:
    """Apply."""
    for position, headers in op.get_bind().execute(sa.select(OUTBOX)).all():
        pairs = json.loads(headers)
        _rewrite(position, b"\0".join(part.encode() for pair in pairs for part in pair))


def downgrade() -> None:
    """Undo."""
    for position, headers in op.get_bind().execute(sa.select(OUTBOX)).all():
        parts = headers.decode().split("\0")
        pairs = list(zip(parts[::2], parts[1::2], strict=True))
        _rewrite(position, json.dumps(pairs).encode())


def _rewrite(position: int, headers: bytes) -> None:
    op.get_bind().execute(
        OUTBOX.update().where(OUTBOX.c.position == position), {"headers": headers}
    )
