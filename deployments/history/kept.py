"""The sample history as a ledger in the home: made once, and made again where its files or the procedure change."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from deployments.history.make import AFTER, BEFORE
from deployments.history.replay import replay
from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.kpis.importing import Reading, rows
from fulcrum.ledger import Ledger
from fulcrum.ledger.migrate import HEAD
from fulcrum.process import Basis
from fulcrum.scoring import baseline_of
from fulcrum.settings import Settings

MOMENT = "until.txt"
"""Holds the moment at which the history ends."""


@contextmanager
def sample_ledger(settings: Settings, say: Callable[[str], None]) -> Iterator[Ledger]:
    """Open the ledger of the sample history, with the clock at its end; replay the history first where it is not there.

    It lies apart from the real one, and what it says is a sample wherever it is shown.
    """
    folder = settings.home / "sample" / _version()
    if not (folder / MOMENT).exists():
        say("Replaying the sample history: four weeks of invoices, half a minute")
        _make(folder)
    until = datetime.fromisoformat((folder / MOMENT).read_text(encoding="utf-8"))
    with Ledger.open(_url(folder), clock=lambda: until) as ledger:
        yield ledger


def _make(folder: Path) -> None:
    """Make it beside its place and move it there, wholly; an older version goes."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent) as beside:
        made = Path(beside) / "made"
        until = replay(_url(made), folder=made)
        with Ledger.open(_url(made), clock=lambda: until) as ledger, BEFORE.open(encoding="utf-8", newline="") as lines:
            ledger.logs.keep(
                baseline_of(INVOICE_INTAKE.name),
                rows(lines, Reading(columns={"kind": "resource", "resource": "actor"})),
                source=BEFORE.name,
                sha256=sha256(BEFORE.read_bytes()).hexdigest(),
                by="sample",
                basis=Basis.SAMPLE,
            )
        (made / MOMENT).write_text(until.isoformat(), encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        made.replace(folder)
    for older in folder.parent.iterdir():
        if older != folder:
            shutil.rmtree(older, ignore_errors=True)


def _version() -> str:
    """Digest what the replay is made of, and the schema that it is kept in."""
    parts = (BEFORE.read_bytes(), AFTER.read_bytes(), INVOICE_INTAKE.sop_version.encode(), HEAD.encode())
    return sha256(b"\0".join(parts)).hexdigest()[:12]


def _url(folder: Path) -> str:
    return f"sqlite:///{folder / 'ledger.db'}"
