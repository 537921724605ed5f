"""What somebody should hear of: events at the Prefect server, with ids and counts and never a case's content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from prefect.events import emit_event
from prefect.logging import get_run_logger

from fulcrum.alarms import cause_of
from fulcrum.alerts import CAUSES, Severity, message
from fulcrum.due import Urgency
from fulcrum.halting import Halt
from fulcrum.ledger import Ledger
from fulcrum.process import Process
from fulcrum.reviewers import key_of

ENDED = "fulcrum.alarm.over"
"""Something that was told before is over."""

LOWERED, _OVER, _PASSED_ON = 1, 2, 3
"""The further events of an alarm, numbered."""

PATIENCE = timedelta(minutes=15)
"""How long a page may stand before the deputy hears of it as well."""


HALTED, RESUMED = "fulcrum.process.halted", "fulcrum.process.resumed"
"""Somebody has halted a process, which clears nothing from then on; somebody has resumed it."""


def say_halt(process: Process, halt: Halt) -> None:
    """Say that a process is halted, or resumed where the halt is over, and by whom and why."""
    over = halt.resumed_at is not None
    emit_event(
        event=RESUMED if over else HALTED,
        resource=_resource(process),
        payload={
            "process": process.name,
            "owner": process.owner.name,
            "on_call": process.on_call,
            "by": halt.resumed_by if over else halt.by,
            "reason": halt.resumed_reason if over else halt.reason,
            "all": halt.whole,
        },
    )


def say_locked(ledger: Ledger, reviewer: str, process: Process) -> None:
    """Tell that a reviewer is locked."""
    get_run_logger().warning("Reviewer %s is locked for 15 minutes: too many wrong codes", reviewer)
    resource = {"prefect.resource.id": f"fulcrum.reviewer.{key_of(reviewer)}", "prefect.resource.name": reviewer}
    tell(ledger, process, "reviewer.locked", {"reviewer": reviewer}, resource=resource)


def say_overdue(ledger: Ledger, process: Process, moved: Counter[Urgency], waiting: Counter[Urgency]) -> None:
    """Tell how many reviews of a process have come near their due date or past it, and how many wait in all."""
    tell(ledger, process, "review.overdue", {"moved": dict(moved), "waiting": dict(waiting)})


def tell(
    ledger: Ledger,
    process: Process,
    kind: str,
    facts: Mapping[str, Any],
    *,
    alarm_id: str | None = None,
    event_id: UUID | None = None,
    resource: dict[str, str] | None = None,
) -> None:
    """Tell a cause as an event that carries the whole message; told twice under one id it is one event.

    Where an alarm stands for it, that is the event's id unless it has one of its own.
    """
    cause = CAUSES[kind]
    counts = {status.value: count for status, count in ledger.reading.counts(process.name).items()}
    emit_event(
        event=cause.event,
        resource=resource or _resource(process),
        payload=message(cause, process, facts, counts, alarm_id=alarm_id),
        id=event_id or (UUID(alarm_id) if alarm_id else uuid4()),
    )


def tell_once(ledger: Ledger, process: Process, kind: str, facts: Mapping[str, Any]) -> None:
    """Tell a cause that lasts, unless it was told already: one cause is one message, not one a run or a case.

    It is noted as told only after that; killed in between, the next run tells it again, under the same id.
    """
    alarm = ledger.alarms.begin(process.name, kind, dict(facts))
    if alarm is not None:
        tell(ledger, process, kind, facts, alarm_id=alarm.id)
        ledger.watching.said([alarm.id])


def tell_over(ledger: Ledger, process: Process, kind: str) -> None:
    """Tell that a cause is gone, where it was told before; only then it ends."""
    alarm = ledger.alarms.find(process.name, kind)
    if alarm is None:
        return
    cause = CAUSES[kind]
    title = f"[over] {process.title}: {kind.replace('.', ' ')}"
    body = f"It is over: {cause.means[0].lower()}{cause.means[1:]}"
    payload = {"severity": cause.severity.value, "title": title, "body": body, "process": process.name, "kind": kind}
    emit_event(event=ENDED, resource=_resource(process), payload=payload, id=derived_id(alarm.id, _OVER))
    ledger.alarms.end(process.name, kind)


def pass_on(ledger: Ledger, processes: Mapping[str, Process]) -> int:
    """Tell the deputy of each page that nobody has taken for a quarter of an hour; give how many."""
    waiting = [(alarm, cause_of(alarm)) for alarm in ledger.alarms.late(PATIENCE) if alarm.process in processes]
    late = [(alarm, cause) for alarm, cause in waiting if cause.severity is Severity.PAGE]
    for alarm, cause in late:
        process = processes[alarm.process]
        deputy = f"{process.deputy.name} <{process.deputy.email}>"
        facts = {"for": deputy, "nobody has taken it since": f"{alarm.raised_at:%H:%M} UTC"}
        event_id = derived_id(alarm.id, _PASSED_ON)
        tell(ledger, process, cause.kind, facts, alarm_id=alarm.id, event_id=event_id)
    ledger.alarms.passed_on([alarm.id for alarm, _cause in late])
    return len(late)


def derived_id(alarm_id: str, number: int) -> UUID:
    """Make the id of a further event of an alarm: told twice, it is one event."""
    return UUID(int=UUID(alarm_id).int ^ number)


def _resource(process: Process) -> dict[str, str]:
    return {"prefect.resource.id": f"fulcrum.process.{process.name}", "prefect.resource.name": process.title}
