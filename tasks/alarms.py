"""What somebody should hear of: events at the Prefect server, with ids and counts and never a case's content."""

from __future__ import annotations

from collections import Counter

from prefect.events import emit_event
from prefect.logging import get_run_logger

from fulcrum.due import Urgency
from fulcrum.halting import Halt
from fulcrum.process import Process
from fulcrum.reviewers import key_of

LOCKED = "fulcrum.reviewer.locked"
"""Somebody has typed too many wrong codes under a reviewer's name."""

OVERDUE = "fulcrum.review.overdue"
"""Reviews of a process are near their due date or past it."""


HALTED, RESUMED = "fulcrum.process.halted", "fulcrum.process.resumed"
"""Somebody has halted a process, which clears nothing from then on; somebody has resumed it."""


def say_halt(process: Process, halt: Halt) -> None:
    """Say that a process is halted, or resumed where the halt is over, and by whom and why."""
    over = halt.resumed_at is not None
    emit_event(
        event=RESUMED if over else HALTED,
        resource={"prefect.resource.id": f"fulcrum.process.{process.name}", "prefect.resource.name": process.title},
        payload={
            "process": process.name,
            "owner": process.owner.name,
            "on_call": process.on_call,
            "by": halt.resumed_by if over else halt.by,
            "reason": halt.resumed_reason if over else halt.reason,
            "all": halt.whole,
        },
    )


def say_locked(reviewer: str, process: Process) -> None:
    """Raise an alert that a reviewer is locked."""
    get_run_logger().warning("Reviewer %s is locked for 15 minutes: too many wrong codes", reviewer)
    emit_event(
        event=LOCKED,
        resource={"prefect.resource.id": f"fulcrum.reviewer.{key_of(reviewer)}", "prefect.resource.name": reviewer},
        payload={"process": process.name, "owner": process.owner.name, "on_call": process.on_call},
    )


def say_overdue(process: Process, moved: Counter[Urgency], waiting: Counter[Urgency]) -> None:
    """Say how many reviews of a process have come near their due date or past it, and how many wait in all."""
    emit_event(
        event=OVERDUE,
        resource={"prefect.resource.id": f"fulcrum.process.{process.name}", "prefect.resource.name": process.title},
        payload={
            "process": process.name,
            "owner": process.owner.name,
            "on_call": process.on_call,
            "moved": dict(moved),
            "waiting": dict(waiting),
        },
    )
