"""Watching a process: the check, its report as an artifact, and what it has noticed as events."""

from __future__ import annotations

from uuid import UUID

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event
from prefect.logging import get_run_logger

from fulcrum.checking import DRIFT, Checked, check
from fulcrum.drift import markdown
from fulcrum.ledger import Ledger
from fulcrum.ledger.watching import Alarm
from fulcrum.process import Process
from tasks.artifacts import show

DRIFTED = "fulcrum.drift.detected"
"""Inputs, outputs or people's corrections are not any more what they were when autonomy was granted."""

BROKEN = "fulcrum.promise.broken"
"""A rate that the process promises is broken."""

LOWERED = "fulcrum.autonomy.lowered"
"""A process may do less alone from its next run on, because a promise is broken."""


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
        _say(process, alarm)
    ledger.watching.said([alarm.id for alarm in unsaid])
    return found


def _say(process: Process, alarm: Alarm) -> None:
    """Give an alarm out; said twice it is one event, because the alarm is its id."""
    if alarm.kind == DRIFT:
        _emit(process, alarm, DRIFTED, alarm.id)
        return
    _emit(process, alarm, BROKEN, alarm.id)
    if "autonomy" in alarm.facts:
        _emit(process, alarm, LOWERED, str(UUID(int=UUID(alarm.id).int ^ 1)))


def _emit(process: Process, alarm: Alarm, event: str, event_id: str) -> None:
    emit_event(
        event=event,
        resource={"prefect.resource.id": f"fulcrum.process.{process.name}", "prefect.resource.name": process.title},
        payload={
            "process": process.name,
            "owner": process.owner.name,
            "on_call": process.on_call,
            "subject": alarm.subject,
            **alarm.facts,
        },
        id=UUID(event_id),
    )
