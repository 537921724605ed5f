"""Asking a model about a batch."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from fulcrum.ai.ask import Inquiry, Unanswered, standing_before
from fulcrum.cases import Batch, Routing
from fulcrum.process import AiStep
from fulcrum.routing import degraded, out_of_patience, over_budget, unusable
from tasks.gates import Checked
from tasks.run import ProcessRun


@task(cache_policy=NO_CACHE, task_run_name="ask {step.name}")
def ask(run: ProcessRun, checked: Checked, step: AiStep) -> Batch:
    """Get the step's proposal for each case it is next for; one that gets none stays open, or goes to a person."""
    batch = checked.batch
    started = run.ledger.store.now()
    unanswered = Inquiry(run.ledger, run.process, step, run.endpoint, run.budget, batch).make()
    routings = _to_people(run, batch, step, unanswered)
    due = run.process.review.due
    run.ledger.work.route(batch, routings, {}, gate=step.name, due=due, started_at=started)
    waiting = set(unanswered.faults) - {routing.case_id for routing in routings}
    if waiting:
        run.ledger.leases.release(batch, waiting)
        faults = ", ".join(sorted(set(unanswered.faults.values())))
        get_run_logger().warning("%d cases got no answer (%s) and stay open for a later run", len(waiting), faults)
    return batch.only(set(batch.case_ids) - waiting)


def _to_people(run: ProcessRun, batch: Batch, step: AiStep, unanswered: Unanswered) -> list[Routing]:
    now, policy = run.ledger.store.now(), run.process.review
    routings = []
    for case, _ in standing_before(run.ledger, batch, run.process.place(step.name)):
        if case.id in unanswered.over_budget:
            routings.append(over_budget(case, policy))
        elif case.id in unanswered.unusable:
            routings.append(unusable(case, unanswered.unusable[case.id], policy))
        elif case.id in unanswered.faults and out_of_patience(case, now, run.process.patience):
            routings.append(degraded(case, unanswered.faults[case.id], policy))
    return routings
