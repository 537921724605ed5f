"""What a run does when what it stands on fails in the middle: the disk, the ledger, the Prefect server."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from threading import Event, Thread
from typing import Any, NoReturn

import pytest
from httpx import ConnectError

from fulcrum.ai.conversation import AHEAD
from fulcrum.errors import LedgerUnavailable, ServerAway
from tests.intake_office import ModelServer, Office, documents, model_server, names, number_of, write_jsonl
from tests.loopback import wait_for
from tests.own_server import server_of_its_own

CASES = 12


@pytest.fixture
def models(prefect_server: Any) -> Iterator[ModelServer]:
    """Give a model that takes its time, so that there is a middle to fail in."""
    with model_server() as server:
        server.delay = 0.3
        yield server


@pytest.fixture
def office(prefect_server: Any, tmp_path: Path) -> Office:
    """Give an empty ledger and an ERP that nobody else posts into."""
    return Office.found(tmp_path / "home", tmp_path / "erp.db")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of its own with room for a ledger, and little more."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def in_the_middle(models: ModelServer, fault: Callable[[], None]) -> Iterator[None]:
    """Let a fault happen once the model has been asked for the first time."""
    models.asked.clear()

    def happen() -> None:
        wait_for(lambda: models.asked)
        fault()

    thread = Thread(target=happen)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def fill(folder: Path) -> None:
    """Write a file until the file system that a folder lies on has no room left."""
    with (folder / "ballast").open("wb", buffering=0) as file:
        for size in (65536, 512):
            with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
                _write_on(file, size)


def _write_on(file: FileIO, size: int) -> NoReturn:
    while True:
        file.write(bytes(size))


def asked_of(models: ModelServer, found: list[str]) -> dict[str, int]:
    """Count how often the model was asked about each document."""
    return {name: models.asked.count(number_of(name)) for name in found}


def test_a_full_disk_fails_the_run_and_the_next_one_finishes(
    prefect_server: Any, models: ModelServer, small_disk: Path, tmp_path: Path
) -> None:
    """The error says what is wrong; when there is room again nothing is lost, and only calls in flight are repeated."""
    office = Office.found(small_disk / "home", tmp_path / "erp.db")
    found = names(CASES, "full-disk")
    source = write_jsonl(tmp_path / "in.jsonl", documents(found))
    model = models.block("full-disk", concurrency=2)
    with in_the_middle(models, lambda: fill(small_disk)), pytest.raises(LedgerUnavailable, match="full"):
        office.run(source, model=model)
    (small_disk / "ballast").unlink()
    office.lapse()
    report = office.run(source, model=model)
    assert (report.still_open, report.cleared, office.statuses()) == (0, CASES, {"delivered": CASES})
    assert office.broken_chains() == []
    assert sum(asked_of(models, found).values()) <= CASES + 2 * AHEAD


def test_a_locked_ledger_is_waited_for(office: Office, models: ModelServer, tmp_path: Path) -> None:
    """Another writer that holds the lock for some seconds delays a run, and costs no second call."""
    found = names(CASES, "locked")
    source = write_jsonl(tmp_path / "in.jsonl", documents(found))

    def lock() -> None:
        with closing(sqlite3.connect(office.home / "ledger.db", isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            time.sleep(3)

    with in_the_middle(models, lock):
        report = office.run(source, model=models.block("locked", concurrency=2))
    assert (report.still_open, report.cleared) == (0, CASES)
    assert set(asked_of(models, found).values()) == {1}


@dataclass
class OwnServer:
    """A Prefect server that a test may stop, with an office on its home."""

    server: Any
    office: Office
    over: Event = field(default_factory=Event)

    def start_again(self) -> None:
        """Start it from this thread, and stay: the server ends with the thread that started it."""
        self.server.stop()
        self.server.start()
        self.over.wait()


@pytest.fixture(scope="module")
def own_server(make_home: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnServer]:
    """Start a server with everything registered, and point this process at it."""
    from deployments.bootstrap import bootstrap
    from fulcrum.settings import Settings

    settings = Settings(home=make_home(tmp_path_factory.mktemp("own") / "home"))
    with server_of_its_own(settings) as server:
        bootstrap(server.url, settings)
        yield OwnServer(server, Office.found(settings.home, settings.home / "erp.db"))


def test_a_server_that_stays_away_fails_the_run_and_the_next_one_finishes(
    models: ModelServer, own_server: OwnServer, tmp_path: Path
) -> None:
    """The ledger says why, keeps what was paid, and another run on the server that is back asks nothing twice."""
    from deployments.stack.environment import applied

    office = own_server.office
    found = names(CASES, "away")
    source = write_jsonl(tmp_path / "in.jsonl", documents(found))
    model = models.block("away", concurrency=2)
    with (
        applied({"PREFECT_CLIENT_MAX_RETRIES": "0"}),
        in_the_middle(models, own_server.server.stop),
        pytest.raises((ServerAway, ConnectError)),
    ):
        office.run(source, model=model)
    failed = office.newest_run()
    assert (failed["state"], failed["error"].partition(" (")[0]) == (
        "failed",
        str(ServerAway(reason="")).partition(" (")[0],
    )
    own_server.server.start()
    own_server.server.wait()
    report = office.run(source, model=model)
    assert (report.still_open, office.statuses()) == (0, {"delivered": CASES})
    assert set(asked_of(models, found).values()) == {1}


def test_a_server_that_is_started_again_is_waited_for(
    models: ModelServer, own_server: OwnServer, tmp_path: Path
) -> None:
    """A run whose Prefect server is away for some seconds goes on, and shows its reviews when the server is back."""
    found = [*names(CASES, "restart"), *names(2, "restart", audited=True)]
    source = write_jsonl(tmp_path / "in.jsonl", documents(found))
    with in_the_middle(models, own_server.start_again), ExitStack() as stack:
        stack.callback(own_server.over.set)
        report = own_server.office.run(source, model=models.block("restart", concurrency=2))
    assert (report.still_open, report.cleared, report.in_review) == (0, CASES, 2)
    assert set(asked_of(models, found).values()) == {1}
