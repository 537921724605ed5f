"""Measuring a run: its report in the ledger, as an event and as an artifact."""

from __future__ import annotations

from time import monotonic

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event

from fulcrum.report import markdown, report_of
from tasks.artifacts import show
from tasks.run import ProcessRun


@task(cache_policy=NO_CACHE, task_run_name="measure")
def measure(run: ProcessRun) -> None:
    """Read the run's account from the ledger, and say it: an event for automations, an artifact for people."""
    process = run.process
    run.report = report_of(
        run.ledger.runs.account(run.run_id),
        run_id=run.run_id,
        process=process.name,
        duplicates=run.duplicates,
        changed=run.changed_duplicates,
        currency=run.endpoint.currency,
        seconds=monotonic() - run.began,
    )
    emit_event(
        "fulcrum.run.measured",
        resource={"prefect.resource.id": f"fulcrum.process.{process.name}", "prefect.resource.name": process.title},
        related=[{"prefect.resource.id": f"prefect.flow-run.{run.run_id}", "prefect.resource.role": "flow-run"}],
        payload=run.report.model_dump(mode="json"),
    )
    show(markdown(run.report, process.title), key=f"{process.name}-run", description="The run in figures")
