"""A progress bar over a run that works elsewhere: read from the ledger, which knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deployments.cli.display import err
from fulcrum.errors import FulcrumError
from fulcrum.ledger import Ledger

LOOK = 0.5
"""Seconds between two looks into the ledger."""

SHARE = 0.05
"""How much of the time may be spent on looking: over 100,000 cases a look takes a while."""


@contextmanager
def progress(ledger: Ledger, process: str, *, shown: bool = True) -> Iterator[None]:
    """Show how far the newest run of a process is, until the block ends."""
    if not shown:
        yield
        return
    before = ledger.runs.newest(process)
    done = Event()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
    ) as bar:
        watcher = Thread(target=_watch, args=(ledger, process, before, bar, done), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()


def _watch(ledger: Ledger, process: str, before: str | None, bar: Progress, done: Event) -> None:
    task = bar.add_task("Starting the run", total=None)
    pause = LOOK
    while not done.wait(pause):
        began = monotonic()
        try:
            run_id = ledger.runs.newest(process)
            if run_id is None or run_id == before:
                continue
            handled, total = ledger.runs.progress(run_id)
        except FulcrumError:
            continue
        bar.update(task, description="Cases handled", completed=handled, total=total or None)
        pause = max(LOOK, (monotonic() - began) / SHARE)
