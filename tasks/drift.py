"""Watching a process: the check, its report as an artifact, and what it has noticed as events."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from fulcrum.alarms import cause_of
from fulcrum.checking import Checked, check
from fulcrum.drift import markdown
from fulcrum.ledger import Ledger
from fulcrum.ledger.watching import Alarm
from fulcrum.process import Process
from tasks.alarms import LOWERED, derived_id, tell
from tasks.artifacts import show


@task(cache_policy=NO_CACHE, task_run_name="watch {process.name}")
def watch(ledger: Ledger, process: Process) -> Checked:
    """Check a process; show its report, and give out what was noticed, now or by a check that was killed before it."""
    found = check(ledger, process)
    if found.report is not None:
        show(markdown(found.report, process.title), key=f"{process.name}-drift", description="What has changed")
    if found.lowered:
        before, after = found.lowered
        get_run_logger().warning("%s: a promise is broken; %s after %s", process.name, after.autonomy, before.autonomy)
    unsaid = ledger.watching.unsaid(process.name)
    for alarm in unsaid:
        _say(ledger, process, alarm)
    ledger.watching.said([alarm.id for alarm in unsaid])
    return found


def _say(ledger: Ledger, process: Process, alarm: Alarm) -> None:
    """Give an alarm out; said twice it is one event, because the alarm is its id."""
    facts = {"subject": alarm.subject, **alarm.facts}
    cause = cause_of(alarm)
    if cause.kind != "autonomy.lowered":
        tell(ledger, process, cause.kind, facts, alarm_id=alarm.id)
        return
    tell(ledger, process, "promise.broken", facts, alarm_id=alarm.id)
    tell(ledger, process, cause.kind, facts, alarm_id=alarm.id, event_id=derived_id(alarm.id, LOWERED))
