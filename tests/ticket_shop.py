"""A ledger of made-up customer messages, handled by its own verbs as quickly as a ledger goes, with a clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import uuid4

from flows.ticket_triage.process import TICKET_TRIAGE
from fulcrum.cases import (
    Batch,
    Decision,
    Delivery,
    Effect,
    ModelCall,
    NewCase,
    Proposal,
    ReasonCode,
    Receipt,
    ReviewKind,
    Route,
    Routing,
    Verdict,
)
from fulcrum.due import Due
from fulcrum.ledger import Cleared, Ledger, Result, migrate
from fulcrum.process import Autonomy, Process
from fulcrum.report import Standing

PROCESS = TICKET_TRIAGE
INTENTS = [option.name for option in PROCESS.catalogues[0].options[:4]]
WORDS = [
    "filter",
    "leaks",
    "order",
    "late",
    "refund",
    "machine",
    "pump",
    "broken",
    "invoice",
    "please",
    "help",
    "grinder",
]
DUE = Due(within=timedelta(days=1))


@dataclass
class Shop:
    """A ledger whose runs handle made-up messages, with a clock that moves on with them."""

    url: str
    now: datetime = datetime(2026, 9, 7, 8, tzinfo=UTC)
    random: Random = field(default_factory=lambda: Random(7))  # noqa: S311 - a seeded stream of test cases
    process: Process = PROCESS

    @classmethod
    def opened(cls, folder: Path, *, process: Process = PROCESS) -> Shop:
        """Make its ledger in a folder."""
        url = f"sqlite:///{folder / 'ledger.db'}"
        migrate(url)
        return cls(url, process=process)

    def ledger(self) -> Ledger:
        return Ledger.open(self.url, clock=lambda: self.now)

    def handle(
        self,
        count: int,
        *,
        text: Callable[[Random], str] | None = None,
        intents: Sequence[str] = INTENTS,
        code: ReasonCode = ReasonCode.LOW_CONFIDENCE,
        kind: ReviewKind = ReviewKind.DECIDE,
        wrong: float = 0.0,
        finish: bool = False,
    ) -> None:
        """Let a run take messages in, propose intents and send all to a person, who corrects a share of them.

        With `finish` the outcomes are delivered as well.
        """
        with self.ledger() as ledger:
            run = str(uuid4())
            standing = ledger.runs.standing(self.process.name) or self.granted(ledger)
            ledger.runs.begin(run, self.process.name, sop_version="s", prompt_version="p", standing=standing)
            told = text or self.english
            items = [
                NewCase(external_id=str(uuid4()), input={"id": "-", "text": told(self.random)}) for _ in range(count)
            ]
            ledger.intake.take_in(run, self.process.name, items)
            batch = ledger.leases.claim(self.process.name, run, count)
            assert batch is not None
            ledger.work.pass_gate(batch, batch.case_ids, "g", "v", self.now)
            self._propose(ledger, batch, intents)
            self._route(ledger, batch, code, kind)
            self.now += timedelta(seconds=30)
            self._decide(ledger, batch, wrong, finish=finish)
            self._deliver(ledger)
            ledger.runs.end(run, {})
        self.now += timedelta(minutes=5)

    def granted(self, ledger: Ledger) -> Standing:
        standing = Standing(Autonomy.SUPERVISED, 0.8)
        ledger.runs.set_standing(self.process.name, standing, by="Owner", reason="as defined")
        return standing

    def english(self, random: Random) -> str:
        return (
            "My " + " ".join(random.choices(WORDS, k=random.randint(6, 14))) + " since the delivery came to the house"
        )

    def _propose(self, ledger: Ledger, batch: Batch, intents: Sequence[str]) -> None:
        def call(case_id: str) -> ModelCall:
            return ModelCall(
                key=case_id, case_id=case_id, step="s", sample=0, attempt=1, model="m", answer="{}", error=None,
                tokens_in=1, tokens_out=1, cost=0, currency="EUR", seconds=self.random.uniform(0.1, 0.4),
                asked_at=self.now,
            )  # type: ignore[arg-type] # fmt: skip

        def proposal(case_id: str) -> Proposal:
            values = {"intent": self.random.choice(intents), "team": None, "priority": None, "language": "en"}
            return Proposal(
                case_id=case_id, step="s", kind="ai", values=values, model="m-1",
                confidence=self.random.uniform(0.4, 0.99),
            )  # fmt: skip

        calls = [call(case_id) for case_id in batch.case_ids]
        ledger.work.record(batch, calls, [proposal(c) for c in batch.case_ids], dict.fromkeys(batch.case_ids))

    def _route(self, ledger: Ledger, batch: Batch, code: ReasonCode, kind: ReviewKind) -> None:
        route = Route.CLEARED if code is ReasonCode.SUFFICIENT else Route.REVIEW
        routings = [
            Routing(case_id=c, route=route, code=code, reason="because", kind=kind, queue="q") for c in batch.case_ids
        ]
        outcomes = {c: Cleared(values={}) for c in batch.case_ids} if route is Route.CLEARED else {}
        ledger.work.route(batch, routings, outcomes, gate="r", due=DUE, started_at=self.now)

    def _decide(self, ledger: Ledger, batch: Batch, wrong: float, *, finish: bool) -> None:
        mine = set(batch.case_ids)
        for review in ledger.reviews.open(self.process.name):
            if review.case_id in mine:
                changed = self.random.random() < wrong
                decision = Decision(
                    review_id=review.id, verdict=Verdict.APPROVE, reviewer="Ada", values={},
                    corrections={"intent": {"proposed": "a", "decided": "b"}} if changed else {},
                )  # fmt: skip
                effects = [_posting(review.case_id, self.process.name)] if finish else []
                ledger.reviews.decide(decision, deliveries=effects, due=DUE)

    def _deliver(self, ledger: Ledger) -> None:
        """Hand what is due to a target that takes it at once."""
        while parcel := ledger.outbox.claim(self.process.name):
            results = [Result(delivery=each, receipt=Receipt(each.key)) for each in parcel.deliveries]
            ledger.outbox.record(parcel, results, run_id=None, queue="q", due=DUE, started_at=self.now)


def _posting(case_id: str, process: str) -> Delivery:
    return Delivery(
        key=f"{case_id}:1", case_id=case_id, external_id="-", process=process, target="t", effect=Effect.POSTING,
        revision=1, posting={},
    )  # fmt: skip


def german(random: Random) -> str:
    return "Meine Maschine " + " ".join(random.choices(["tropft", "seit", "gestern", "und", "der", "Filter"], k=9))
