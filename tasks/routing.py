"""Routing the proposals of a batch: cleared, or to a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from fulcrum.cases import Batch, Case, Proposal, Route, Routing
from fulcrum.effects import postings
from fulcrum.ledger import Cleared
from fulcrum.routing import held
from fulcrum.routing import route as route_of
from tasks.gates import Checked
from tasks.run import ProcessRun


@task(cache_policy=NO_CACHE, task_run_name="route")
def route(run: ProcessRun, checked: Checked) -> Batch:
    """Decide and record the route of each proposal of the last AI step; return the cleared cases."""
    started = run.ledger.store.now()
    proposed = run.ledger.work.behind(checked.batch, run.process.place(checked.after))
    routings = [_route(run, checked, proposal) for _, proposal in proposed]
    clear = {routing.case_id for routing in routings if routing.route is Route.CLEARED}
    cleared = {case.id: _outcome(run, case, proposal) for case, proposal in proposed if case.id in clear}
    _record(run, checked, routings, cleared, started)
    get_run_logger().info("Cleared %d of %d cases; the others go to people", len(clear), len(proposed))
    return checked.batch.only(clear)


@task(cache_policy=NO_CACHE, task_run_name="advance")
def advance(run: ProcessRun, checked: Checked) -> Checked:
    """Send to people what needs one after this AI step already, so that no later step is paid for it."""
    started = run.ledger.store.now()
    proposed = run.ledger.work.behind(checked.batch, run.process.place(checked.after))
    held = [_held(run, checked, proposal) for _, proposal in proposed]
    routings = [routing for routing in held if routing is not None]
    _record(run, checked, routings, {}, started)
    get_run_logger().info("%d of %d cases go to people after %s", len(routings), len(proposed), checked.after)
    stopped = {routing.case_id for routing in routings}
    return replace(checked, batch=checked.batch.only(set(checked.batch.case_ids) - stopped))


def _route(run: ProcessRun, checked: Checked, proposal: Proposal) -> Routing:
    broken, exact = checked.reasons(proposal.case_id), proposal.kind == "rule"
    return route_of(proposal, broken, run.standing, run.process.review, exact=exact)


def _held(run: ProcessRun, checked: Checked, proposal: Proposal) -> Routing | None:
    return held(proposal, checked.reasons(proposal.case_id), run.standing, run.process.review)


def _record(
    run: ProcessRun,
    checked: Checked,
    routings: Sequence[Routing],
    cleared: Mapping[str, Cleared],
    started: datetime,
) -> None:
    due = run.process.review.due
    run.ledger.work.route(
        checked.batch, routings, cleared, gate=checked.gate, version=checked.version, due=due, started_at=started
    )


def _outcome(run: ProcessRun, case: Case, proposal: Proposal) -> Cleared:
    return Cleared(values=proposal.values, deliveries=postings(run.process, case, proposal.values))
