"""A run of a process that could not say itself how it ended: looked at, said, and marked where nothing of it lives."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Completed, Crashed

from blocks import load_ledger
from flows.registry import names
from flows.registry import process as process_of
from tasks.crashes import look_into

PATIENCE = timedelta(seconds=70)
"""How long a silent run is listened to: two of its signs of life and a little."""

LOOK = 2.0
"""Seconds between two looks."""

SILENT = "No sign of life has come from it."


@flow(name="incident", flow_run_name="incident of {run_id}", retries=3, retry_delay_seconds=10)
def incident(run_id: str) -> State[Any]:
    """Look after a run that went silent or crashed: tell what it touches, once, and leave that at the run.

    Args:
        run_id: The id of the run at this server; an automation gives it.
    """
    with load_ledger() as ledger, get_client(sync_client=True) as client:
        run = client.read_flow_run(UUID(run_id))
        process = client.read_flow(run.flow_id).name
        if run.state is None or process not in names():
            return Completed(message="It is no run of a process.")
        if run.state.is_running():
            return Completed(message=_silent(client, run))
        if not run.state.is_crashed():
            return Completed(message=f"It has ended as {run.state.name}.")
        return Completed(message=look_into(ledger, client, run, process_of(process)))


def _silent(client: SyncPrefectClient, run: FlowRun) -> str:
    """Mark a run as crashed that gives no sign of life; that is told as any crash is."""
    if _lives(client, run):
        return "It lives."
    client.set_flow_run_state(run.id, Crashed(message=SILENT), force=True)
    return "It gave no sign of life and is marked as crashed."


def _lives(client: SyncPrefectClient, run: FlowRun) -> bool:
    """Wait for a sign of life, or for the run to end."""
    since = datetime.now(UTC)
    wanted = {
        "occurred": {"since": since.isoformat()},
        "event": {"prefix": ["prefect.flow-run."]},
        "resource": {"id": [f"prefect.flow-run.{run.id}"]},
    }
    while datetime.now(UTC) < since + PATIENCE:
        if client.request("POST", "/events/filter", json={"filter": wanted, "limit": 1}).json()["events"]:
            return True
        time.sleep(LOOK)
    return False
