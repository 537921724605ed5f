"""Looking at cases."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from deployments.cli.display import out, print_json, table
from deployments.cli.opening import open_ledger
from flows.registry import process as find
from fulcrum.cases import Case, Status
from fulcrum.errors import OriginalNotFound
from fulcrum.ledger import History
from fulcrum.settings import settings

SHOWN = 50


def cases(process: str, *, status: Status | None = None, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """List a process's cases, the newest first, without their content; say why its newest run failed, if it did.

    Args:
        process: Name of the process, as invoice-intake.
        status: Only cases of this status.
        json: Print all of them as one JSON list.
    """
    definition = find(process)
    with open_ledger() as ledger:
        found = ledger.reading.cases(definition.name, status=status, limit=None if json else SHOWN)
        counts = ledger.reading.counts(definition.name)
        failure = ledger.runs.failure(definition.name)
    if json:
        print_json([_row(case) for case in found])
        return
    rows = [(case.id, case.external_id, case.status, case.reason) for case in found]
    table(f"{definition.title}: cases", ("case", "from", "status", "reason"), rows)
    out.print("  ".join(f"{name.value}: {count}" for name, count in sorted(counts.items())) or "No cases yet.")
    if len(found) == SHOWN:
        out.print(f"The newest {SHOWN} are shown; --json lists all.")
    if failure is not None:
        at, error = failure
        out.print(f"\nThe newest run failed at {at:%Y-%m-%d %H:%M} UTC: {error}", markup=False)


def case(case_id: str, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Show one case's whole history: what came, what was proposed, what was decided, what was delivered.

    Args:
        case_id: The case's id, its beginning, or the id it has at its source.
        json: Print it as one JSON object.
    """
    with open_ledger() as ledger:
        history = ledger.reading.history(ledger.reading.find(case_id))
    if json:
        print_json(_story(history))
    else:
        _tell(history)


def _row(found: Case) -> dict[str, Any]:
    names = ("id", "process", "external_id", "status", "route", "reason_code", "reason", "received_at", "revision")
    return {name: getattr(found, name) for name in names}


def _story(history: History) -> dict[str, Any]:
    parts = ("outcome", "proposal", "events", "calls", "reviews", "decisions", "deliveries", "intact")
    return {**_row(history.case), "input": history.case.input, **{part: getattr(history, part) for part in parts}}


def _tell(history: History) -> None:
    found = history.case
    heading = [
        ("from", found.external_id),
        ("status", found.status),
        ("why", found.reason),
        ("received", found.received_at),
        *([("original", _original(found.original))] if found.original else []),
    ]
    table(f"Case {found.id} of {found.process}", ("", ""), heading)
    out.print()
    events = [
        (f"{e['ended_at']:%m-%d %H:%M:%S}", e["activity"], e["actor"] or e["resource"], e["status"])
        for e in history.events
    ]
    table("History", ("when (UTC)", "what", "by", "then"), events)
    _tell_values(history)
    for decision in history.decisions:
        out.print()
        changes = (decision["content"] or {}).get("corrections", {})
        rows = [(name, change["proposed"], change["decided"]) for name, change in changes.items()]
        table(f"{decision['reviewer']}: {decision['verdict']}", ("corrected", "proposed", "decided"), rows)
        if note := (decision["content"] or {}).get("note"):
            out.print(f"Note: {note}", markup=False)
    if history.deliveries:
        out.print()
        effects = [(d["effect"], d["target"], d["state"], d["receipt"] or d["error"]) for d in history.deliveries]
        table("Deliveries", ("effect", "target", "state", "receipt"), effects)
    out.print()
    out.print(
        "The hash chain of its events is intact." if history.intact else "THE HASH CHAIN OF ITS EVENTS IS BROKEN."
    )


def _original(digest: str) -> str:
    """Name the file that a case came in; it may have been removed at the end of its retention."""
    from fulcrum.sources.originals import Originals  # noqa: PLC0415 - only where there is one

    try:
        return str(Originals(settings().home / "originals").path(digest))
    except OriginalNotFound:
        return f"{digest[:12]}… is not kept any more"


def _tell_values(history: History) -> None:
    values = history.outcome or history.proposal
    if not values:
        return
    out.print()
    proposed = history.proposal or {}
    rows = [(name, proposed.get(name), (history.outcome or {}).get(name)) for name in values]
    table("Outcome", ("field", "proposed", "final"), rows)
