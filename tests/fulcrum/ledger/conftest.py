"""An empty ledger on each database, and the shortest way to cases in any state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from fulcrum.cases import (
    Batch,
    Delivery,
    Effect,
    ModelCall,
    NewCase,
    Proposal,
    ReasonCode,
    Route,
    Routing,
)
from fulcrum.due import Due
from fulcrum.ledger import Cleared, Ledger, migrate
from fulcrum.process import Autonomy
from fulcrum.report import Standing

DAY = timedelta(days=1)
DUE = Due(within=DAY)
PROCESS = "sample"


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Desk:
    """A ledger with the verbs that tests repeat."""

    ledger: Ledger
    clock: Clock

    @staticmethod
    def posting(case_id: str, revision: int = 1, target: str = "sql-target/erp") -> Delivery:
        return posting(case_id, revision, target)

    def call(self, case_id: str, key: str, answer: str | None) -> ModelCall:
        return call(case_id, self.clock(), key=key, answer=answer)

    def begin(self, run_id: str = "run-1") -> str:
        standing = Standing(Autonomy.SUPERVISED, 0.8)
        self.ledger.runs.begin(run_id, PROCESS, sop_version="s" * 12, prompt_version="p" * 12, standing=standing)
        return run_id

    def take_in(self, *names: str, run_id: str = "run-1") -> None:
        items = [NewCase(external_id=name, input={"id": name, "text": f"text of {name}"}) for name in names]
        self.ledger.intake.take_in(run_id, PROCESS, items)

    def claim(self, run_id: str = "run-1", limit: int = 500) -> Batch:
        batch = self.ledger.leases.claim(PROCESS, run_id, limit)
        assert batch is not None
        return batch

    def check(self, batch: Batch) -> None:
        self.ledger.work.pass_gate(batch, batch.case_ids, "documents", "v1", self.clock())

    def propose(self, batch: Batch, value: str = "x") -> None:
        calls = [call(case_id, self.clock()) for case_id in batch.case_ids]
        proposals = [proposal(case_id, value) for case_id in batch.case_ids]
        self.ledger.work.record(batch, calls, proposals, {c: f"key-{c}" for c in batch.case_ids})

    def route(self, batch: Batch, route: Route) -> None:
        code = ReasonCode.SUFFICIENT if route is Route.CLEARED else ReasonCode.LOW_CONFIDENCE
        routings = [Routing(case_id=c, route=route, code=code, reason="because", queue="q") for c in batch.case_ids]
        cleared = {}
        if route is Route.CLEARED:
            cleared = {c: Cleared(values={"value": "x"}, deliveries=(posting(c),)) for c in batch.case_ids}
        self.ledger.work.route(batch, routings, cleared, gate="routing", due=DUE, started_at=self.clock())

    def in_review(self, *names: str) -> Batch:
        return self._to(Route.REVIEW, names)

    def cleared(self, *names: str) -> Batch:
        return self._to(Route.CLEARED, names)

    def _to(self, route: Route, names: tuple[str, ...]) -> Batch:
        self.begin()
        self.take_in(*names)
        batch = self.claim()
        self.check(batch)
        self.propose(batch)
        self.route(batch, route)
        return batch


def call(case_id: str, now: datetime, *, key: str | None = None, answer: str | None = "{}") -> ModelCall:
    return ModelCall(
        key=key or f"{case_id}-key",
        case_id=case_id,
        step="extract",
        sample=0,
        attempt=1,
        model="m",
        answer=answer,
        error=None if answer is not None else "timeout",
        tokens_in=10,
        tokens_out=5,
        cost=Decimal("0.0015"),
        currency="EUR",
        seconds=0.2,
        asked_at=now,
        field_confidence={"value": 0.9},
    )


def proposal(case_id: str, value: str = "x") -> Proposal:
    return Proposal(
        case_id=case_id,
        step="extract",
        kind="ai",
        values={"value": value},
        confidence=0.9,
        field_confidence={"value": 0.9},
        model="m",
        sop_version="s" * 12,
        prompt_version="p" * 12,
    )


def posting(case_id: str, revision: int = 1, target: str = "sql-target/erp") -> Delivery:
    return Delivery(
        key=f"{case_id}:{revision}:posting:{target}",
        case_id=case_id,
        external_id="-",
        process=PROCESS,
        target=target,
        effect=Effect.POSTING,
        revision=revision,
        posting={"value": "x", "total": "10.00"},
        business_key=f"key-{case_id}",
    )


@pytest.fixture
def desk(ledger_url: str) -> Iterator[Desk]:
    migrate(ledger_url)
    clock = Clock()
    with Ledger.open(ledger_url, clock=clock) as ledger:
        yield Desk(ledger, clock)
