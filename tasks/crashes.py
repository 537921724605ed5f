"""Runs that crashed: told once each, whole, with an incident that lies at the run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType

from fulcrum import incident
from fulcrum.ledger import Ledger
from fulcrum.process import Process
from tasks.alarms import tell_once
from tasks.artifacts import show_at

KILLED = "its process was killed, or its machine stopped"

LOOKED_BACK = timedelta(days=1)
"""How far back a crash is looked for that nobody has looked into."""


def look_into(ledger: Ledger, client: SyncPrefectClient, run: FlowRun, process: Process) -> str:
    """Tell a crash, unless the run could say itself how it ended or it is told already; say which.

    Told first, then shown, then recorded: killed in between, the next look goes on there, and tells nothing twice.
    """
    said = ledger.runs.state(str(run.id))
    if said in {"completed", "failed"}:
        return f"It has said itself that it {said}."
    key = f"{process.name}-incident"
    if _shown(client, run.id, key):
        return "Its incident is told."
    tell_once(ledger, process, "run.crashed", {"run": str(run.id)})
    told = incident.markdown(process, KILLED, ledger.reading.counts(process.name), None, kind="run.crashed")
    show_at(client, run.id, told, key=key, description="What failed, what it touches, what is safe")
    ledger.runs.crashed(str(run.id), KILLED)
    return "It crashed: its incident is told."


def look_back(ledger: Ledger, client: SyncPrefectClient, process: Process) -> None:
    """Look into the crashes of the last day, in case whoever was at it was killed as well."""
    crashed = FlowRunFilter(
        tags=FlowRunFilterTags(all_=["process", process.name]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CRASHED])),
        end_time=FlowRunFilterEndTime(after_=datetime.now(UTC) - LOOKED_BACK),
    )
    for run in client.read_flow_runs(flow_run_filter=crashed):
        look_into(ledger, client, run, process)


def _shown(client: SyncPrefectClient, run_id: UUID, key: str) -> bool:
    at = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]), key=ArtifactFilterKey(any_=[key]))
    return bool(client.read_artifacts(artifact_filter=at))
