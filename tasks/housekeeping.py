"""What the Prefect server holds of cases that have had their time: forms, names of reviews, artifacts of old runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound

from fulcrum.ledger import Ledger
from fulcrum.process import Process
from tasks.review import PAGE, TAG, mark_of
from tasks.review_forms import forget_forms, form_keys

LATELY = timedelta(days=2)
"""How far back runs of reviews are looked through for forms that outlived their decision; a day's runs, and a spare."""

OPERATIONS = ("review-case", "review-desk", "decide-many", "incident", "drift-check", "scoreboard", "housekeeping")
"""The flows of the operation itself, which show artifacts as those of the processes do."""


def forget_decided_forms(
    client: SyncPrefectClient, ledger: Ledger, process: Process, now: datetime, *, dry_run: bool = False
) -> int:
    """Delete what forms the runs of settled reviews have left; return of how many runs.

    A review's run deletes its own when it is decided; what is left is that of a run or a server that was killed. One
    whose review is still open keeps its answer: it is run again with it.
    """
    still_open = {review.id for review in ledger.reviews.open(process.name)}
    forgotten = 0
    for run in _ended(client, ledger, process, after=now - LATELY):
        if _review_of(run) not in still_open and form_keys(client, run.id):
            forgotten += 1
            if not dry_run:
                forget_forms(client, run.id)
    return forgotten


def rename_reviews(
    client: SyncPrefectClient,
    ledger: Ledger,
    process: Process,
    before: datetime,
    *,
    due: Sequence[str] = (),
    dry_run: bool = False,
) -> int:
    """Let the runs that showed reviews of erased cases be called by the case's id; return how many.

    Their forms go as well, and their tags but two: a run without the ledger's mark is not looked at again. `due` are
    cases that a dry run takes for erased.
    """
    runs = list(_ended(client, ledger, process, before=before))
    erased = ledger.retention.erased(_case_of(run) for run in runs) | set(due)
    chosen = [run for run in runs if _case_of(run) in erased]
    for run in () if dry_run else chosen:
        with suppress(ObjectNotFound):
            forget_forms(client, run.id)
            client.update_flow_run(run.id, name=_case_of(run), tags=[process.name, TAG])
    return len(chosen)


def remove_artifacts(
    client: SyncPrefectClient, flows: Sequence[str], before: datetime, *, dry_run: bool = False
) -> int:
    """Remove the artifacts of flows' runs that ended before a moment; return how many."""
    found = list(_artifacts(client, flows, before))
    for artifact in () if dry_run else found:
        with suppress(ObjectNotFound):
            client.delete_artifact(artifact)
    return len(found)


def _ended(
    client: SyncPrefectClient,
    ledger: Ledger,
    process: Process,
    *,
    after: datetime | None = None,
    before: datetime | None = None,
) -> Iterator[FlowRun]:
    """List the ended runs that showed reviews of a process and of this ledger."""
    chosen = FlowRunFilter.model_validate(
        {
            "tags": {"all_": [process.name, TAG, mark_of(ledger)]},
            "state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]}},
            "end_time": {"after_": after, "before_": before},
        }
    )
    for offset in range(0, 10_000_000, PAGE):
        page = client.read_flow_runs(flow_run_filter=chosen, limit=PAGE, offset=offset)
        yield from page
        if len(page) < PAGE:
            return


def _artifacts(client: SyncPrefectClient, flows: Sequence[str], before: datetime) -> Iterator[UUID]:
    chosen: dict[str, Any] = {
        "flows": {"name": {"any_": list(flows)}},
        "flow_runs": {"end_time": {"before_": before.isoformat()}},
        "limit": PAGE,
        "sort": "ID_DESC",
    }
    for offset in range(0, 10_000_000, PAGE):
        response = client.request("POST", "/artifacts/filter", json=chosen | {"offset": offset})
        page = response.raise_for_status().json()
        yield from (UUID(item["id"]) for item in page)
        if len(page) < PAGE:
            return


def _review_of(run: FlowRun) -> str:
    return str(run.parameters.get("review_id", ""))


def _case_of(run: FlowRun) -> str:
    """Give the case that a review's run was about: a review's id is its case's with a number."""
    return _review_of(run).rpartition("-")[0]
