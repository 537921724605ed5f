"""What a process must have before it is deployed: a list of checks, each passed or failed, why, and how to mend it."""

from __future__ import annotations

from deployments.readiness.checklist import Readiness, checklist, readiness
from deployments.readiness.subject import FEWEST_CASES, GOLDEN, Score, Subject, target_types
from fulcrum.readiness.lines import Line, Verdict

__all__ = [
    "FEWEST_CASES",
    "GOLDEN",
    "Line",
    "Readiness",
    "Score",
    "Subject",
    "Verdict",
    "checklist",
    "readiness",
    "target_types",
]
