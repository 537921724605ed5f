"""Effects happen once: retries, refusals, missing targets, and a process killed between the effect and its receipt."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

import fulcrum.delivery
from fulcrum.cases import Delivery, Effect, Receipt, Status, Verdict
from fulcrum.deciding import Said, decide
from fulcrum.delivery import deliver_due
from fulcrum.errors import DeliveryFailed, DeliveryRefused, FulcrumError
from fulcrum.targets.sql import PostingTable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pydantic import BaseModel

    from fulcrum.cases import Json
    from tests.fulcrum.conftest import Office

ERP = "sql-target/erp-postings"


@dataclass
class Memory:
    """A target that keeps what it is given in memory, and does first what it is told to: fail or refuse."""

    first: list[type[FulcrumError]] = field(default_factory=list)
    held: dict[str, Delivery] = field(default_factory=dict)
    asked: int = 0

    def deliver(self, deliveries: Sequence[Delivery], posting: type[BaseModel]) -> list[Receipt | FulcrumError]:
        self.asked += 1
        fault = self.first.pop(0) if self.first else None
        if fault is not None:
            return [fault(target="memory", reason="told to") for _ in deliveries]
        answers: list[Receipt | FulcrumError] = []
        for delivery in deliveries:
            answers.append(Receipt(f"memory/{delivery.key}", repeated=delivery.key in self.held))
            self.held[delivery.key] = delivery
        return answers

    def total(self) -> float:
        return sum(float(delivery.posting["total"]) for delivery in self.held.values() if delivery.posting)


@dataclass
class Table:
    """The project's own SQL target, without Prefect's block around it."""

    table: PostingTable

    def deliver(self, deliveries: Sequence[Delivery], posting: type[BaseModel]) -> list[Receipt | FulcrumError]:
        return self.table.deliver(deliveries, posting, datetime.now(UTC))


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the number of tries and drop the seconds between them."""
    monkeypatch.setattr(fulcrum.delivery, "PAUSES", tuple(0.0 for _ in fulcrum.delivery.PAUSES))


def status(office: Office, case_id: str) -> Status:
    return office.history(case_id).case.status


def test_a_cleared_case_is_posted_and_receipted(office: Office, tmp_path: Path) -> None:
    """The row stands in the table, the receipt in the ledger, and nothing is left to do."""
    (case_id,) = office.cleared()
    table = Table(PostingTable(f"sqlite:///{tmp_path / 'erp.db'}", "erp_postings"))
    results = deliver_due(office.ledger, office.process, {ERP: table}, run_id=office.runs[-1])
    assert [(r.receipt and r.receipt.repeated, r.error) for r in results] == [(False, None)]
    with sqlite3.connect(tmp_path / "erp.db") as erp:
        assert erp.execute("SELECT case_id, total FROM erp_postings").fetchall() == [(case_id, 121)]
    history = office.history(case_id)
    assert (history.case.status, history.deliveries[0]["state"]) == (Status.DELIVERED, "delivered")
    assert (history.events[-1]["activity"], history.events[-1]["run_id"]) == ("deliver", office.runs[-1])
    assert history.intact
    assert deliver_due(office.ledger, office.process, {ERP: table}) == []


def test_a_target_that_answers_at_the_third_try_is_enough(office: Office) -> None:
    """Two failures in between are nobody's business."""
    (case_id,) = office.cleared()
    target = Memory([DeliveryFailed, DeliveryFailed])
    deliver_due(office.ledger, office.process, {ERP: target})
    assert (target.asked, status(office, case_id)) == (3, Status.DELIVERED)
    assert [event["activity"] for event in office.history(case_id).events].count("deliver: failed") == 0


