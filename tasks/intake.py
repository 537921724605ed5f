"""Taking cases in from a source."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from fulcrum.cases import NewCase
from fulcrum.settings import settings
from fulcrum.sources import Originals, read
from tasks.run import ProcessRun


@task(cache_policy=NO_CACHE, task_run_name="take in")
def take_in(run: ProcessRun, source: str) -> None:
    """Record every new case of the source, a batch at a time; what was seen before is counted and not repeated."""
    originals = Originals(settings().home / "originals")
    cases = read(source, case=run.process.case, originals=originals, attachment=run.process.attachment)
    taken = 0
    while items := _next(cases, run, taken):
        came = run.ledger.intake.take_in(run.run_id, run.process.name, items)
        taken += len(came.new)
        run.duplicates += came.duplicates
        run.changed_duplicates += len(came.changed)
    get_run_logger().info("Took in %d new cases; %d were known", taken, run.duplicates)
    if run.changed_duplicates:
        get_run_logger().warning(
            "%d known ids came with other content; it was not handled, their cases' histories name it",
            run.changed_duplicates,
        )


def _next(cases: Iterator[NewCase], run: ProcessRun, taken: int) -> list[NewCase]:
    """Read the next batch, never more than the run may still take in; known cases do not count against its limit."""
    left = run.options.batch_size if run.options.limit is None else run.options.limit - taken
    return list(islice(cases, min(left, run.options.batch_size)))
