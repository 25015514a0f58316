"""Alembic's entry: migrates the ledger over the connection it is given.

After a change of `tables.py`, `alembic.command.revision(config, message, autogenerate=True)` with
this folder as `script_location` and a connection in `config.attributes` writes the next version.
"""

from alembic import context

from services.ledger.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
