"""Fixtures that any test may ask for by name: empty ledgers on both databases, and one real Prefect server."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

POSTGRES = "postgresql+psycopg://postgres@127.0.0.1:5432"
"""Where the test PostgreSQL answers; it needs no password."""


_SCRATCH = Path(tempfile.mkdtemp(prefix="fulcrum-tests-"))


def pytest_configure() -> None:
    """Keep every test out of the developer's .fulcrum and ~/.prefect, before any test module imports Prefect."""
    (_SCRATCH / "prefect").mkdir()
    os.environ.update(
        FULCRUM_HOME=str(_SCRATCH),
        PREFECT_HOME=str(_SCRATCH / "prefect"),
        PREFECT_PROFILES_PATH=str(_SCRATCH / "prefect" / "profiles.toml"),
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        DO_NOT_TRACK="1",
    )
    for name in ("FULCRUM_LEDGER_URL", "FULCRUM_PORT", "PREFECT_API_URL", "PREFECT_PROFILE"):
        os.environ.pop(name, None)


def pytest_unconfigure() -> None:
    """Remove what the tests left there."""
    shutil.rmtree(_SCRATCH, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A Prefect server that serves this session: its API's URL and the home its state lies in."""

    url: str
    home: Path


def _unavailable(reason: str) -> None:
    """Skip for want of PostgreSQL, or fail where it is required (FULCRUM_REQUIRE_POSTGRES=1)."""
    message = f"no PostgreSQL at 127.0.0.1:5432: {reason}"
    if os.environ.get("FULCRUM_REQUIRE_POSTGRES") == "1":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def postgres_database() -> Iterator[str]:
    """Give the SQLAlchemy URL of an empty PostgreSQL database that lives as long as the session."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import DBAPIError, NoSuchModuleError

    name = f"fulcrum_test_{uuid4().hex[:12]}"
    try:
        server = create_engine(
            f"{POSTGRES}/postgres", isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3}
        )
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
    except (DBAPIError, NoSuchModuleError, ModuleNotFoundError) as error:
        _unavailable(str(error).splitlines()[0])
    yield f"{POSTGRES}/{name}"
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Give a function whose every call makes a new, empty database: a file on SQLite, a schema on PostgreSQL."""
    if request.param == "sqlite":
        yield lambda: f"sqlite:///{tmp_path / uuid4().hex[:12]}.db"
        return
    from sqlalchemy import create_engine, text

    database: str = request.getfixturevalue("postgres_database")
    engine = create_engine(database, isolation_level="AUTOCOMMIT")
    schemas: list[str] = []

    def new() -> str:
        schemas.append(f"ledger_{uuid4().hex[:12]}")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE SCHEMA {schemas[-1]}"))
        return f"{database}?options=-csearch_path%3D{schemas[-1]}"

    yield new
    with engine.connect() as connection:
        for schema in schemas:
            connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()


@pytest.fixture
def ledger_url(ledger_urls: Callable[[], str]) -> str:
    """Give the SQLAlchemy URL of an empty database, once on SQLite and once on PostgreSQL."""
    return ledger_urls()


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Start a real Prefect server with everything registered, and point this process at it, for the whole session."""
    from deployments.stack import api
    from fulcrum.settings import Settings

    home = tmp_path_factory.mktemp("fulcrum")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FULCRUM_HOME", str(home))
        environment.delenv("FULCRUM_LEDGER_URL", raising=False)
        environment.delenv("PREFECT_API_URL", raising=False)
        with api(Settings(port=0)) as url:
            yield RunningServer(url=url, home=home)
