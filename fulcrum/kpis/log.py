"""The event log that the figures are computed from: case, activity, resource kind, start, end, cost (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEvent:
    """One line of an event log. `resource` is `ai`, `human`, `rule` or `system`; `actor` who or what exactly did it.

    `start` is `end` where a source knows one moment only.
    """

    case: str
    activity: str
    resource: str
    start: datetime
    end: datetime
    actor: str | None = None
    cost: Decimal | None = None
    currency: str | None = None
