"""As what an alarm that stands in the ledger is told."""

from __future__ import annotations

from fulcrum.alerts import CAUSES, Cause
from fulcrum.ledger.standing_rows import DRIFT, PROMISE
from fulcrum.ledger.watching import Alarm


def cause_of(alarm: Alarm) -> Cause:
    """Give the cause that an alarm is told as; a broken promise is told as what it has cost, where it cost a level."""
    if alarm.kind == DRIFT:
        return CAUSES["drift.detected"]
    if alarm.kind == PROMISE:
        return CAUSES["autonomy.lowered" if "autonomy" in alarm.facts else "promise.broken"]
    return CAUSES[alarm.kind]