def test_a_target_that_is_away_is_tried_three_times_and_by_the_next_call_again(office: Office) -> None:
    """The failure is visible until a later call delivers under the same key."""
    (case_id,) = office.cleared()
    target = Memory([DeliveryFailed] * 3)
    results = deliver_due(office.ledger, office.process, {ERP: target})
    history = office.history(case_id)
    assert (target.asked, [r.final for r in results]) == (3, [False])
    assert history.case.status is Status.DELIVERY_FAILED
    assert (history.deliveries[0]["state"], history.deliveries[0]["attempts"]) == ("pending", 1)
    assert "told to" in history.deliveries[0]["error"]
    assert "told to" in history.events[-1]["facts"]["error"]
    deliver_due(office.ledger, office.process, {ERP: target})
    assert (target.asked, status(office, case_id), len(target.held)) == (4, Status.DELIVERED, 1)
    assert office.history(case_id).deliveries[0]["error"] is None


def test_only_what_failed_is_tried_again(office: Office, an_invoice: Callable[..., Json]) -> None:
    """A delivery that is in the target is not sent a second time with the ones that are not."""
    office.with_targets("sql-target/up", "sql-target/down")
    office.cleared()
    up, down = Memory(), Memory([DeliveryFailed] * 2)
    results = deliver_due(office.ledger, office.process, {"sql-target/up": up, "sql-target/down": down})
    assert (up.asked, down.asked) == (1, 3)
    assert all(result.receipt for result in results)


def test_a_refused_posting_goes_back_to_a_person(office: Office) -> None:
    """It is not tried again by itself; what the person approves then is another delivery."""
    (case_id,) = office.cleared()
    target = Memory([DeliveryRefused])
    results = deliver_due(office.ledger, office.process, {ERP: target})
    assert (target.asked, [result.final for result in results]) == (1, [True])
    review = office.ledger.reviews.open()[0]
    assert (review.case_id, review.code, review.queue) == (case_id, "refused", office.process.review.queue)
    assert "told to" in review.reason
    assert (status(office, case_id), deliver_due(office.ledger, office.process, {ERP: target})) == (
        Status.IN_REVIEW,
        [],
    )
    decide(office.ledger, office.process, review.id, Said(verdict=Verdict.APPROVE, reviewer="Ada"))
    deliver_due(office.ledger, office.process, {ERP: target})
    history = office.history(case_id)
    assert (history.case.status, len(target.held)) == (Status.DELIVERED, 1)
    assert len({delivery["key"] for delivery in history.deliveries}) == 2
    assert history.intact


def test_two_cases_with_one_business_key_post_once(office: Office, tmp_path: Path) -> None:
    """The table refuses the copy whatever the gates let through, and its review says what stands there."""
    first, copy = office.cleared(*[office.process.outcome.model_validate(VALUES).model_dump(mode="json")] * 2)
    table = Table(PostingTable(f"sqlite:///{tmp_path / 'erp.db'}", "erp_postings"))
    deliver_due(office.ledger, office.process, {ERP: table})
    assert sorted([status(office, first), status(office, copy)]) == [Status.DELIVERED, Status.IN_REVIEW]
    assert "already posted as" in office.ledger.reviews.open()[0].reason
    with sqlite3.connect(tmp_path / "erp.db") as erp:
        assert erp.execute("SELECT count(*) FROM erp_postings").fetchone() == (1,)


VALUES = {
    "document_kind": "invoice",
    "supplier_name": "Acme Ltd",
    "document_number": "7",
    "issued_on": "2024-03-01",
    "currency": "EUR",
    "total": "5.90",
}


def test_a_missing_target_loses_nothing(office: Office) -> None:
    """The case says what is missing and is delivered once it is there."""
    (case_id,) = office.cleared()
    results = deliver_due(office.ledger, office.process, {})
    assert "no such block is configured" in str(results[0].error)
    assert status(office, case_id) is Status.DELIVERY_FAILED
    target = Memory()
    deliver_due(office.ledger, office.process, {ERP: target})
    assert (status(office, case_id), len(target.held)) == (Status.DELIVERED, 1)


