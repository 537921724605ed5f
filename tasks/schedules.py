"""What was to run and did not: a process on a schedule whose last starts came to nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import FlowRunSort

from fulcrum.ledger import Ledger
from fulcrum.process import Process
from tasks.alarms import tell_once

STARTS = 2
"""How many starts in a row may come to nothing before somebody is told."""

GRACE = timedelta(minutes=5)
"""How long after its time a start is waited for."""

TOLD_ALREADY = ("run.failed", "run.crashed")
"""Where one of these stands, its process's missing runs are told."""


def say_missing(ledger: Ledger, client: SyncPrefectClient, process: Process) -> None:
    """Tell, once, that a process on a schedule has had no successful run for two of its starts."""
    if any(ledger.alarms.find(process.name, kind) for kind in TOLD_ALREADY):
        return
    tags = DeploymentFilter(tags=DeploymentFilterTags(all_=["process", process.name]))
    missed = [each.name for each in client.read_deployments(deployment_filter=tags) if _missed(client, each)]
    if missed:
        tell_once(ledger, process, "run.missing", {"deployment": ", ".join(missed), "starts": STARTS})


def _missed(client: SyncPrefectClient, deployment: DeploymentResponse) -> bool:
    if deployment.paused or not any(schedule.active for schedule in deployment.schedules):
        return False
    due = FlowRunFilterExpectedStartTime(before_=datetime.now(UTC) - GRACE)
    runs = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id])),
        flow_run_filter=FlowRunFilter(expected_start_time=due),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=STARTS,
    )
    return len(runs) == STARTS and not any(map(_counts, runs))


def _counts(run: FlowRun) -> bool:
    """Tell whether a run has come to something, or still may."""
    return run.state is not None and (run.state.is_completed() or run.state.is_running())
