"""A process whose definition was broken after it was deployed: its run acts on nothing, unless it only watches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows.invoice_intake import flow
from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.cases import Status
from fulcrum.errors import NotReady
from fulcrum.process import Autonomy
from fulcrum.report import Standing
from tests.intake_office import PROCESS, Office, documents, names, own_erp, write_jsonl


def test_a_run_of_what_is_not_ready_acts_on_nothing(
    prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says which lines fail, before anything is taken in; in shadow it goes on, for a draft may watch."""
    monkeypatch.setattr(flow, "INVOICE_INTAKE", replace(INVOICE_INTAKE, on_call="TODO"))
    with own_erp(tmp_path / "erp.db") as erp:
        office = Office.found(tmp_path / "office", erp)
        source = write_jsonl(office.home / "in.jsonl", documents(names(2, "unready")))
        with pytest.raises(NotReady, match="owner and on-call"):
            office.run(source)
        with office.ledger() as ledger:
            assert ledger.reading.counts(PROCESS) == {}
            (alarm,) = ledger.alarms.standing()
            assert alarm.kind == "run.failed"
            shadow = Standing(Autonomy.SHADOW, INVOICE_INTAKE.review.threshold)
            ledger.runs.set_standing(PROCESS, shadow, by="Ada Okafor", reason="a draft")
        office.run(source)
        with office.ledger() as ledger:
            assert ledger.reading.counts(PROCESS) == {Status.IN_REVIEW: 2}
