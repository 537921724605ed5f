"""The strikes: each hits one part of a stand that is at work, and leaves it as the next run is to find it."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from benchmarks.crashing.stand import Run, Stand, wait_for
from benchmarks.loopback.home import POSTGRES
from deployments.stack.processes import ProcessId, descendants

Strike = Callable[[Stand, Run, random.Random], None]
AWAY = (2.0, 5.0)
"""Seconds that a server stays away before it is started again, which takes some more, and that a lock is held."""


def kill_flow(_stand: Stand, run: Run, _draw: random.Random) -> None:
    """Kill -9 the process of the flow run."""
    run.process.kill()
    wait_for(lambda: not run.alive())


def kill_worker(stand: Stand, run: Run, _draw: random.Random) -> None:
    """Kill -9 the worker with everything it started, as a machine or a container that is lost; start another one."""
    # The worker first, or it would still tell the server that its run has crashed.
    lost = [ProcessId.of(stand.worker.pid), *descendants(stand.worker.pid)]
    for process in lost:
        process.kill()
    stand.worker.stop()
    wait_for(lambda: not run.alive())
    stand.new_worker()


def stop_server(stand: Stand, _run: Run, draw: random.Random) -> None:
    """Stop the Prefect server, by SIGTERM or SIGKILL, and start it again after some seconds."""
    with server_away(stand, kill=draw.random() < 0.5):
        time.sleep(draw.uniform(*AWAY))


def cut_database(stand: Stand, _run: Run, draw: random.Random) -> None:
    """Cut every connection to the ledger; SQLite has none to cut, so another writer locks it for some seconds."""
    if stand.ledger.store.sqlite:
        with ledger_locked(stand):
            time.sleep(draw.uniform(*AWAY))
    else:
        _terminate_backends(stand)


STRIKES: dict[str, Strike] = {
    "kill_flow": kill_flow,
    "kill_worker": kill_worker,
    "stop_server": stop_server,
    "cut_database": cut_database,
}
"""By name, in their turns."""


@contextmanager
def server_away(stand: Stand, *, kill: bool = False) -> Iterator[None]:
    """Keep the Prefect server away for the length of a block; when it is over, the server answers again."""
    if kill:
        ProcessId.of(stand.server.pid).kill()
    stand.server.stop()
    try:
        yield
    finally:
        stand.server.start()
        stand.server.wait()


@contextmanager
def ledger_locked(stand: Stand) -> Iterator[None]:
    """Hold the write lock of a SQLite ledger for the length of a block, as another writer would."""
    file = stand.settings.ledger_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(file, isolation_level=None, timeout=30)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def _terminate_backends(stand: Stand) -> None:
    from sqlalchemy import create_engine, make_url, text

    name = make_url(stand.settings.ledger_url).database
    engine = create_engine(f"{POSTGRES}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
        )
    engine.dispose()
