"""A ledger of invoices at whatever point of their life a test needs, under a clock that the test moves."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.invoice_intake.documents import Invoice
from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.cases import Batch, Json, NewCase, Proposal, ReasonCode, Review, ReviewKind, Route, Routing
from fulcrum.effects import postings
from fulcrum.ledger import Cleared, History, Ledger, migrate
from fulcrum.process import Autonomy, Process
from fulcrum.report import Standing
from tests.people import register

TARGET = INVOICE_INTAKE.targets[0]


class Clock:
    """A clock that moves a millisecond whenever it is read, and as far as it is told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def invoice(**changes: object) -> Json:
    """Give an invoice's values as a proposal holds them."""
    values = {
        "document_kind": "invoice",
        "supplier_name": "Acme Ltd",
        "document_number": "2024-17",
        "issued_on": "2024-03-01",
        "currency": "EUR",
        "net": "100.00",
        "tax": "21.00",
        "total": "121.00",
    }
    return Invoice.model_validate(values | changes).model_dump(mode="json")


@dataclass
class Office:
    """A ledger, and the shortest way to a case in any state."""

    ledger: Ledger
    clock: Clock
    url: str
    process: Process = INVOICE_INTAKE
    runs: list[str] = field(default_factory=list)
    name: str = "d"
    """What the ids of documents begin with."""

    def with_targets(self, *targets: str) -> None:
        self.process = replace(self.process, targets=targets)

    def begin(self) -> str:
        """Begin another run; a run claims no case twice."""
        self.runs.append(f"run-{len(self.runs) + 1}")
        standing = Standing(Autonomy.SUPERVISED, 0.8)
        self.ledger.runs.begin(
            self.runs[-1], self.process.name, sop_version="s" * 12, prompt_version="p" * 12, standing=standing
        )
        return self.runs[-1]

    def checked(self, *texts: str, **fields: object) -> Batch:
        """Take documents in and bring them past the intake gate; their ids are d0, d1, ..."""
        run_id = self.begin()
        inputs = [{"id": f"{self.name}{n}", "text": text, **fields} for n, text in enumerate(texts)]
        items = [NewCase(external_id=str(document["id"]), input=document) for document in inputs]
        self.ledger.intake.take_in(run_id, self.process.name, items)
        batch = self.claim(run_id)
        self.ledger.work.pass_gate(batch, batch.case_ids, "documents", "v1", self.clock())
        return batch

    def claim(self, run_id: str | None = None) -> Batch:
        batch = self.ledger.leases.claim(self.process.name, run_id or self.begin(), 5000)
        assert batch is not None
        return batch

    def proposed(self, *proposals: Json) -> Batch:
        batch = self.checked(*("a document" for _ in proposals))
        made = [proposal(case_id, values) for case_id, values in zip(batch.case_ids, proposals, strict=True)]
        keys = {one.case_id: self.process.business_key(one.values) for one in made}
        self.ledger.work.record(batch, [], made, keys)
        return batch

    def in_review(
        self, values: Json | None = None, *, kind: ReviewKind = ReviewKind.DECIDE, blank: bool = False
    ) -> Review:
        """Give the open review of one case; `blank` has no proposal, because the AI gave no answer."""
        batch = self.checked("a document") if blank else self.proposed(invoice() if values is None else values)
        code = ReasonCode.AUDIT if kind is ReviewKind.AUDIT else ReasonCode.DEGRADED
        self._route(batch, Routing(case_id=batch.case_ids[0], route=Route.REVIEW, code=code, reason="so", kind=kind))
        return self.ledger.reviews.open(self.process.name)[-1]

    def quarantined(self) -> Review:
        run_id = self.begin()
        document = NewCase(external_id="q0", input={"id": "q0", "text": ""}, unsound="line 1 has no text")
        self.ledger.intake.take_in(run_id, self.process.name, [document])
        batch = self.claim(run_id)
        routing = Routing(
            case_id=batch.case_ids[0],
            route=Route.QUARANTINED,
            code=ReasonCode.UNSOUND,
            reason="line 1 has no text",
            kind=ReviewKind.REPAIR,
        )
        due = self.process.review.due
        self.ledger.work.quarantine(batch, [routing], gate="documents", due=due, started_at=self.clock())
        return self.ledger.reviews.open(self.process.name)[-1]

    def cleared(self, *outcomes: Json) -> Sequence[str]:
        """Clear cases and put their postings in the outbox."""
        values = outcomes or (invoice(),)
        batch = self.proposed(*values)
        self._route(
            batch,
            *(
                Routing(case_id=case_id, route=Route.CLEARED, code=ReasonCode.SUFFICIENT, reason="sure enough")
                for case_id in batch.case_ids
            ),
        )
        return batch.case_ids

    def history(self, case_id: str) -> History:
        return self.ledger.reading.history(case_id)

    def _route(self, batch: Batch, *routings: Routing) -> None:
        clear = {routing.case_id for routing in routings if routing.route is Route.CLEARED}
        proposals = self.ledger.work.proposals(clear)
        cleared = {
            case.id: Cleared(
                values=proposals[case.id].values, deliveries=postings(self.process, case, proposals[case.id].values)
            )
            for case in self.ledger.work.cases(batch)
            if case.id in clear
        }
        due = self.process.review.due
        self.ledger.work.route(batch, routings, cleared, gate="routing", due=due, started_at=self.clock())


def proposal(case_id: str, values: Json, confidence: float | None = 0.9, kind: str = "ai") -> Proposal:
    return Proposal(
        case_id=case_id,
        step="extract",
        kind=kind,
        values=values,
        confidence=confidence,
        model="m",
        sop_version="s" * 12,
        prompt_version="p" * 12,
    )


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file with an empty ledger, made once."""
    path = tmp_path_factory.mktemp("ledger") / "empty.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def office(migrated: Path, tmp_path: Path) -> Iterator[Office]:
    """Open an office over an empty ledger of its own."""
    path, clock = tmp_path / "ledger.db", Clock()
    shutil.copy(migrated, path)
    with Ledger.open(f"sqlite:///{path}", clock=clock) as ledger:
        register(ledger)
        yield Office(ledger, clock, f"sqlite:///{path}")


@pytest.fixture
def any_office(ledger_url: str) -> Iterator[Office]:
    """Open an office over an empty ledger of its own, once on SQLite and once on PostgreSQL."""
    migrate(ledger_url)
    clock = Clock()
    with Ledger.open(ledger_url, clock=clock) as ledger:
        register(ledger)
        yield Office(ledger, clock, ledger_url)


@pytest.fixture
def an_invoice() -> Callable[..., Json]:
    """Give the function that makes an invoice's values."""
    return invoice
