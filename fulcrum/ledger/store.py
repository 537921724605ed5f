"""The ledger's database: SQLite or PostgreSQL behind one pair of transactions, one to read and one to write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from fulcrum.errors import LedgerUnavailable

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

BUSY_SECONDS = 60.0
"""How long a SQLite writer waits for another before it gives up."""


def utc_now() -> datetime:
    """Say what time it is, in UTC."""
    return datetime.now(UTC)


class Store:
    """Opens transactions on the ledger's database.

    Every write on SQLite begins IMMEDIATE: with a deferred one two writers fail each other at once, and with the
    driver's default two claims of one case both succeed (measured; docs/decisions/0002-sqlite-begin-immediate.md).
    """

    def __init__(self, url: str, *, clock: Callable[[], datetime] = utc_now) -> None:
        self.url = url
        self.now = clock
        self.engine = _engine(url)
        self.sqlite = self.engine.dialect.name == "sqlite"

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that commits at its end, or changes nothing when it raises."""
        with self._said(), self.engine.connect() as connection:
            writing = connection.execution_options(fulcrum_write=True)
            with writing.begin():
                yield writing

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads, at one moment."""
        with self._said(), self.engine.connect() as connection, connection.begin():
            yield connection

    def insert(self, table: type[Any]) -> postgresql.Insert | sqlite.Insert:
        """Begin an INSERT that may say what to do with a row that is there: each dialect has its own."""
        if self.sqlite:
            from sqlalchemy.dialects import sqlite  # noqa: PLC0415 - one database's is enough to import

            return sqlite.insert(table)
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - the same

        return postgresql.insert(table)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            raise self._unavailable(error) from None
        except DBAPIError as error:
            if error.connection_invalidated:
                raise self._unavailable(error) from None
            raise

    def _unavailable(self, error: DBAPIError) -> LedgerUnavailable:
        # The driver's own words name hosts and locks, never a row; SQLAlchemy's add the statement and its values.
        return LedgerUnavailable(url=shown(self.url), reason=str(error.orig).strip().splitlines()[0])


def shown(url: str) -> str:
    """Write a database URL without its password."""
    return make_url(url).render_as_string(hide_password=True)


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True, hide_parameters=True)
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("fulcrum_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
