"""What a process must have before it may act: the lines of its checklist that its definition alone can show."""

from __future__ import annotations

from fulcrum.readiness.checks import failed
from fulcrum.readiness.lines import Line, Verdict

__all__ = ["Line", "Verdict", "failed"]
