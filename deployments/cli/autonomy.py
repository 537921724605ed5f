"""Reading and setting what a process may do alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from deployments.cli.display import out, print_json, table
from deployments.cli.halting import standing_line
from deployments.cli.opening import open_ledger
from flows.registry import process as find
from fulcrum.errors import UsageError
from fulcrum.ledger.standing_rows import DRIFT
from fulcrum.ledger.watching import Alarm
from fulcrum.process import LEVELS, Autonomy, Process
from fulcrum.report import Standing


def show(process: str, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Show what a process may do alone, and who has set that when and why.

    Args:
        process: Name of the process, as invoice-intake.
        json: Print it as one JSON list, the newest first.
    """
    definition = find(process)
    with open_ledger() as ledger:
        changes = ledger.runs.standings(definition.name)
        alarms = ledger.watching.alarms(definition.name)
        halt = ledger.halts.standing(definition.name)
    if json:
        print_json(changes)
        return
    if halt is not None:
        out.print(f"{standing_line(halt)}\n", markup=False)
    if not changes:
        out.print(f"No run yet; the first one starts as defined: {definition.autonomy}, {definition.review.threshold}.")
        return
    rows = [(c["set_at"], c["autonomy"], f"{c['threshold']:.2f}", c["set_by"], c["reason"]) for c in changes]
    table(f"{definition.title}: autonomy, the newest first", ("since", "autonomy", "threshold", "by", "why"), rows)
    _show_alarms(definition, alarms)


def _show_alarms(process: Process, alarms: Sequence[Alarm]) -> None:
    """Say what the process has noticed about itself, and how its owner says that they have seen it."""
    for alarm in alarms:
        out.print(f"\n{alarm.raised_at:%Y-%m-%d %H:%M} UTC, {words(alarm)}", markup=False)
    if alarms:
        out.print(
            f"\nOnce looked into, say so by setting it, the same level or another:\n"
            f'  fulcrum autonomy set {process.name} LEVEL --by "{process.owner.name}" --reason "..."',
            markup=False,
        )


def words(alarm: Alarm) -> str:
    """Tell an alarm to a person."""
    facts = alarm.facts
    if alarm.kind == DRIFT:
        return f"drift: {', '.join(facts['found'])}; see fulcrum drift {alarm.process}"
    lowered = f"; lowered from {facts['autonomy_before']} to {facts['autonomy']}" if "autonomy" in facts else ""
    return f"promise broken: {alarm.subject}, {facts['wrong']} of {facts['of']}, promised {facts['limit']:.1%}{lowered}"


def change(process: str, level: Autonomy, *, by: str, reason: str, threshold: float | None = None) -> None:
    """Set what a process may do alone from its next run on; who and why stay on record.

    Args:
        process: Name of the process, as invoice-intake.
        level: shadow, assisted, supervised or autonomous.
        by: The name of the person who answers for it.
        reason: Why.
        threshold: The confidence that a cleared case needs, 0 to 1; unchanged when left out.
    """
    definition = find(process)
    if not by.strip() or not reason.strip():
        raise UsageError(problem="--by and --reason are needed: the change stays on record")
    if threshold is not None and not 0 <= threshold <= 1:
        raise UsageError(problem=f"--threshold is a confidence from 0 to 1, not {threshold}")
    if definition.capped(level) is not level:
        ceiling = definition.max_autonomy
        raise UsageError(problem=f"{process} may never do more than {ceiling}; its definition says so (max_autonomy)")
    with open_ledger() as ledger:
        before = ledger.runs.standing(definition.name) or Standing(definition.autonomy, definition.review.threshold)
        _may_rise(definition, before.autonomy, level)
        after = Standing(level, before.threshold if threshold is None else threshold)
        ledger.runs.set_standing(definition.name, after, by=by.strip(), reason=reason.strip())
    out.print(f"{definition.name}: {before.autonomy} at {before.threshold:.2f}, from the next run on "
              f"{after.autonomy} at {after.threshold:.2f}.", markup=False)  # fmt: skip


def _may_rise(process: Process, before: Autonomy, level: Autonomy) -> None:
    """Refuse to let a process that is not ready do more than it does; lowering always works."""
    if LEVELS.index(level) <= LEVELS.index(before):
        return
    from deployments.readiness.admission import hindrances, named  # noqa: PLC0415 - seconds to import

    if held := hindrances(process.name):
        problem = (
            f"{process.name} is not ready ({named(held)}), so it may not do more; see fulcrum readiness {process.name}"
        )
        raise UsageError(problem=problem)
