"""Fixtures that any test may ask for by name: empty ledgers on both databases, and one real Prefect server."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

# How long an example takes is the machine's affair.
settings.register_profile("fulcrum", deadline=None)
settings.load_profile("fulcrum")

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
        # The tests' servers start nothing by themselves; that schedules start runs is test_up's to show, in its own.
        PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED="false",
    )
    # A shell that starts the tests in the background has them, and all that they start, ignore Ctrl-C.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    fulcrum = ("FULCRUM_LEDGER_URL", "FULCRUM_PORT", "FULCRUM_REVIEWERS_KEY")
    for name in (*fulcrum, "PREFECT_API_URL", "PREFECT_PROFILE"):
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
def migrated_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a Prefect database that a server has migrated; kept in pytest's cache, for it is half of a first start."""
    import sqlite3
    from importlib.metadata import version

    from deployments.stack import Server
    from deployments.stack.processes import free_port
    from fulcrum.settings import Settings

    kept = request.config.cache.mkdir("fulcrum") / f"prefect-{version('prefect')}.db"
    if kept.exists():
        return kept
    home = tmp_path_factory.mktemp("first-start")
    server = Server(Settings(home=home), free_port(0))
    try:
        server.start()
        server.wait()
    finally:
        server.stop()
    new = tmp_path_factory.mktemp("migrated") / "prefect.db"
    with closing(sqlite3.connect(home / "prefect" / "prefect.db")) as database:
        database.execute("VACUUM INTO ?", [str(new)])
    # Another process of the same test run may make it at the same moment: it is there wholly, or not at all.
    moved = kept.with_suffix(f".{uuid4().hex[:8]}")
    shutil.move(new, moved)
    moved.replace(kept)
    return kept


@pytest.fixture(scope="session")
def make_home(migrated_database: Path) -> Callable[[Path], Path]:
    """Give a function that makes a folder a home on which a server starts in half the time."""

    def make(folder: Path) -> Path:
        (folder / "prefect").mkdir(parents=True)
        shutil.copy(migrated_database, folder / "prefect" / "prefect.db")
        return folder

    return make


@pytest.fixture(scope="session")
def prefect_server(
    make_home: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """Start a real Prefect server with everything registered, and point this process at it, for the whole session."""
    from deployments.stack import api
    from fulcrum.settings import Settings

    home = make_home(tmp_path_factory.mktemp("fulcrum") / "home")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FULCRUM_HOME", str(home))
        with api(Settings(port=0)) as url:
            yield RunningServer(url=url, home=home)


@pytest.fixture
def client(prefect_server: RunningServer) -> Iterator[SyncPrefectClient]:
    """Give a client of the session's server."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        yield client
