"""Long faults, one at a time in the middle of a run: the ledger locked, the Prefect server away, the disk full."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.crashing.inbox import PROCESS
from benchmarks.crashing.stand import CONCURRENCY, Run, Stand, wait_for
from benchmarks.crashing.strikes import ledger_locked, server_away
from benchmarks.crashing.tally import AT_REST
from benchmarks.loopback import model_server
from fulcrum.ai.conversation import AHEAD

MESSAGES = 90
LOCKED_S, AWAY_S, FULL_S = 30.0, 60.0, 60.0
"""Seconds that each fault lasts, or until the run has ended; a server takes some more until it answers again."""
DISK_MB = 48


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong for a while; `under_way` calls at most are lost, where nothing can be written."""

    name: str
    seconds: float
    wrong: Callable[[Stand], AbstractContextManager[None]]
    under_way: int = 0


FAULTS = (
    Fault("ledger_locked", LOCKED_S, ledger_locked),
    Fault("server_away", AWAY_S, server_away),
    Fault("disk_full", FULL_S, lambda stand: disk_full(ledger_file(stand.settings.ledger_url)), CONCURRENCY * AHEAD),
)


def meet(stand: Stand, fault: Fault) -> dict[str, Any]:
    """Let a fault happen in the middle of a run, and then a run in peace; say how both ended, what was paid twice."""
    before = model_server.counts(stand.model)
    run = stand.start_run(stand.inbox.arrive(MESSAGES))
    wait_for(lambda: model_server.counts(stand.model)["calls"] > before["calls"] + MESSAGES // 10)
    began = time.monotonic()
    with fault.wrong(stand):
        while run.alive() and time.monotonic() - began < fault.seconds:
            time.sleep(0.1)
    wrong_for = time.monotonic() - began
    wait_for(lambda: not run.alive(), seconds=900)
    ended_after = time.monotonic() - began
    worker_ended = stand.worker.exit_code is not None
    if worker_ended:
        stand.new_worker()
    next_run = stand.start_run(stand.inbox.arrive(MESSAGES // 10))
    wait_for(lambda: not next_run.alive(), seconds=900)
    calls = model_server.counts(stand.model)
    return {
        "fault_s": round(wrong_for, 1),
        "run_ended_as": _brief(stand, run),
        "run_ended_after_s": round(ended_after, 1),
        "worker_ended": worker_ended,
        "next_run_ended_as": _brief(stand, next_run),
        "cases_not_finished": _unfinished(stand),
        "extra_calls": (calls["calls"] - before["calls"]) - (calls["cases"] - before["cases"]),
        "under_way_at_most": fault.under_way,
    }


def _brief(stand: Stand, run: Run) -> str:
    return stand.state(run).partition(": The ")[0][:160]


def _unfinished(stand: Stand) -> int:
    at_rest = sum(case.status in AT_REST for case in stand.ledger.reading.cases(PROCESS))
    return stand.inbox.arrived - at_rest


def ledger_file(url: str) -> Path:
    """Name the file of a SQLite ledger."""
    return Path(url.removeprefix("sqlite:///"))


@contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """Mount a small file system of memory on a folder for the length of a block; None where that is not permitted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607 - as the system has it


@contextmanager
def disk_full(file: Path) -> Iterator[None]:
    """Leave no room on the file system that a file lies on for the length of a block."""
    with closing(sqlite3.connect(file)) as connection:
        # SQLite writes over the log that it has, as long as there is one.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ballast = file.with_name("ballast")
    with ballast.open("wb", buffering=0) as stream:
        for size in (65536, 512):
            with suppress(OSError):
                while True:
                    stream.write(bytes(size))
    try:
        yield
    finally:
        ballast.unlink()
