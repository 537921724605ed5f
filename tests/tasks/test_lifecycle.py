"""What goes on beside a run: the leases of all that it holds are renewed, whichever step it waits for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fulcrum.cases import Batch, NewCase
from fulcrum.ledger import Ledger, migrate
from tests.loopback import wait_for


@dataclass
class Clock:
    """A clock that moves when it is told to."""

    now: datetime = datetime(2026, 9, 7, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Run:
    """What renewing needs of a run."""

    ledger: Ledger
    process: Any
    run_id: str


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    from flows.invoice_intake.process import INVOICE_INTAKE
    from fulcrum.report import Standing

    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    migrate(url)
    standing = Standing(INVOICE_INTAKE.autonomy, INVOICE_INTAKE.review.threshold)
    with Ledger.open(url, clock=Clock()) as ledger:
        for run_id in ("slow", "rival"):
            versions = {"sop_version": "s", "prompt_version": "p"}
            ledger.runs.begin(run_id, INVOICE_INTAKE.name, standing=standing, **versions)
        items = [NewCase(external_id=str(number), input={"id": str(number)}) for number in range(3)]
        ledger.intake.take_in("slow", INVOICE_INTAKE.name, items)
        yield Run(ledger, INVOICE_INTAKE, "slow")


def lease_ends(run: Run, batch: Batch) -> list[datetime]:
    """Read until when each case of a batch is held."""
    from sqlalchemy import select

    from fulcrum.ledger.tables import CaseRow

    with run.ledger.store.read() as tx:
        ends = tx.execute(select(CaseRow.lease_until).where(CaseRow.id.in_(batch.case_ids))).scalars()
        return [end for end in ends if end is not None]


def test_what_a_run_holds_stays_its_own_however_long_it_takes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three minutes on the ledger's clock pass while a batch waits, and no other run can claim it; then one can."""
    from tasks import lifecycle

    monkeypatch.setattr(lifecycle, "RENEW_S", 0.02)
    clock: Any = run.ledger.store.now
    batch = run.ledger.leases.claim(run.process.name, run.run_id)
    assert batch is not None
    with lifecycle.held_meanwhile(run):  # type: ignore[arg-type] # only what it needs
        for _ in range(6):
            clock.now += timedelta(seconds=30)
            wait_for(lambda: min(lease_ends(run, batch)) >= clock.now + timedelta(seconds=60))
            assert run.ledger.leases.claim(run.process.name, "rival") is None
    clock.now += timedelta(seconds=61)
    assert run.ledger.leases.claim(run.process.name, "rival") is not None


def test_a_ledger_that_is_away_for_a_moment_does_not_end_the_renewals(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next renewal is tried when this one failed."""
    from fulcrum.errors import LedgerUnavailable
    from tasks import lifecycle

    monkeypatch.setattr(lifecycle, "RENEW_S", 0.02)
    batch = run.ledger.leases.claim(run.process.name, run.run_id)
    assert batch is not None
    clock: Any = run.ledger.store.now
    engine = run.ledger.store.engine
    from sqlalchemy import create_engine

    nowhere = create_engine("sqlite:////nowhere/ledger.db")
    run.ledger.store.engine = nowhere
    with pytest.raises(LedgerUnavailable):
        run.ledger.leases.renew(run.process.name, run.run_id)
    with lifecycle.held_meanwhile(run):  # type: ignore[arg-type] # only what it needs
        clock.now += timedelta(seconds=30)
        run.ledger.store.engine = engine
        wait_for(lambda: min(lease_ends(run, batch)) >= clock.now + timedelta(seconds=60))
    nowhere.dispose()
