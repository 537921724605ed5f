"""Showing what has changed in a process since its autonomy was granted."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from deployments.cli.display import out, print_json, table
from deployments.cli.opening import open_ledger
from flows.registry import process as find
from fulcrum.drift import CheckVerdict, DriftReport


def drift(process: str, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Show a process's newest drift report, and how its promises stand.

    Args:
        process: Name of the process, as invoice-intake.
        json: Print the report as one line of JSON, null where there is none yet.
    """
    definition = find(process)
    with open_ledger() as ledger:
        reports = ledger.watching.reports(definition.name)
        seen = ledger.watching.seen(definition.name)
    if json:
        print_json(reports[0] if reports else None)
        return
    if reports:
        _show(DriftReport.from_json(reports[0]), definition.title)
    else:
        waiting = seen.unjudged if seen else 0
        out.print(f"No report yet: {waiting} cases are watched, and each 500 new ones are judged together.")
    if seen and seen.promises:
        out.print()
        rows = [_promise(name, state) for name, state in seen.promises.items()]
        table("Promises, watched case by case", ("promise", "limit", "gone wrong", "state"), rows)


def _show(report: DriftReport, title: str) -> None:
    sizes = f"{report.window_cases} cases against {report.reference_cases}"
    out.print(f"{title}: {report.overall} ({sizes}, judged {report.at:%Y-%m-%d %H:%M} UTC).", markup=False)
    rows = [(check.verdict, check.sentence) for check in report.checks if check.verdict is not CheckVerdict.STABLE]
    if rows:
        table("What is not stable", ("verdict", "what"), rows)


def _promise(name: str, state: dict[str, Any]) -> tuple[str, str, str, str]:
    told = "ALARM" if state["alarmed_at_n"] is not None else "broken before" if state["broken"] else "kept"
    return name, f"{state['promise']['limit']:.1%}", f"{state['wrong']} of {state['n']}", told
