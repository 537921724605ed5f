"""What a failed run leaves for whoever is on call: what failed, what it touches, whether a retry is safe (pure)."""

from __future__ import annotations

from collections.abc import Mapping

from fulcrum.alerts import CAUSES
from fulcrum.cases import Status
from fulcrum.process import Process
from fulcrum.report import RunReport

DONE = (Status.DELIVERED, Status.CLOSED, Status.DISCARDED)
WAITING = (Status.IN_REVIEW, Status.QUARANTINED)
OWED = (Status.CLEARED, Status.APPROVED, Status.REJECTED, Status.DELIVERY_FAILED)


def markdown(
    process: Process, error: str, counts: Mapping[Status, int], report: RunReport | None, *, kind: str = "run.failed"
) -> str:
    """Write the incident: `error` in words without content, `counts` of all the process's cases by status."""
    cause = CAUSES[kind]
    rows = [
        ("finished: nothing more happens to them", DONE),
        ("waiting for a person: they stay in the queue", WAITING),
        ("decided, and not delivered yet: the next run delivers them", OWED),
        ("open: the next run takes them up", tuple(set(Status) - {*DONE, *WAITING, *OWED})),
    ]
    table = [f"| {words} | {sum(counts.get(status, 0) for status in statuses):,} |" for words, statuses in rows]
    lines = [
        f"## {process.title}: {kind.replace('.', ' ')}",
        "",
        f"**What failed:** {_plain(error)}",
        "",
        f"**Is a plain retry safe?** {cause.retry[0].upper()}{cause.retry[1:]}.",
        "",
        "| the process's cases | |",
        "| --- | ---: |",
        *table,
        "",
        *_of_the_run(report),
        "**Look, retry, halt:**",
        "",
        *(f"    {command}" for command in _commands(process)),
        "",
        f"Runbook: `{cause.runbook}`",
    ]
    return "\n".join(lines) + "\n"


def _of_the_run(report: RunReport | None) -> list[str]:
    if report is None:
        return []
    failed = f"; {report.delivery_failed:,} deliveries did not succeed" if report.delivery_failed else ""
    counts = f"took in {report.taken_in:,}, delivered {report.delivered:,}, left {report.still_open:,} open"
    return [f"**This run** {counts}{failed}.", ""]


def _commands(process: Process) -> list[str]:
    return [
        f"fulcrum cases {process.name}",
        f"fulcrum run {process.name}",
        f"fulcrum halt {process.name} --by NAME --reason TEXT",
    ]


def _plain(text: str) -> str:
    """Keep an error's words from being read as Markdown."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>|" else char for char in text)
