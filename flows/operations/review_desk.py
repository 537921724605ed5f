"""The review desk's clock: it looks after the queue, and decides nothing that a person could still decide."""

from __future__ import annotations

from collections import Counter
from typing import Any

from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed

from blocks import load_ledger
from flows.registry import names
from flows.registry import process as process_of
from fulcrum.delivery import deliver_due
from fulcrum.due import Urgency
from fulcrum.ledger import Ledger
from fulcrum.process import Process
from tasks.alarms import pass_on, say_overdue
from tasks.artifacts import show
from tasks.beat import heartbeat
from tasks.crashes import look_back
from tasks.desk import assign_open, press_due
from tasks.review import publish, put_back, take_down_settled
from tasks.schedules import say_missing
from tasks.targets import load_targets


@flow(name="review-desk")
def review_desk(process: str | None = None) -> State[Any]:
    """Put back what was lost, ask people, remind them, escalate, and end what nobody decided as its process says.

    Args:
        process: One process alone, as invoice-intake; every process when left empty.
    """
    with load_ledger() as ledger, get_client(sync_client=True) as client:
        chosen = [ledger.catalogues.bind(process_of(name)) for name in ([process] if process else names())]
        rows = [_look_after(ledger, each, client) for each in chosen]
        for each in chosen:
            look_back(ledger, client, each)
            say_missing(ledger, client, each)
        pass_on(ledger, {each.name: each for each in chosen})
    heartbeat()
    show(_table(rows), key="review-desk", description="The review queue by process")
    return Completed(message="; ".join(f"{name}: {sum(counts.values())} open" for name, counts in rows))


def _look_after(ledger: Ledger, process: Process, client: SyncPrefectClient) -> tuple[str, Counter[Urgency]]:
    put_back(ledger, process, client=client)
    publish(ledger, process, client=client)
    moved = press_due(ledger, process, client)
    # After that, so that what has moved to another queue is somebody's there at once.
    assign_open(ledger, process, client)
    if moved[Urgency.ENDED]:
        deliver_due(ledger, process, load_targets(process), run_id=None)
    take_down_settled(ledger, process, client=client)
    waiting = Counter(review.urgency for review in ledger.reviews.open(process.name))
    if moved:
        get_run_logger().warning("%s: %s", process.name, _said(moved))
        say_overdue(ledger, process, moved, waiting)
    return process.name, waiting


def _said(moved: Counter[Urgency]) -> str:
    return ", ".join(f"{count} now {urgency}" for urgency, count in moved.items())


def _table(rows: list[tuple[str, Counter[Urgency]]]) -> str:
    head = f"| process | {' | '.join(Urgency)} |\n| --- |{' ---: |' * len(Urgency)}"
    return "\n".join([head, *(f"| {name} | {' | '.join(str(counts[u]) for u in Urgency)} |" for name, counts in rows)])
