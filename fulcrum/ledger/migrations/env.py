"""Alembic's entry: runs the migrations on the connection that `fulcrum.ledger.migrate` hands it."""

from __future__ import annotations

from alembic import context

import fulcrum.ledger.watch_tables  # noqa: F401 - its tables join the others
from fulcrum.ledger.migrate import VERSION_TABLE
from fulcrum.ledger.tables import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
