"""A Prefect worker for what a person waits for: it runs the review flows inside its own process.

A stock process worker starts a Python process for each answer, which imports for seconds before it decides. This one
has imported all of it once. Each run is a thread of it, and what a run does is a transaction of the ledger, so that one
which fails changes nothing and fails alone. After some hundreds of runs the worker starts itself anew, with the same
process id.

    prefect worker start --pool reviews --type review-desk

The work pool stays one of type `process`: a stock worker takes the same runs, one of the other can replace it at any
time, and both may run side by side.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import anyio
from prefect.exceptions import Abort, Pause
from prefect.flow_engine import run_flow
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.settings import PREFECT_WORKER_QUERY_SECONDS, get_current_settings, temporary_settings
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult
from pydantic import PrivateAttr

from fulcrum.settings import settings

if TYPE_CHECKING:
    from anyio.abc import TaskStatus
    from prefect.client.schemas.objects import FlowRun, WorkPool
    from prefect.client.schemas.responses import WorkerFlowRunResponse

QUERY_SECONDS = 0.5
"""How often it asks for runs, unless PREFECT_WORKER_QUERY_SECONDS says otherwise: a person waits."""


class ReviewDeskConfiguration(BaseJobConfiguration):
    """What a run needs here: the flow's entrypoint. Environment and working folder are the worker's own."""

    _entrypoint: str = PrivateAttr("")

    @property
    def entrypoint(self) -> str:
        """Say where the flow is, as `flows.operations.review_case.review_case`."""
        return self._entrypoint

    def prepare_for_flow_run(self, flow_run: FlowRun, deployment: Any = None, *args: Any, **more: Any) -> None:
        """Keep the deployment's entrypoint."""
        super().prepare_for_flow_run(flow_run, deployment, *args, **more)
        self._entrypoint = getattr(deployment, "entrypoint", None) or ""


class ReviewDeskResult(BaseWorkerResult):
    """How a run ended here."""


class ReviewDeskWorker(BaseWorker[ReviewDeskConfiguration, BaseVariables, ReviewDeskResult]):
    """Runs answered reviews in its own process."""

    type = "review-desk"
    job_configuration = ReviewDeskConfiguration
    _description = "Runs Fulcrum's review flows inside the worker's process, a second after a person has answered."

    def __init__(self, *args: Any, **more: Any) -> None:
        """Take what every worker takes."""
        super().__init__(*args, **more)
        self._flows: dict[str, Flow[..., Any]] = {}
        self._runs = settings().reviews_per_worker
        self._taken = 0
        self._in_hand = 0
        self._life: anyio.CancelScope | None = None

    async def start(
        self, run_once: bool = False, with_healthcheck: bool = False, printer: Callable[..., None] = print
    ) -> None:
        """Work until told to stop, or until it is to start anew."""
        asked_for = "query_seconds" in get_current_settings().worker.model_fields_set
        pace = {} if asked_for else {PREFECT_WORKER_QUERY_SECONDS: QUERY_SECONDS}
        with temporary_settings(pace), anyio.CancelScope() as life:
            self._life = life
            await super().start(run_once=run_once, with_healthcheck=with_healthcheck, printer=printer)
        if life.cancel_called:
            printer(f"Worker {self.name!r} starts anew after {self._taken} runs")
            sys.stdout.flush()
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - the same command again

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Take the runs that are due; none any more when the worker is to start anew, which it does once all ended."""
        if self._taken < self._runs:
            return await super().get_and_submit_flow_runs()
        if not self._in_hand and self._life is not None:
            self._life.cancel()
        return []

    async def run(
        self,
        flow_run: FlowRun,
        configuration: ReviewDeskConfiguration,
        task_status: TaskStatus[Any] | None = None,
    ) -> ReviewDeskResult:
        """Run a flow in a thread; whatever goes wrong there is that run's own matter."""
        self._taken += 1
        self._in_hand += 1
        try:
            flow = self._flow(configuration.entrypoint)
            if task_status is not None:
                task_status.started(os.getpid())
            ended = await anyio.to_thread.run_sync(_carry_out, flow, flow_run)
        finally:
            self._in_hand -= 1
        return ReviewDeskResult(identifier=str(flow_run.id), status_code=ended)

    async def _submit_scheduled_flow_runs(self, flow_run_response: list[WorkerFlowRunResponse]) -> list[FlowRun]:
        """Leave to the next look what is still in hand: an answer can come before the run that asked for it has ended.

        Prefect's worker ends with an error where it meets such a run, and whatever else is in hand with it.
        """
        held = self._limiter.statistics().borrowers if self._limiter is not None else ()
        free = [entry for entry in flow_run_response if entry.flow_run.id not in held]
        return await super()._submit_scheduled_flow_runs(free)

    def _flow(self, entrypoint: str) -> Flow[..., Any]:
        if entrypoint not in self._flows:
            self._flows[entrypoint] = load_flow_from_entrypoint(entrypoint)
        return self._flows[entrypoint]

    def _record_work_pool_snapshot(self, work_pool: WorkPool) -> None:
        """Take the pool as one of its own type: it is of type `process`, which Prefect warns of otherwise."""
        super()._record_work_pool_snapshot(work_pool.model_copy(update={"type": self.type}))


def _carry_out(flow: Flow[..., Any], flow_run: FlowRun) -> int:
    """Run a flow; give 0 where Prefect knows how it ended, and 1 where it has to be told that it crashed."""
    try:
        run_flow(flow, flow_run=flow_run, return_type="state")
    except (Abort, Pause):
        return 0
    except BaseException:  # noqa: BLE001 - a SystemExit in a flow must not end the worker either
        return 1
    return 0
