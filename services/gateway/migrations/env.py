"""Alembic's entry: migrates over the connection it is given."""

from alembic import context

from services.gateway.acceptance.tables import METADATA
from services.timeline.tables import METADATA as TIMELINE_METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=[METADATA, TIMELINE_METADATA],
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
