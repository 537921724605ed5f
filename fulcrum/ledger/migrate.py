"""Bringing a ledger's schema to what this release needs, with Alembic under a version table of our own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import make_url

from fulcrum.errors import LedgerOutdated
from fulcrum.ledger.store import Store, shown

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

VERSION_TABLE = "fulcrum_version"
"""Prefect's migrations keep theirs under the default name; both may live in one database."""


def migrate(url: str) -> str | None:
    """Migrate the ledger to the newest schema; return the revision it had before, None when it was new."""
    from alembic import command  # noqa: PLC0415 - a quarter of a second that reading needs not pay

    store = Store(url)
    try:
        with store.write() as tx:
            before = _revision(tx)
            command.upgrade(_config(tx), "head")
        return before
    finally:
        store.close()


def revision_of(url: str) -> str | None:
    """Read the revision of a ledger's schema, and change nothing; None where there is no ledger yet."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        return None
    store = Store(url)
    try:
        with store.read() as tx:
            return _revision(tx)
    finally:
        store.close()


def ensure_current(store: Store) -> None:
    """Raise LedgerOutdated when the ledger's schema is not this release's."""
    with store.read() as tx:
        found = _revision(tx)
    if found != HEAD:
        raise LedgerOutdated(url=shown(store.url), found=found or "nothing yet", needed=HEAD)


HEAD = "0007"
"""The newest revision; a test compares it with the migrations' folder."""


def _revision(tx: Connection) -> str | None:
    from sqlalchemy import inspect, text  # noqa: PLC0415 - see above

    if not inspect(tx).has_table(VERSION_TABLE):
        return None
    return tx.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - a constant of ours


def _config(tx: Connection) -> Config:
    from alembic.config import Config  # noqa: PLC0415 - see above

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = tx
    return config
