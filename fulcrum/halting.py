"""A halt: from its moment on a process clears nothing by itself, until somebody resumes it (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

EVERY = "*"
"""The scope of a halt of all processes, of those that are added later as well; no process can be called so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Who has halted a process, or all of them, when and why; the last three are None while it is in force."""

    scope: str
    by: str
    reason: str
    at: datetime
    resumed_by: str | None = None
    resumed_reason: str | None = None
    resumed_at: datetime | None = None

    @property
    def whole(self) -> bool:
        """Tell whether it is of all processes."""
        return self.scope == EVERY
