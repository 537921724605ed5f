"""Asking a model about a batch."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from fulcrum import working
from fulcrum.cases import Batch
from fulcrum.process import AiStep
from fulcrum.working import Checked
from tasks.run import ProcessRun


@task(cache_policy=NO_CACHE, task_run_name="ask {step.name}")
def ask(run: ProcessRun, checked: Checked, step: AiStep) -> Batch:
    """Get the step's proposal for each case it is next for; one that gets none stays open, or goes to a person."""
    answered, waiting = working.ask(run, checked.batch, step)
    if waiting:
        faults = ", ".join(sorted(set(waiting.values())))
        get_run_logger().warning("%d cases got no answer (%s) and stay open for a later run", len(waiting), faults)
    return answered
