"""The tickets, in a SQLite database: one row each, under an idempotency key that stands there once."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from typing import Any

from deployments.desk.ticket import Posted, Ticket, id_of

BUSY_SECONDS = 30.0
"""How long a writer waits for another."""

_TABLE = """
CREATE TABLE IF NOT EXISTS tickets (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    idempotency_key TEXT NOT NULL UNIQUE,
    received_at TEXT NOT NULL,
    withdrawn_by INTEGER REFERENCES tickets (number),
    body TEXT NOT NULL
)
"""


class NotTaken(Exception):
    """The desk does not take a delivery; the text says why, without its content."""

    def __init__(self, reason: str, status: HTTPStatus) -> None:
        super().__init__(reason)
        self.status = status


class Store:
    """The tickets in a file, over one connection that threads take turns on; other processes may have the file open."""

    def __init__(self, file: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = clock
        self._turn = Lock()
        file.parent.mkdir(parents=True, exist_ok=True)
        self._connection = _open(file)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def take(self, posted: Posted) -> tuple[str, bool]:
        """Keep a delivery as a ticket; return its id, and whether it is new.

        A reversal withdraws the ticket that it reverses. Raises NotTaken when the key has other content, or when there
        is nothing to reverse; then nothing is changed.
        """
        body = posted.canonical()
        with self._transaction("IMMEDIATE") as connection:
            known = _row(connection, posted.key)
            if known is not None:
                if known["body"] != body:
                    reason = f"{id_of(known['number'])} has this key and other content."
                    raise NotTaken(reason, HTTPStatus.CONFLICT)
                return id_of(known["number"]), False
            number = self._insert(connection, posted.key, body)
            if posted.reverses is not None:
                _withdraw(connection, posted.reverses, by=number)
        return id_of(number), True

    def find(self, key: str) -> str | None:
        """Find the id of the ticket under a key."""
        with self._transaction("DEFERRED") as connection:
            row = _row(connection, key)
        return None if row is None else id_of(row["number"])

    def newest(self, count: int) -> list[Ticket]:
        """Read so many tickets at most, the newest first."""
        statement = "SELECT * FROM tickets ORDER BY number DESC LIMIT ?"
        with self._transaction("DEFERRED") as connection:
            return [_ticket(row) for row in connection.execute(statement, [count])]

    def count(self) -> int:
        """Count the tickets."""
        with self._transaction("DEFERRED") as connection:
            return int(connection.execute("SELECT count(*) FROM tickets").fetchone()[0])

    def _insert(self, connection: sqlite3.Connection, key: str, body: str) -> int:
        statement = "INSERT INTO tickets (idempotency_key, received_at, body) VALUES (?, ?, ?)"
        return int(connection.execute(statement, [key, self._now().isoformat(), body]).lastrowid or 0)

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[sqlite3.Connection]:
        """Open a transaction that commits at its end, or changes nothing when it raises."""
        with self._turn:
            self._connection.execute(f"BEGIN {kind}")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")


def _open(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    try:
        with _alone(file.parent):
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(_TABLE)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep another process from setting up the same database: SQLite waits for no lock where the journal changes."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _row(connection: sqlite3.Connection, key: str) -> Any:
    return connection.execute("SELECT * FROM tickets WHERE idempotency_key = ?", [key]).fetchone()


def _withdraw(connection: sqlite3.Connection, key: str, *, by: int) -> None:
    reversed_one = _row(connection, key)
    if reversed_one is None:
        raise NotTaken("There is no ticket under the key that it reverses.", HTTPStatus.UNPROCESSABLE_ENTITY)
    if reversed_one["withdrawn_by"] is not None:
        before = id_of(reversed_one["withdrawn_by"])
        raise NotTaken(f"{id_of(reversed_one['number'])} was withdrawn before, by {before}.", HTTPStatus.CONFLICT)
    connection.execute("UPDATE tickets SET withdrawn_by = ? WHERE number = ?", [by, reversed_one["number"]])


def _ticket(row: sqlite3.Row) -> Ticket:
    withdrawn_by = row["withdrawn_by"]
    return Ticket(
        id=id_of(row["number"]),
        received_at=datetime.fromisoformat(row["received_at"]),
        posted=Posted.model_validate_json(row["body"]),
        withdrawn_by=None if withdrawn_by is None else id_of(withdrawn_by),
    )
