"""Where a benchmark keeps its state: an empty home, an empty database, nothing of the user's own settings."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

ROOT = Path(__file__).resolve().parents[2]
"""The checkout, in which the processes of a benchmark are started."""
POSTGRES = "postgresql+psycopg://postgres@127.0.0.1:5432"
"""Where PostgreSQL is expected, as the tests expect it; it needs no password."""


@contextmanager
def own_home() -> Iterator[Path]:
    """Make an empty folder the home of this process and its children, whatever the user's variables say."""
    for name in [name for name in os.environ if name.startswith(("FULCRUM_", "PREFECT_"))]:
        del os.environ[name]
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"FULCRUM_HOME": home, "FULCRUM_PORT": "0", "FULCRUM_DESK_PORT": "0"}
        yield Path(home)


@contextmanager
def postgres_database() -> Iterator[str]:
    """Make an empty PostgreSQL database and give its URL; drop it at the end."""
    from sqlalchemy import create_engine, text

    name = f"fulcrum_benchmark_{uuid4().hex[:12]}"
    server = create_engine(f"{POSTGRES}/postgres", isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield f"{POSTGRES}/{name}"
    finally:
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        server.dispose()
