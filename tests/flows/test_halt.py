"""Halting a process while it runs: its next batch goes to people, and whoever watches the server hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from deployments.cli import main
from tests.intake_office import PROCESS, ModelServer, Office, documents, names, own_erp, write_jsonl
from tests.loopback import completions_at, wait_for

BATCH = 5


@dataclass
class HoldingServer(ModelServer):
    """Answers the first documents that are asked about, and keeps the others waiting until it is let go."""

    answered: set[str] = field(default_factory=set)
    go_on: Event = field(default_factory=Event)

    async def complete(self, request: Any) -> Any:
        number = (await request.body()).decode().partition("Invoice no ")[2].strip()[:8]
        if len(self.answered) < BATCH:
            self.answered.add(number)
        while number not in self.answered and not self.go_on.is_set():  # noqa: ASYNC110 - set from another thread
            await asyncio.sleep(0.02)
        return await super().complete(request)


@pytest.fixture
def server(prefect_server: Any) -> Iterator[HoldingServer]:
    from fulcrum.ai import line

    state = HoldingServer()
    with completions_at(state.complete) as state.port:
        yield state
        line.close()


@pytest.fixture
def office(prefect_server: Any, tmp_path: Path) -> Iterator[Office]:
    with own_erp(tmp_path / "erp.db") as erp:
        yield Office.found(tmp_path / "office", erp)


def told(name: str, since: datetime) -> list[dict[str, Any]]:
    """Read the events of a name that tell of the process, once one is there."""
    from prefect.client.orchestration import get_client

    chosen = {"filter": {"event": {"name": [name]}, "occurred": {"since": since.isoformat()}}, "limit": 50}
    with get_client(sync_client=True) as client:

        def found() -> list[dict[str, Any]]:
            events = client.request("POST", "/events/filter", json=chosen).json()["events"]
            mine = f"fulcrum.process.{PROCESS}"
            return [event for event in events if event["resource"]["prefect.resource.id"] == mine]

        return list(wait_for(found))


def command(office: Office, *arguments: str) -> int:
    """Run a `fulcrum` command in the office; return its exit code."""
    with office.at_work(), pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def test_a_halt_between_two_batches_of_a_run(office: Office, server: HoldingServer, tmp_path: Path) -> None:
    """What was delivered before stays; the next batch of the same run goes to people; resumed, it clears again."""
    began = datetime.now(UTC)
    block = server.block("halt-model", concurrency=BATCH)
    source = write_jsonl(tmp_path / "inbox.jsonl", documents(names(2 * BATCH, "halt")))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(office.run, source, model=block, batch_size=BATCH)
        try:
            wait_for(lambda: office.statuses()["delivered"] == BATCH)
            assert command(office, "halt", PROCESS, "--by", "Ada", "--reason", "odd totals") == 0
        finally:
            server.go_on.set()
        report = running.result()
    assert (report.cleared, report.in_review, report.delivered) == (BATCH, BATCH, BATCH)
    assert report.reasons == {"halted": BATCH}
    halted = [case for case in office.cases().values() if case.status == "in_review"]
    assert {case.reason for case in halted} == {"halted by Ada"}
    assert len(office.postings()) == BATCH
    (event,) = told("fulcrum.process.halted", began)
    assert (event["payload"]["by"], event["payload"]["reason"]) == ("Ada", "odd totals")

    assert command(office, "resume", PROCESS, "--by", "Bo", "--reason", "mended") == 0
    (event,) = told("fulcrum.process.resumed", began)
    assert event["payload"]["by"] == "Bo"
    after = office.run(write_jsonl(tmp_path / "more.jsonl", documents(names(3, "resumed"))), model=block)
    assert (after.cleared, after.in_review) == (3, 0)
    assert office.broken_chains() == []
