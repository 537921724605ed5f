"""What a run does to the cases of a batch, step by step, whatever schedules it: judge, ask, route."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from fulcrum.ai.ask import Inquiry, Unanswered, standing_before
from fulcrum.ai.budget import Budget
from fulcrum.ai.endpoint import Endpoint
from fulcrum.cases import Batch, Case, Proposal, Route, Routing, Status
from fulcrum.effects import postings
from fulcrum.errors import GateFailed, ProcessHalted
from fulcrum.gates import GateResult, evaluate
from fulcrum.halting import Halt
from fulcrum.ledger import Cleared, Ledger
from fulcrum.process import AiStep, Gate, GateContext, Process, Row, Stage
from fulcrum.report import Standing
from fulcrum.routing import degraded, held, out_of_patience, over_budget, quarantined, unusable
from fulcrum.routing import route as route_of


class Working(Protocol):
    """What a run brings along to its steps."""

    process: Process
    ledger: Ledger
    run_id: str
    standing: Standing
    endpoint: Endpoint
    budget: Budget

    def gate_context(self, taken: dict[str, str] | None = None) -> GateContext:
        """Give a gate what it checks against."""
        ...


@dataclass(frozen=True, slots=True)
class Checked:
    """A batch that a gate has judged: what each failing case breaks, in words; everything when it was `refused`.

    `after` names the AI step that the gate stands behind.
    """

    batch: Batch
    gate: str
    version: str
    broken: dict[str, str] = field(default_factory=dict)
    refused: str | None = None
    after: str = ""

    def reasons(self, case_id: str) -> list[str]:
        """Say what keeps a case from going on by itself: the rules it breaks, the refusal of its batch."""
        return [reason for reason in (self.broken.get(case_id), self.refused) if reason]


def judge(run: Working, batch: Batch, gate: Gate) -> tuple[Checked, GateResult]:
    """Judge the batch's cases that stand before a gate; an intake gate's verdict is recorded at once.

    What fails an intake gate is set aside; all of the batch when it is more than the gate tolerates (`failure`).
    """
    started = run.ledger.store.now()
    if gate.stage is Stage.INTAKE:
        rows = _documents(run, batch)
        result = evaluate(gate, rows, run.gate_context())
        _record_verdict(run, batch, gate, result, rows, started)
    else:
        rows, taken = _proposals(run, batch, gate)
        result = evaluate(gate, rows, run.gate_context(taken))
    broken = {case_id: result.reasons(case_id) for case_id in result.failed}
    return Checked(batch, gate.name, result.version, broken, _refusal(gate, result), gate.after), result


def failure(process: Process, gate: Gate, result: GateResult) -> GateFailed | None:
    """Say that a run has to fail, because more of its batch fails the intake gate than that tolerates."""
    if gate.stage is not Stage.INTAKE or not result.exceeded(gate.tolerance):
        return None
    return GateFailed(
        gate=gate.name,
        process=process.name,
        failed=len(result.failed),
        total=result.total,
        tolerated=f"{gate.tolerance.share:.0%}",
        expectations=", ".join(result.failing_rules),
    )


def ask(run: Working, batch: Batch, step: AiStep) -> tuple[Batch, dict[str, str]]:
    """Get the step's proposal for each case it is next for.

    Returns the batch without the cases that got none and stay open for a later run, and those with the endpoint's
    fault, by case; what can get none any more goes to a person.
    """
    started = run.ledger.store.now()
    unanswered = Inquiry(run.ledger, run.process, step, run.endpoint, run.budget, batch).make()
    routings = _to_people(run, batch, step, unanswered)
    due = run.process.review.due
    run.ledger.work.route(batch, routings, {}, gate=step.name, due=due, started_at=started)
    settled = {routing.case_id for routing in routings}
    waiting = {case_id: fault for case_id, fault in unanswered.faults.items() if case_id not in settled}
    if waiting:
        run.ledger.leases.release(batch, waiting)
    return batch.only(set(batch.case_ids) - set(waiting)), waiting


def route(run: Working, checked: Checked) -> tuple[Batch, int]:
    """Decide and record the route of each proposal of the last AI step; return what is cleared, and of how many."""
    started = run.ledger.store.now()
    proposed = run.ledger.work.behind(checked.batch, run.process.place(checked.after))
    while True:
        halt = run.ledger.halts.standing(run.process.name)
        routings = [_route(run, checked, proposal, halt) for _, proposal in proposed]
        clear = {routing.case_id for routing in routings if routing.route is Route.CLEARED}
        cleared = {case.id: _outcome(run, case, proposal) for case, proposal in proposed if case.id in clear}
        try:
            _record(run, checked, routings, cleared, started)
        except ProcessHalted:
            # Somebody has halted it since that was read: the ledger has cleared nothing, and all is judged again.
            continue
        return checked.batch.only(clear), len(proposed)


def hold(run: Working, checked: Checked) -> tuple[frozenset[str], int]:
    """Send to people what needs one after this AI step already; return which cases, and of how many."""
    started = run.ledger.store.now()
    proposed = run.ledger.work.behind(checked.batch, run.process.place(checked.after))
    told = [held(p, checked.reasons(p.case_id), run.standing, run.process.review) for _, p in proposed]
    routings = [routing for routing in told if routing is not None]
    _record(run, checked, routings, {}, started)
    return frozenset(routing.case_id for routing in routings), len(proposed)


def _documents(run: Working, batch: Batch) -> list[Row]:
    cases = run.ledger.work.cases(batch, Status.RECEIVED)
    return [Row(case_id=case.id, input=case.input, unsound=case.unsound) for case in cases]


def _proposals(run: Working, batch: Batch, gate: Gate) -> tuple[list[Row], dict[str, str]]:
    proposed = run.ledger.work.behind(batch, run.process.place(gate.after))
    keys = (run.process.business_key(proposal.values) for _, proposal in proposed)
    taken = run.ledger.work.keys_taken(run.process.name, (key for key in keys if key))
    return [Row(case_id=case.id, input=case.input, values=proposal.values) for case, proposal in proposed], taken


def _record_verdict(
    run: Working, batch: Batch, gate: Gate, result: GateResult, rows: Sequence[Row], started: datetime
) -> None:
    """Quarantine what failed; all of the batch when it is more than the gate tolerates."""
    refused = result.exceeded(gate.tolerance)
    unreadable = {row.case_id: row.unsound for row in rows if row.unsound}
    reasons = {case_id: unreadable.get(case_id) or result.reasons(case_id) for case_id in result.failed}
    run.ledger.work.pass_gate(
        batch,
        () if refused else result.passed,
        gate.name,
        result.version,
        started,
        set_aside=quarantined(result.case_ids, reasons, run.process.review, gate=gate.name, refused=refused),
        due=run.process.review.due,
    )


def _refusal(gate: Gate, result: GateResult) -> str | None:
    """Say why an outcome batch goes wholly to people; None when it does not."""
    if gate.stage is not Stage.OUTCOME or not result.exceeded(gate.tolerance):
        return None
    return f"too many of its batch failed the gate: {len(result.failed)} of {result.total}"


def _to_people(run: Working, batch: Batch, step: AiStep, unanswered: Unanswered) -> list[Routing]:
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


def _route(run: Working, checked: Checked, proposal: Proposal, halt: Halt | None) -> Routing:
    broken, exact = checked.reasons(proposal.case_id), proposal.kind == "rule"
    return route_of(proposal, broken, run.standing, run.process.review, exact=exact, halt=halt)


def _outcome(run: Working, case: Case, proposal: Proposal) -> Cleared:
    return Cleared(values=proposal.values, deliveries=postings(run.process, case, proposal.values))


def _record(
    run: Working,
    checked: Checked,
    routings: Sequence[Routing],
    cleared: Mapping[str, Cleared],
    started: datetime,
) -> None:
    due = run.process.review.due
    run.ledger.work.route(
        checked.batch, routings, cleared, gate=checked.gate, version=checked.version, due=due, started_at=started
    )
