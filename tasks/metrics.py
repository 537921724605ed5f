"""Measuring a run: its figures in the ledger, as an event, as an artifact, and out to OpenTelemetry."""

from __future__ import annotations

from time import monotonic

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event
from prefect.logging import get_run_logger

from fulcrum.cases import Status
from fulcrum.errors import LedgerUnavailable
from fulcrum.metrics import as_json, points
from fulcrum.report import RunReport, markdown, report_of
from tasks.alarms import tell_once, tell_over
from tasks.artifacts import show
from tasks.run import ProcessRun
from tasks.telemetry import export


@task(cache_policy=NO_CACHE, task_run_name="measure")
def measure(run: ProcessRun, *, failed: bool = False) -> None:
    """Read the run's account from the ledger, and say it: to automations, to people, to OpenTelemetry.

    A run that failed says so even where the ledger cannot tell any more what became of its cases.
    """
    process = run.process
    run.report = _report(run)
    run.points = points(run.report, failed=failed)
    emit_event(
        "fulcrum.run.measured",
        resource={"prefect.resource.id": f"fulcrum.process.{process.name}", "prefect.resource.name": process.title},
        related=[{"prefect.resource.id": f"prefect.flow-run.{run.run_id}", "prefect.resource.role": "flow-run"}],
        payload=(run.report.model_dump(mode="json") if run.report else {}) | {"metrics": as_json(run.points)},
    )
    _tell(run, failed=failed)
    export(run.points, {"fulcrum.process": process.name, "gen_ai.request.model": run.endpoint.model})
    if run.report:
        show(markdown(run.report, process.title), key=f"{process.name}-run", description="The run in figures")


def _tell(run: ProcessRun, *, failed: bool) -> None:
    """Tell what went wrong, once while it lasts, and that it is over where it is."""
    report, ledger, process = run.report, run.ledger, run.process
    if report is None:
        return
    _stands(run, "run.failed", failed, {"run": run.run_id})
    if not failed:
        for kind in ("run.crashed", "run.missing"):
            tell_over(ledger, process, kind)
    waiting = ledger.reading.counts(process.name).get(Status.DELIVERY_FAILED, 0)
    _stands(run, "deliveries.failing", waiting > 0, {"deliveries": waiting})
    silent = report.degraded + sum(report.faults.values())
    if silent or report.model_calls:
        _stands(run, "ai.degraded", silent > 0, {"without an answer": silent, **report.faults})


def _stands(run: ProcessRun, kind: str, stands: bool, facts: dict[str, object]) -> None:
    if stands:
        tell_once(run.ledger, run.process, kind, facts)
    else:
        tell_over(run.ledger, run.process, kind)


def _report(run: ProcessRun) -> RunReport | None:
    try:
        account = run.ledger.runs.account(run.run_id)
    except LedgerUnavailable as error:
        get_run_logger().warning("The run cannot be measured: %s", error)
        return None
    return report_of(
        account,
        run_id=run.run_id,
        process=run.process.name,
        duplicates=run.duplicates,
        changed=run.changed_duplicates,
        currency=run.endpoint.currency,
        seconds=monotonic() - run.began,
    )
