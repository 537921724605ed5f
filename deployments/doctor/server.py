"""The Prefect server and what it alone knows: workers, blocks, and through these endpoints and targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import prefect
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import Worker
from prefect.exceptions import ObjectNotFound

from deployments.doctor.ledger import clocks
from deployments.doctor.lines import Line, guarded, ok, wrong
from deployments.doctor.outside import look_at_endpoint, look_at_target
from deployments.pools import POOLS, WORKERS
from flows import registry
from fulcrum.settings import Settings

if TYPE_CHECKING:
    from fulcrum.process import Process

SEEN = timedelta(seconds=90)
"""How long a worker may be silent: it says that it is there every 30 seconds."""


def look_at_server(settings: Settings, where: str, *, ask: bool) -> Iterator[Line]:
    """Look at the server that Prefect is pointed at, then at what its blocks name."""
    with get_client(sync_client=True) as client:
        yield from guarded("Prefect server", lambda: _server(client, where))
        for pool in POOLS:
            yield from guarded(f"workers of {pool}", lambda pool=pool: [_workers(client, pool)])  # type: ignore[misc]
        processes, broken = _processes()
        yield from broken
        references = _references(processes)
        yield from guarded("blocks", lambda: [_blocks(client, references)])
        yield from guarded("ledger's block", lambda: [_same_ledger(settings)])
    for name in dict.fromkeys(process.model for process in processes):
        yield from guarded(f"model {name}", lambda name=name: [look_at_endpoint(name, ask=ask)])  # type: ignore[misc]
    for target in dict.fromkeys(target for process in processes for target in process.targets):
        yield from guarded(f"target {target}", lambda target=target: [look_at_target(target)])  # type: ignore[misc]


def _server(client: SyncPrefectClient, where: str) -> Iterator[Line]:
    found = str(client.request("GET", "/admin/version").raise_for_status().json())
    ours = prefect.__version__
    if _number(found) < _number(ours):
        yield wrong("Prefect server", f"{where} is {found}, older than ours, {ours}", "upgrade the server first")
    else:
        yield ok("Prefect server", f"{where} answers, {found}" + ("" if found == ours else f"; ours is {ours}"))
    before = datetime.now(UTC)
    date = client.request("GET", "/health").headers.get("date")
    after = datetime.now(UTC)
    if date is not None:
        # The header is cut to the second, so its middle is meant.
        theirs = parsedate_to_datetime(date) + timedelta(seconds=0.5)
        yield clocks("clock of the server", theirs, before + (after - before) / 2)


def _workers(client: SyncPrefectClient, pool: str) -> Line:
    try:
        workers = client.read_workers_for_work_pool(pool)
    except ObjectNotFound:
        return wrong(f"workers of {pool}", "there is no such work pool", "fulcrum bootstrap")
    now = datetime.now(UTC)
    beats = [beat for worker in workers if (beat := _beat(worker)) is not None]
    alive = sum(now - beat <= SEEN for beat in beats)
    if alive:
        return ok(f"workers of {pool}", f"{alive} seen within {SEEN.total_seconds():.0f} s")
    last = f"none since {max(beats):%Y-%m-%d %H:%M} UTC" if beats else "none was ever seen"
    found = f"{last}; runs that wait: {_waiting(client, pool, now)}"
    start = f"prefect worker start --pool {pool} --type {WORKERS[pool]}"
    return wrong(f"workers of {pool}", found, f"fulcrum up; on a server of your own: {start}")


def _waiting(client: SyncPrefectClient, pool: str, now: datetime) -> int:
    """Count the runs of a pool whose time has come."""
    due = {"state": {"type": {"any_": ["SCHEDULED"]}}, "next_scheduled_start_time": {"before_": now.isoformat()}}
    asked = {"flow_runs": due, "work_pools": {"name": {"any_": [pool]}}}
    return int(client.request("POST", "/flow_runs/count", json=asked).raise_for_status().json())


def _beat(worker: Worker) -> datetime | None:
    return worker.last_heartbeat_time


def _processes() -> tuple[list[Process], list[Line]]:
    """Read every definition; one that cannot be read is a line, and keeps nobody else from being looked at."""
    found: list[Process] = []
    broken: list[Line] = []
    for name in registry.names():
        try:
            found.append(registry.process(name))
        except Exception as error:  # noqa: BLE001 - whatever a definition raises when it is imported
            why = f"its definition cannot be read ({type(error).__name__})"
            broken.append(wrong(f"process {name}", why, f"fulcrum readiness {name}"))
    return found, broken


def _references(processes: Sequence[Process]) -> list[str]:
    """Name the blocks that the processes need, each once."""
    models = (f"model-endpoint/{process.model}" for process in processes)
    targets = (target for process in processes for target in process.targets)
    return list(dict.fromkeys(["case-ledger/default", *models, *targets]))


def _blocks(client: SyncPrefectClient, references: Sequence[str]) -> Line:
    missing = [reference for reference in references if not _there(client, reference)]
    if missing:
        return wrong(
            "blocks", f"missing: {', '.join(missing)}", "fulcrum bootstrap, or make them in the UI under Blocks"
        )
    return ok("blocks", f"all {len(references)} that the processes name are there")


def _there(client: SyncPrefectClient, reference: str) -> bool:
    slug, _, name = reference.partition("/")
    try:
        client.read_block_document_by_name(name, slug, include_secrets=False)
    except ObjectNotFound:
        return False
    return True


def _same_ledger(settings: Settings) -> Line:
    """Compare the ledger that flows work with, which the block names, with that of the commands."""
    from sqlalchemy import make_url  # noqa: PLC0415 - see deployments/cli/__init__.py

    from blocks import CaseLedger  # noqa: PLC0415 - only where there is one to load

    block = CaseLedger.load("default")
    assert isinstance(block, CaseLedger)  # noqa: S101 - Prefect's `load` is typed as possibly async
    if make_url(block.where()) == make_url(settings.ledger_url):
        return ok("ledger's block", "names the ledger that the commands use")
    remedy = "empty the URL in the block case-ledger/default, or set FULCRUM_LEDGER_URL to the same"
    return wrong("ledger's block", "names another ledger than the commands use", remedy)


def _number(said: str) -> tuple[int, ...]:
    """Read a version's numbers, whatever follows them."""
    return tuple(int(part) for part in said.split("+", maxsplit=1)[0].split(".")[:3] if part.isdigit())
