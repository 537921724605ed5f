"""A process in figures, now beside what was before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from cyclopts import Parameter

from deployments.cli.display import out, print_json, table
from deployments.cli.opening import open_ledger
from flows.registry import process as find
from fulcrum.kpis.figures import Kpis, measure
from fulcrum.kpis.log import EventLog
from fulcrum.kpis.wording import number, share, span
from fulcrum.process import Process
from fulcrum.scoring import baseline_of


def kpis(process: str, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Show a process in figures beside the work before, each computed from its event log by the same code.

    Args:
        process: Name of the process, as invoice-intake.
        json: Print them as one line of JSON.
    """
    definition = find(process)
    with open_ledger() as ledger:
        mine = ledger.logs.of_process(definition)
        kept = ledger.logs.kept(baseline_of(definition.name))
        now = ledger.store.now()
    after = _measured(definition, mine, now)
    before = _measured(definition, kept.log, kept.log.until) if kept else None
    if json:
        told = {"now": asdict(after), "before": asdict(before) if before else None, "at": now}
        print_json(told)
        return
    if not after.cases:
        out.print(f"No cases of {definition.name} yet.")
    columns = ("before", "now") if before else ("now",)
    rows = [(name, *([told(before)] if before else []), told(after)) for name, told in _ROWS.items()]
    table(f"{definition.title}: in figures", ("", *columns), rows, right=columns)
    for warning in after.warnings:
        out.print(f"Note: {warning}.", markup=False)
    if kept:
        out.print(f"Before: {kept.basis}, {kept.source}, imported {kept.imported_at:%Y-%m-%d}.", markup=False)
    else:
        out.print(
            f"Before: nothing is measured; fulcrum import-log FILE --as {baseline_of(definition.name)}", markup=False
        )


def _measured(process: Process, log: EventLog, now: datetime) -> Kpis:
    promised = process.objectives
    return measure(log, now=now, objective=promised.cycle_time_p95, costs=process.costs, currency=promised.currency)


_ROWS: dict[str, Callable[[Kpis], str]] = {
    "Cases": lambda k: f"{k.cases:,}",
    "- still open": lambda k: f"{k.open:,}",
    "Cycle time p50": lambda k: span(k.cycle_p50),
    "Cycle time p90": lambda k: span(k.cycle_p90),
    "Cycle time p95": lambda k: span(k.cycle_p95),
    "Within the promised time": lambda k: share(k.within_objective),
    "p95 / p50": lambda k: number(k.predictability),
    "Coefficient of variation": lambda k: number(k.variation),
    "Cases that a person touches": lambda k: share(k.manual_rate),
    "Touches a case": lambda k: number(k.touches),
    "Handovers a case": lambda k: number(k.handovers),
    "Cases with rework": lambda k: share(k.rework),
    "Right the first time": lambda k: share(k.first_time_right),
    "People's minutes a case": lambda k: number(k.people_minutes),
    "Paid a case": lambda k: number(k.paid, k.currency),
    "Cost a case": lambda k: number(k.cost, k.currency),
}
