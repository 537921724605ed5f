"""Counting over the strikes: what was asked and not yet durable at each, and what came of every case in the end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select

from benchmarks.crashing.inbox import PROCESS
from benchmarks.crashing.stand import Stand, wait_for
from benchmarks.loopback import model_server, webhook_server
from fulcrum.cases import Status
from fulcrum.ledger.reading import chain_intact
from fulcrum.ledger.tables import CaseRow, EventRow, ModelCallRow, ReviewRow

AT_REST = {Status.DELIVERED, Status.IN_REVIEW, Status.QUARANTINED}
"""Where a case of the crash test may be at the end."""


@dataclass
class Tally:
    """The calls, by case: what was asked at the model server, and what of it had been lost before."""

    stand: Stand
    in_flight: int = 0
    """Asked and not yet durable, summed over the strikes."""
    unanswered: int = 0
    """Of these, what the model server was still at work on."""
    lost: Counter[str] = field(default_factory=Counter)
    """Asked and never durable, of the runs that are over."""
    _struck: Counter[str] | None = None
    _at_work: int = 0

    def strike(self) -> None:
        """Note what has been asked at a strike; of several strikes on one run the last counts."""
        told = model_server.counts(self.stand.model)
        self._struck = Counter(told["by_case"])
        self._at_work = max(told["at_once"], self._at_work)

    def run_is_over(self) -> None:
        """Settle what the run lost, once its process has ended and the model server is quiet."""
        wait_for(lambda: model_server.counts(self.stand.model)["at_once"] == 0)
        asked, durable = Counter(model_server.counts(self.stand.model)["by_case"]), durable_calls(self.stand)
        if self._struck is not None:
            lost_by_it = (self._struck - durable - self.lost).total()
            self.in_flight += lost_by_it
            self.unanswered += min(self._at_work, lost_by_it)
        self.lost = asked - durable
        self._struck, self._at_work = None, 0


def durable_calls(stand: Stand) -> Counter[str]:
    """Count the calls that are in the ledger, by the case's reference."""
    query = select(CaseRow.external_id, func.count()).join(ModelCallRow, ModelCallRow.case_id == CaseRow.id)
    with stand.ledger.store.read() as tx:
        return Counter({row[0]: row[1] for row in tx.execute(query.group_by(CaseRow.external_id))})


def verdict(stand: Stand) -> dict[str, Any]:
    """Say what came of every message that arrived."""
    statuses = {case.external_id: case.status for case in stand.ledger.reading.cases(PROCESS)}
    arrived = {f"C{number:06}" for number in range(stand.inbox.arrived)}
    taken = webhook_server.counts(stand.webhook)
    tickets = Counter(name for name, _revision, _effect, _keys in taken["keys_by_outcome"])
    delivered = {name for name, status in statuses.items() if status is Status.DELIVERED}
    calls = model_server.counts(stand.model)["by_case"]
    return {
        "cases": len(arrived),
        "delivered": len(delivered),
        "in_review": sum(status is Status.IN_REVIEW for status in statuses.values()),
        "lost": sum(statuses.get(name) not in AT_REST for name in arrived) + len(delivered - set(tickets)),
        "delivered_twice": sum(keys > 1 for *_, keys in taken["keys_by_outcome"]) + taken["conflicts"],
        "delivered_unasked": len(set(tickets) - delivered),
        "repeated_posts": taken["repeated_posts"],
        "reviews_twice": _reviews_twice(stand),
        "reviews_not_shown": _not_shown(stand),
        "extra_calls": sum(count - 1 for count in calls.values()),
        "never_asked": len(arrived - set(calls)),
        "audit_intact": _intact(stand),
    }


def _reviews_twice(stand: Stand) -> int:
    """Count the cases with several open reviews, and the reviews with several suspended flow runs."""
    query = select(ReviewRow.case_id, func.count()).where(ReviewRow.state == "open").group_by(ReviewRow.case_id)
    with stand.ledger.store.read() as tx:
        in_ledger = sum(count > 1 for _, count in tx.execute(query))
    shown = Counter(str(run.parameters["review_id"]) for run in _suspended())
    return in_ledger + sum(count > 1 for count in shown.values())


def _not_shown(stand: Stand) -> int:
    shown = {str(run.parameters["review_id"]) for run in _suspended()}
    return sum(review.id not in shown for review in stand.ledger.reviews.open(PROCESS))


def _suspended() -> list[Any]:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter

    chosen = FlowRunFilter.model_validate({"tags": {"all_": ["review"]}, "state": {"type": {"any_": ["PAUSED"]}}})
    found: list[Any] = []
    with get_client(sync_client=True) as client:
        while page := client.read_flow_runs(flow_run_filter=chosen, limit=200, offset=len(found)):
            found += page
    return found


def _intact(stand: Stand) -> bool:
    """Tell whether every case's chain of events holds."""
    events: dict[str, list[Any]] = {}
    with stand.ledger.store.read() as tx:
        heads = tx.execute(select(CaseRow.id, CaseRow.head, CaseRow.events)).all()
        for event in tx.execute(select(EventRow).order_by(EventRow.case_id, EventRow.seq)).mappings():
            events.setdefault(event["case_id"], []).append(event)
    return all(chain_intact(events.get(case_id, []), head, count) for case_id, head, count in heads)
