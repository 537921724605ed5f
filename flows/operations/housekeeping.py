"""What has had its time goes: contents of finished cases, originals, what the Prefect server holds of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.events import emit_event
from prefect.logging import get_run_logger
from prefect.states import Completed

from blocks import load_ledger
from flows.registry import names
from flows.registry import process as process_of
from fulcrum.ledger import Ledger
from fulcrum.process import Process
from fulcrum.retention import Sweep, erase, remove_originals
from fulcrum.settings import settings
from fulcrum.sources.originals import Originals
from tasks.artifacts import show
from tasks.housekeeping import OPERATIONS, forget_decided_forms, remove_artifacts, rename_reviews

DONE = "fulcrum.housekeeping.done"
"""What was to be erased is erased."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What housekeeping did of a process, in the ledger and on the Prefect server."""

    sweep: Sweep
    kept: timedelta
    renamed: int
    forms: int

    @property
    def counts(self) -> dict[str, int]:
        """Count it, for the artifact and the event."""
        return {
            "cases": self.sweep.cases,
            "contents": self.sweep.contents,
            "reviews_renamed": self.renamed,
            "forms_deleted": self.forms,
        }


@flow(name="housekeeping")
def housekeeping(process: str | None = None, dry_run: bool = False) -> State[Any]:
    """Erase what processes keep no longer; a dry run only counts it. Killed anywhere, it is run again.

    Args:
        process: One process alone, as invoice-intake; every process when left empty.
        dry_run: Only count what would be erased.
    """
    every = [process_of(name) for name in names()]
    chosen = [process_of(process)] if process else every
    kept = [each.retention for each in every]
    with load_ledger() as ledger, get_client(sync_client=True) as client:
        now = ledger.store.now()
        swept = [sweep(ledger, client, each, now, dry_run) for each in chosen]
        due = {case_id for each in swept for case_id in each.sweep.due} if dry_run else set()
        originals = Originals(settings().home / "originals")
        files = remove_originals(ledger, originals, longest=max(kept), due=due, dry_run=dry_run)
        artifacts = remove_artifacts(client, [*names(), *OPERATIONS], now - min(kept), dry_run=dry_run)
    return _said(swept, files, artifacts, dry_run=dry_run)


@task(cache_policy=NO_CACHE, task_run_name="sweep {process.name}")
def sweep(ledger: Ledger, client: SyncPrefectClient, process: Process, now: datetime, dry_run: bool) -> Swept:
    """Erase a process's contents, then what the server holds of the same cases."""
    found = erase(ledger, process, dry_run=dry_run)
    due = found.due if dry_run else ()
    done = Swept(
        sweep=found,
        kept=process.retention,
        renamed=rename_reviews(client, ledger, process, found.before, due=due, dry_run=dry_run),
        forms=forget_decided_forms(client, ledger, process, now, dry_run=dry_run),
    )
    get_run_logger().info("%s: %s", process.name, ", ".join(f"{name} {n}" for name, n in done.counts.items()))
    return done


def _said(swept: Sequence[Swept], files: int, artifacts: int, *, dry_run: bool) -> State[Any]:
    """Show what was done, and say it where it is not a dry run."""
    show(_table(swept, files, artifacts, dry_run=dry_run), key="housekeeping", description="What was erased")
    if not dry_run:
        emit_event(
            DONE,
            resource={"prefect.resource.id": "fulcrum.housekeeping", "prefect.resource.name": "Housekeeping"},
            payload={
                "processes": {each.sweep.process: each.counts for each in swept},
                "originals_removed": files,
                "artifacts_removed": artifacts,
            },
        )
    cases = sum(each.sweep.cases for each in swept)
    return Completed(message=f"{'would erase' if dry_run else 'erased'} {cases} cases, {files} originals")


def _table(swept: Sequence[Swept], files: int, artifacts: int, *, dry_run: bool) -> str:
    lines = ["A dry run: nothing was erased.", ""] if dry_run else []
    lines += ["| process | finished before | cases | contents | reviews renamed | forms deleted |"]
    lines += ["| --- | --- | ---: | ---: | ---: | ---: |"]
    for each in swept:
        counts = " | ".join(str(count) for count in each.counts.values())
        lines.append(f"| {each.sweep.process} | {each.sweep.before:%Y-%m-%d} ({each.kept.days} days) | {counts} |")
    lines += ["", f"Originals removed: {files}. Artifacts of old runs removed: {artifacts}."]
    return "\n".join(lines) + "\n"
