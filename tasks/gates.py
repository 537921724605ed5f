"""Checking a batch at a gate, before or after an AI step."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from fulcrum.cases import Batch
from fulcrum.gates import GateResult, markdown
from fulcrum.process import Gate
from fulcrum.working import Checked, failure, judge
from tasks.alarms import tell
from tasks.artifacts import show
from tasks.run import ProcessRun


@task(cache_policy=NO_CACHE, task_run_name="gate {gate.name}")
def check(run: ProcessRun, batch: Batch, gate: Gate) -> Checked:
    """Judge the batch's cases that stand before this gate; raise GateFailed when too many fail the intake gate."""
    checked, result = judge(run, batch, gate)
    if checked.refused is not None:
        _alert(run, gate, result)
    _show(run, gate, result)
    failed = failure(run.process, gate, result)
    if failed is not None:
        raise failed
    return checked


def _alert(run: ProcessRun, gate: Gate, result: GateResult) -> None:
    """Say that an outcome batch goes wholly to people."""
    facts = {"run_id": run.run_id, "gate": gate.name, "failed": len(result.failed), "total": result.total}
    tell(run.ledger, run.process, "gate.failed", facts | {"rules": list(result.failing_rules)})


def _show(run: ProcessRun, gate: Gate, result: GateResult) -> None:
    if result.total:
        key = f"{run.process.name}-gate-{gate.name}"
        show(markdown(result, gate.stage, gate.tolerance), key=key, description=f"Gate {gate.name}")
