"""Alembic's entry: runs the migrations on the connection it is given (see ledger.database.migrate)."""

from alembic import context

from ledger.database import tables

context.configure(connection=context.config.attributes["connection"], target_metadata=tables())
with context.begin_transaction():
    context.run_migrations()
