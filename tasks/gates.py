"""Checking a batch at a gate, before or after an AI step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event

from fulcrum.cases import Batch, Status
from fulcrum.errors import GateFailed
from fulcrum.gates import GateResult, evaluate, markdown
from fulcrum.process import Gate, Row, Stage
from fulcrum.routing import quarantined
from tasks.artifacts import show
from tasks.run import ProcessRun


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


@task(cache_policy=NO_CACHE, task_run_name="gate {gate.name}")
def check(run: ProcessRun, batch: Batch, gate: Gate) -> Checked:
    """Judge the batch's cases that stand before this gate; raise GateFailed when too many fail the intake gate."""
    started = run.ledger.store.now()
    if gate.stage is Stage.INTAKE:
        rows = _documents(run, batch)
        result = evaluate(gate, rows, run.gate_context())
        _record(run, batch, gate, result, rows, started)
    else:
        rows, taken = _proposals(run, batch, gate)
        result = evaluate(gate, rows, run.gate_context(taken))
    _show(run, gate, result)
    broken = {case_id: result.reasons(case_id) for case_id in result.failed}
    return Checked(batch, gate.name, result.version, broken, _refusal(run, gate, result), gate.after)


def _documents(run: ProcessRun, batch: Batch) -> list[Row]:
    cases = run.ledger.work.cases(batch, Status.RECEIVED)
    return [Row(case_id=case.id, input=case.input, unsound=case.unsound) for case in cases]


def _proposals(run: ProcessRun, batch: Batch, gate: Gate) -> tuple[list[Row], dict[str, str]]:
    proposed = run.ledger.work.behind(batch, run.process.place(gate.after))
    keys = (run.process.business_key(proposal.values) for _, proposal in proposed)
    taken = run.ledger.work.keys_taken(run.process.name, (key for key in keys if key))
    return [Row(case_id=case.id, input=case.input, values=proposal.values) for case, proposal in proposed], taken


def _record(
    run: ProcessRun, batch: Batch, gate: Gate, result: GateResult, rows: Sequence[Row], started: datetime
) -> None:
    """Quarantine what failed; all of the batch, and the run fails, when it is more than the gate tolerates."""
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
    if refused:
        _show(run, gate, result)
        raise GateFailed(
            gate=gate.name,
            process=run.process.name,
            failed=len(result.failed),
            total=result.total,
            tolerated=f"{gate.tolerance.share:.0%}",
            expectations=", ".join(result.failing_rules),
        )


def _refusal(run: ProcessRun, gate: Gate, result: GateResult) -> str | None:
    """Say why an outcome batch goes wholly to people, and alert; None when it does not."""
    if gate.stage is not Stage.OUTCOME or not result.exceeded(gate.tolerance):
        return None
    process = run.process
    emit_event(
        "fulcrum.gate.failed",
        resource={"prefect.resource.id": f"fulcrum.process.{process.name}", "prefect.resource.name": process.title},
        payload={"run_id": run.run_id, "gate": gate.name, "failed": len(result.failed), "total": result.total,
                 "rules": list(result.failing_rules)},
    )  # fmt: skip
    return f"too many of its batch failed the gate: {len(result.failed)} of {result.total}"


def _show(run: ProcessRun, gate: Gate, result: GateResult) -> None:
    if result.total:
        key = f"{run.process.name}-gate-{gate.name}"
        show(markdown(result, gate.stage, gate.tolerance), key=key, description=f"Gate {gate.name}")
