"""Routing the proposals of a batch: cleared, or to a person."""

from __future__ import annotations

from dataclasses import replace

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from fulcrum import working
from fulcrum.cases import Batch
from fulcrum.working import Checked
from tasks.run import ProcessRun


@task(cache_policy=NO_CACHE, task_run_name="route")
def route(run: ProcessRun, checked: Checked) -> Batch:
    """Decide and record the route of each proposal of the last AI step; return the cleared cases."""
    cleared, proposed = working.route(run, checked)
    halt = run.ledger.halts.standing(run.process.name)
    if halt is not None:
        get_run_logger().warning("%s is halted by %s: nothing is cleared", run.process.name, halt.by)
    get_run_logger().info("Cleared %d of %d cases; the others go to people", len(cleared), proposed)
    return cleared


@task(cache_policy=NO_CACHE, task_run_name="advance")
def advance(run: ProcessRun, checked: Checked) -> Checked:
    """Send to people what needs one after this AI step already, so that no later step is paid for it."""
    stopped, proposed = working.hold(run, checked)
    get_run_logger().info("%d of %d cases go to people after %s", len(stopped), proposed, checked.after)
    return replace(checked, batch=checked.batch.only(set(checked.batch.case_ids) - stopped))
