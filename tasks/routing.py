"""Routing the proposals of a batch: cleared, or to a person."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from fulcrum.cases import Batch, Case, Proposal, Route, Routing, Status
from fulcrum.effects import postings
from fulcrum.ledger import Cleared
from fulcrum.routing import route as route_of
from tasks.gates import Checked
from tasks.run import ProcessRun


@task(cache_policy=NO_CACHE, task_run_name="route")
def route(run: ProcessRun, checked: Checked) -> Batch:
    """Decide and record the route of each proposal; return the cleared cases."""
    batch, started = checked.batch, run.ledger.store.now()
    cases = run.ledger.work.cases(batch, Status.PROPOSED)
    proposals = run.ledger.work.proposals(case.id for case in cases)
    routings = [_route(run, checked, proposals[case.id]) for case in cases]
    clear = {routing.case_id for routing in routings if routing.route is Route.CLEARED}
    cleared = {case.id: _outcome(run, case, proposals[case.id]) for case in cases if case.id in clear}
    run.ledger.work.route(
        batch,
        routings,
        cleared,
        gate=checked.gate,
        version=checked.version,
        due=run.process.review.due,
        started_at=started,
    )
    get_run_logger().info("Cleared %d of %d cases; the others go to people", len(clear), len(cases))
    return batch.only(clear)


def _route(run: ProcessRun, checked: Checked, proposal: Proposal) -> Routing:
    broken = [reason for reason in (checked.broken.get(proposal.case_id), checked.refused) if reason]
    return route_of(proposal, broken, run.standing, run.process.review, exact=proposal.kind == "rule")


def _outcome(run: ProcessRun, case: Case, proposal: Proposal) -> Cleared:
    return Cleared(values=proposal.values, deliveries=postings(run.process, case, proposal.values))
