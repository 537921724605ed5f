"""Delivering what is decided."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from fulcrum.cases import Batch
from fulcrum.delivery import deliver_due
from tasks.run import ProcessRun


@task(cache_policy=NO_CACHE, task_run_name="deliver")
def deliver(run: ProcessRun, cleared: Batch | None = None) -> None:
    """Make the effects of these cases happen; without a batch, all that wait, those that failed before among them."""
    if cleared is not None and not cleared.case_ids:
        return
    case_ids = cleared.case_ids if cleared is not None else None
    results = deliver_due(run.ledger, run.process, run.targets, run_id=run.run_id, case_ids=case_ids)
    failed = [result for result in results if result.receipt is None]
    if failed:
        get_run_logger().warning("%d of %d deliveries failed: %s", len(failed), len(results), failed[0].error)
