"""Three runs of one process at once, each a process of its own, on one PostgreSQL and one Prefect server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.loopback.model_server import counts, model_server
from tests.intake_office import PROCESS, documents, names, write_jsonl

RUN = """
import sys
from flows.invoice_intake.flow import invoice_intake
from tasks.run import RunOptions

done = invoice_intake(sys.argv[1], RunOptions(model=sys.argv[2], batch_size=50))
print(done.taken_in)
"""
CASES, AT_ONCE = 300, 6


@pytest.mark.parametrize("ledger_urls", ["postgresql"], indirect=True)
def test_three_workers_share_the_cases_and_the_endpoint(
    prefect_server: Any, ledger_urls: Callable[[], str], tmp_path: Path
) -> None:
    """Each case is asked about once and handled by one run, and together they keep the endpoint's limit."""
    from blocks import ModelEndpoint
    from fulcrum.cases import Status
    from fulcrum.ledger import Ledger, migrate

    url = ledger_urls()
    migrate(url)
    source = write_jsonl(tmp_path / "inbox.jsonl", documents(names(CASES, "shared")))
    environment = os.environ | {"PREFECT_API_URL": prefect_server.url, "FULCRUM_LEDGER_URL": url}
    with model_server(0.1) as address:
        prices = {"input_price": 0, "output_price": 0}
        ModelEndpoint(base_url=address, model="mock", concurrency=AT_ONCE, **prices).save("shared", overwrite=True)
        command = [sys.executable, "-c", RUN, source, "shared"]
        runs = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)]
        taken_in = [int(run.communicate(timeout=200)[0]) for run in runs]
        told = counts(address)
    assert [run.returncode for run in runs] == [0, 0, 0]
    assert sum(taken_in) == CASES
    assert (told["cases"], set(told["by_case"].values())) == (CASES, {1})
    assert told["most_at_once"] <= AT_ONCE
    with Ledger.open(url) as ledger:
        assert ledger.reading.counts(PROCESS) == {Status.DELIVERED: CASES}
