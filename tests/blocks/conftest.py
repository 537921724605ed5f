"""Targets to run one contract against: SqlTarget on both databases, and FolderTarget."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.pool import NullPool

from blocks import FolderTarget, SqlTarget, Target


@dataclass(frozen=True)
class Books:
    """A target, and a look at what stands in it, in no order."""

    target: Target
    rows: Callable[[], list[dict[str, Any]]]

    def keys(self) -> list[str]:
        """Name the deliveries that stand in the target, sorted."""
        return sorted(row["idempotency_key"] for row in self.rows())


@pytest.fixture
def postgres_url(postgres_database: str) -> Iterator[str]:
    """Give the URL of a new, empty schema of the session's PostgreSQL database."""
    schema = f"target_{uuid4().hex[:12]}"
    engine = create_engine(postgres_database, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    yield f"{postgres_database}?options=-csearch_path%3D{schema}"
    with engine.connect() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))


@pytest.fixture(params=["sqlite", "postgresql"])
def sql_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of an empty database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'erp.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


def sql_books(url: str, table: str = "erp_postings") -> Books:
    """Look into a SqlTarget's table with plain SQL."""

    def rows() -> list[dict[str, Any]]:
        engine = create_engine(url, poolclass=NullPool)
        with engine.connect() as connection:
            if not inspect(connection).has_table(table):
                return []
            return [dict(row) for row in connection.execute(text(f"SELECT * FROM {table}")).mappings()]  # noqa: S608

    return Books(SqlTarget(url=url, table=table), rows)


def folder_books(folder: Path) -> Books:
    """Look into a FolderTarget's folder as the system does that picks the files up."""

    def rows() -> list[dict[str, Any]]:
        return [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]

    return Books(FolderTarget(folder=folder), rows)


@pytest.fixture(params=["sqlite", "postgresql", "folder"])
def books(request: pytest.FixtureRequest, tmp_path: Path) -> Books:
    """Give each kind of target once, empty."""
    if request.param == "folder":
        return folder_books(tmp_path / "inbox")
    if request.param == "sqlite":
        return sql_books(f"sqlite:///{tmp_path / 'erp.db'}")
    return sql_books(request.getfixturevalue("postgres_url"))


@pytest.fixture
def sql(sql_url: str) -> Books:
    """Give a SqlTarget on each database."""
    return sql_books(sql_url)


@pytest.fixture
def inbox(tmp_path: Path) -> Books:
    """Give a FolderTarget."""
    return folder_books(tmp_path / "inbox")
