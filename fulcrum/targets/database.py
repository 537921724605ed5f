"""A target's database: how it is opened, how its table is set up, and which errors mean what."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from functools import lru_cache
from typing import Any

from sqlalchemy import Column, Connection, Engine, Table, create_engine, event, inspect, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, ProgrammingError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from fulcrum.errors import DeliveryFailed, TargetMisconfigured
from fulcrum.targets.columns import UNIQUE

WAIT_SECONDS = 30
"""How long a write waits for another's lock; a connection is waited for a third of that."""

MISCONFIGURED = (ProgrammingError, ArgumentError, ImportError)
"""What trying again cannot mend: no table, no right, no such driver, a column of another type."""


class NotSetUp(Exception):
    """The table is there and cannot be posted to; the text says why."""


@lru_cache(maxsize=16)
def engine_of(url: str) -> Engine:
    """Open the database once a process.

    No connection is kept: a batch makes one, so none is ever stale, shared with a forked child or left open.
    """
    parsed = make_url(url)
    backend, driver = parsed.get_backend_name(), parsed.get_driver_name()
    if backend != "sqlite":
        if backend == "postgresql" and driver.startswith("psycopg") and "connect_timeout" not in parsed.query:
            parsed = parsed.update_query_dict({"connect_timeout": str(WAIT_SECONDS // 3)})
        # After a conflict the writer reads what stands there: a snapshot from before would not show it.
        engine = create_engine(parsed, poolclass=NullPool, hide_parameters=True, isolation_level="READ COMMITTED")
        if backend == "postgresql":
            event.listen(engine, "begin", _limit_postgresql_waits)
        return engine
    engine = create_engine(parsed, poolclass=NullPool, hide_parameters=True, connect_args={"timeout": WAIT_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def set_up(engine: Engine, table: Table) -> None:
    """Create the table, or add the columns that it lacks; raise NotSetUp when it is not a target's table.

    Two workers at once are one too many for CREATE TABLE: whoever fails looks again.
    """
    attempts = 3
    for attempt in range(attempts):
        try:
            with engine.connect() as connection, connection.begin():
                _create_or_extend(connection, table)
        except DBAPIError:
            if attempt == attempts - 1:
                raise
        else:
            return


def _create_or_extend(connection: Connection, table: Table) -> None:
    inspector = inspect(connection)
    if not inspector.has_table(table.name, schema=table.schema):
        table.create(connection, checkfirst=False)
        return
    there = {column["name"] for column in inspector.get_columns(table.name, schema=table.schema)}
    missing = [column for column in table.columns if column.name not in there]
    required = [column.name for column in missing if not column.nullable or column.name in UNIQUE]
    if required:
        reason = f"table {table.name} is there without column {', '.join(required)}; name another table"
        raise NotSetUp(reason)
    loose = set(UNIQUE) - _unique_columns(inspector, table)
    if loose:
        reason = f"table {table.name} has no unique constraint on column {', '.join(sorted(loose))}; add it"
        raise NotSetUp(reason)
    _add(connection, table, missing)


def _unique_columns(inspector: Any, table: Table) -> set[str]:
    primary = inspector.get_pk_constraint(table.name, schema=table.schema)["constrained_columns"]
    constraints = inspector.get_unique_constraints(table.name, schema=table.schema)
    indexes = [one for one in inspector.get_indexes(table.name, schema=table.schema) if one["unique"]]
    groups = [primary, *(one["column_names"] for one in [*constraints, *indexes])]
    return {group[0] for group in groups if len(group) == 1 and group[0] is not None}


def _add(connection: Connection, table: Table, columns: list[Column[Any]]) -> None:
    if not columns:
        return
    from alembic.migration import MigrationContext  # noqa: PLC0415  only when a model has grown
    from alembic.operations import Operations  # noqa: PLC0415  the same

    operations = Operations(MigrationContext.configure(connection))
    for column in columns:
        operations.add_column(table.name, Column(column.name, column.type), schema=table.schema)


def failure(error: Exception, target: str) -> DeliveryFailed:
    """Say why the database took nothing: the driver's class and code, never its words, which may quote a row."""
    if isinstance(error, NotSetUp):
        return TargetMisconfigured(target=target, reason=str(error))
    kind = TargetMisconfigured if isinstance(error, MISCONFIGURED) else DeliveryFailed
    return kind(target=target, reason=name_of(error))


def name_of(error: Exception) -> str:
    """Name an error by its class and the driver's code: "OperationalError SQLITE_BUSY"."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    code = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None)
    return f"{type(cause).__name__} {code}" if code else type(cause).__name__


FAILURES = (SQLAlchemyError, ImportError, OSError, NotSetUp)
"""What leaves a batch undelivered; it is tried again."""


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None
    # Two processes that switch to WAL at once fail one another whatever the time-out; the loser works without it.
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that turns writer fails at once when another has written, whatever the time-out.
    connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get("reads") else "BEGIN IMMEDIATE")


def _limit_postgresql_waits(connection: Connection) -> None:
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'")
