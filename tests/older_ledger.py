"""A ledger as an older release has left it: made by its migrations, filled with what its tables have a place for."""

from __future__ import annotations

from sqlalchemy import MetaData, TableClause, column, insert, select, table

import fulcrum.ledger.watch_tables  # noqa: F401 - its tables join the others
from fulcrum.ledger.migrate import VERSION_TABLE, _config
from fulcrum.ledger.store import Store
from fulcrum.ledger.tables import Base


def migrate_to(url: str, revision: str) -> None:
    """Make a ledger's schema as it was at a revision."""
    from alembic import command

    store = Store(url)
    try:
        with store.write() as tx:
            command.upgrade(_config(tx), revision)
    finally:
        store.close()


def copy(source: str, target: str) -> None:
    """Copy of every row what the target's tables have a place for; the two may be of different kinds of database."""
    sources, targets = Store(source), Store(target)
    try:
        with sources.read() as reading, targets.write() as writing:
            found = MetaData()
            found.reflect(writing)
            for old in found.sorted_tables:
                if old.name == VERSION_TABLE:
                    continue
                shared = _typed(old.name, [each.name for each in old.columns])
                rows = [dict(row) for row in reading.execute(select(*shared.columns)).mappings()]
                writing.execute(old.delete())
                if rows:
                    writing.execute(insert(shared), rows)
    finally:
        sources.close()
        targets.close()


def _typed(name: str, columns: list[str]) -> TableClause:
    """Describe some columns of a table by the ledger's own types, which read and write each database as it needs."""
    known = Base.metadata.tables[name].columns
    return table(name, *(column(each, known[each].type) for each in columns))
