"""Looking after the review queue by the clock: who is late is reminded, and nothing is ever approved by it."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient

from fulcrum.cases import Review, ReviewKind
from fulcrum.deciding import end
from fulcrum.due import URGENCIES, Default, Urgency
from fulcrum.errors import AlreadyDecided, DecisionRefused
from fulcrum.ledger import Ledger
from fulcrum.process import Process
from tasks.review import assign, retag
from tasks.review_forms import read_answer


def press_due(ledger: Ledger, process: Process, client: SyncPrefectClient) -> Counter[Urgency]:
    """Bring every open review of a process to where its due date has it; count those that have moved, by urgency.

    One whose answer is on its way stays as it is: the answer counts.
    """
    moved: Counter[Urgency] = Counter()
    now = ledger.store.now()
    for review in ledger.reviews.open(process.name):
        reached = process.review.due.urgency(review.opened_at, review.due_at, now)
        later = URGENCIES.index(reached) > URGENCIES.index(review.urgency)
        if later and not _answered(client, review) and _press(ledger, process, review, reached, client):
            moved[reached] += 1
    return moved


def assign_open(ledger: Ledger, process: Process, client: SyncPrefectClient) -> int:
    """Ask somebody about each open review that nobody in particular is asked about; return how many."""
    waiting = [review for review in ledger.reviews.open(process.name) if review.assignee is None]
    asked = [each.review for each in assign(ledger, process, ledger.reviews.dossiers(waiting)) if each.review.assignee]
    for review in asked:
        retag(client, ledger, process, review)
    return len(asked)


def _press(ledger: Ledger, process: Process, review: Review, reached: Urgency, client: SyncPrefectClient) -> bool:
    due = process.review.due
    if reached is Urgency.ENDED and due.default is Default.REJECT and review.kind is not ReviewKind.REPAIR:
        # Somebody may have decided it since.
        with suppress(AlreadyDecided, DecisionRefused):
            end(ledger, process, review.id)
            return True
        return False
    elsewhere = due.escalate_to and URGENCIES.index(reached) >= URGENCIES.index(Urgency.ESCALATED)
    pressed = ledger.queue.press(review.id, reached, queue=due.escalate_to if elsewhere else None)
    if pressed is not None:
        retag(client, ledger, process, pressed)
    return pressed is not None


def _answered(client: SyncPrefectClient, review: Review) -> bool:
    return review.flow_run_id is not None and read_answer(client, UUID(review.flow_run_id)).answer is not None