@pytest.mark.parametrize("others", [0, 1, 501])
def test_only_the_cases_named_are_delivered_and_all_of_them(
    office: Office, an_invoice: Callable[..., Json], others: int
) -> None:
    """However many there are; the rest stays in the outbox."""
    case_ids = office.cleared(*(an_invoice(document_number=str(number)) for number in range(others + 1)))
    target = Memory()
    deliver_due(office.ledger, office.process, {ERP: target}, case_ids=case_ids[1:])
    assert {delivery.case_id for delivery in target.held.values()} == set(case_ids[1:])
    assert status(office, case_ids[0]) is Status.CLEARED


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
@pytest.mark.parametrize("other", [None, DeliveryFailed, DeliveryRefused])
def test_when_one_of_two_targets_refuses_the_outcome_is_decided_anew_in_both(
    office: Office, names: tuple[str, str], other: type[FulcrumError] | None
) -> None:
    """What the other has taken is reversed, what it has not is withdrawn; in the end each holds one posting."""
    targets = {"sql-target/a": Memory([DeliveryRefused]), "sql-target/b": Memory([other] * 3 if other else [])}
    office.with_targets(*(f"sql-target/{name}" for name in names))
    (case_id,) = office.cleared()
    deliver_due(office.ledger, office.process, targets)
    assert status(office, case_id) is Status.IN_REVIEW
    assert [review.case_id for review in office.ledger.reviews.open()] == [case_id]
    for target in targets.values():
        target.first.clear()
    assert deliver_due(office.ledger, office.process, targets) == []
    review = office.ledger.reviews.open()[0]
    said = Said(verdict=Verdict.APPROVE, reviewer="Ada", changes={"total": "131.00", "tax": "31.00"})
    decide(office.ledger, office.process, review.id, said)
    deliver_due(office.ledger, office.process, targets)
    assert [target.total() for target in targets.values()] == [131, 131]
    reversals = [d for d in targets["sql-target/b"].held.values() if d.effect is Effect.REVERSAL]
    assert len(reversals) == (other is None)
    history = office.history(case_id)
    assert (history.case.status, history.intact) == (Status.DELIVERED, True)
    assert deliver_due(office.ledger, office.process, targets) == []


POSTER = """
import sys, time
from datetime import UTC, datetime
from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.delivery import deliver_due
from fulcrum.ledger import Ledger
from fulcrum.targets.sql import PostingTable

class Dying:
    def deliver(self, deliveries, posting):
        answers = PostingTable(sys.argv[2], "erp_postings").deliver(deliveries, posting, datetime.now(UTC))
        print("committed", len(answers), flush=True)
        time.sleep(60)
        return answers

with Ledger.open(sys.argv[1]) as ledger:
    deliver_due(ledger, INVOICE_INTAKE, {INVOICE_INTAKE.targets[0]: Dying()})
"""


def test_a_process_killed_between_effect_and_receipt_posts_once(
    office: Office, an_invoice: Callable[..., Json], tmp_path: Path
) -> None:
    """The next call, once the lease has lapsed, finds the rows there, keeps their receipts and writes none twice."""
    case_ids = office.cleared(an_invoice(), an_invoice(document_number="2"))
    erp = f"sqlite:///{tmp_path / 'erp.db'}"
    poster = subprocess.Popen([sys.executable, "-c", POSTER, office.url, erp], stdout=subprocess.PIPE, text=True)
    assert poster.stdout is not None
    assert poster.stdout.readline() == "committed 2\n"
    poster.kill()
    assert poster.wait(timeout=20) == -9
    poster.stdout.close()
    assert {status(office, case_id) for case_id in case_ids} == {Status.CLEARED}

    table = Table(PostingTable(erp, "erp_postings"))
    office.clock.now = datetime.now(UTC) + timedelta(seconds=1)
    assert deliver_due(office.ledger, office.process, {ERP: table}) == []
    office.clock.forward(61)
    results = deliver_due(office.ledger, office.process, {ERP: table})
    assert [result.receipt is not None and result.receipt.repeated for result in results] == [True, True]
    for case_id in case_ids:
        history = office.history(case_id)
        last: dict[str, Any] = dict(history.events[-1])
        assert (history.case.status, last["activity"], last["facts"]["repeated"]) == (Status.DELIVERED, "deliver", True)
        assert history.deliveries[0]["receipt"].startswith("erp_postings/")
        assert history.intact
    with sqlite3.connect(tmp_path / "erp.db") as rows:
        assert rows.execute("SELECT count(*), count(DISTINCT case_id) FROM erp_postings").fetchone() == (2, 2)
