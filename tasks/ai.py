"""Asking a model about a batch."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from fulcrum.ai.ask import Inquiry, Unanswered
from fulcrum.cases import Batch, Routing, Status
from fulcrum.routing import degraded, out_of_patience, over_budget, unusable
from tasks.gates import Checked
from tasks.run import ProcessRun


@task(cache_policy=NO_CACHE, task_run_name="ask")
def ask(run: ProcessRun, checked: Checked) -> Batch:
    """Get a proposal for each checked case; one that gets none stays open, or goes to a person when it must."""
    batch = checked.batch
    started = run.ledger.store.now()
    unanswered = Inquiry(run.ledger, run.process, run.endpoint, run.budget, batch).make()
    routings = _to_people(run, batch, unanswered)
    step, due = run.process.step.name, run.process.review.due
    run.ledger.work.route(batch, routings, {}, gate=step, due=due, started_at=started)
    waiting = set(unanswered.faults) - {routing.case_id for routing in routings}
    if waiting:
        run.ledger.leases.release(batch, waiting)
        faults = ", ".join(sorted(set(unanswered.faults.values())))
        get_run_logger().warning("%d cases got no answer (%s) and stay open for a later run", len(waiting), faults)
    return batch.only(set(batch.case_ids) - waiting)


def _to_people(run: ProcessRun, batch: Batch, unanswered: Unanswered) -> list[Routing]:
    now, policy = run.ledger.store.now(), run.process.review
    routings = []
    for case in run.ledger.work.cases(batch, Status.CHECKED):
        if case.id in unanswered.over_budget:
            routings.append(over_budget(case, policy))
        elif case.id in unanswered.unusable:
            routings.append(unusable(case, unanswered.unusable[case.id], policy))
        elif case.id in unanswered.faults and out_of_patience(case, now, run.process.patience):
            routings.append(degraded(case, unanswered.faults[case.id], policy))
    return routings
