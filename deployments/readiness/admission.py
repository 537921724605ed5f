"""Whether a process may be deployed: ready, or as a draft that only watches."""

from __future__ import annotations

from collections.abc import Sequence

from deployments.readiness.checklist import readiness
from fulcrum.ledger import Ledger
from fulcrum.process import Autonomy, Process
from fulcrum.readiness.lines import Line, Verdict
from fulcrum.report import Standing
from fulcrum.settings import project_root

OF_A_CHECKOUT = frozenset({"prompt", "tests"})
"""Lines that only a checkout can show: what is installed from a wheel or an image has neither git nor tests."""

BY = "fulcrum bootstrap --allow-draft"


def hindrances(name: str) -> list[Line]:
    """List the lines of a process's checklist that keep it from being deployed; raise UnknownProcess."""
    elsewhere = not (project_root() / ".git").exists()
    failed = [line for line in readiness(name).lines if line.verdict is Verdict.FAILED]
    return [line for line in failed if not (elsewhere and line.check in OF_A_CHECKOUT)]


def named(lines: Sequence[Line]) -> str:
    """Name lines in a few words."""
    return ", ".join(line.check for line in lines)


def watch_only(ledger: Ledger, process: Process, lines: Sequence[Line]) -> None:
    """Lower a draft to shadow, with the reason; one that only watches already stays as it is."""
    standing = ledger.runs.standing(process.name) or Standing(process.autonomy, process.review.threshold)
    if standing.autonomy is not Autonomy.SHADOW or ledger.runs.standing(process.name) is None:
        shadow = Standing(Autonomy.SHADOW, standing.threshold)
        ledger.runs.set_standing(process.name, shadow, by=BY, reason=f"a draft: {named(lines)}")
