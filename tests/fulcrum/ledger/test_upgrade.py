"""A release that changes the ledger's schema: what waits for a person before it is decidable after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import column as plain
from sqlalchemy import insert, select, table

from fulcrum.ledger import Ledger, migrate
from fulcrum.ledger.migrate import _config
from fulcrum.ledger.store import Store
from tests.fulcrum.ledger.conftest import PROCESS

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection


COURSES = {
    "fresh": [("low-confidence", None, None)],
    "second": [("low-confidence", "approve", "Ada"), ("four-eyes", None, None)],
    "escalated": [("low-confidence", "escalate", "Ada"), ("escalated", None, None)],
    "between": [
        ("low-confidence", "approve", "Ada"), ("four-eyes", "escalate", "Bo"), ("escalated", None, None),
    ],
    "changed": [
        ("low-confidence", "approve", "Ada"), ("four-eyes", "approve", "Bo"), ("four-eyes", None, None),
    ],
}  # fmt: skip
"""The reviews that a case has had, each with its reason and what was decided by whom; the last one is open."""


def test_who_has_approved_first_is_known_after_the_upgrade(ledger_url: str) -> None:
    """A review that waits for another person's approval still refuses the first one's."""
    _at_revision(ledger_url, "0004")
    store = Store(ledger_url)
    with store.write() as tx:
        for name, course in COURSES.items():
            _insert(tx, name, course, store.now())
    store.close()
    assert migrate(ledger_url) == "0004"
    with Ledger.open(ledger_url) as ledger:
        found = {review.case_id: review.approved_by for review in ledger.reviews.open(PROCESS)}
    assert found == {
        "fresh": (), "second": ("Ada",), "escalated": (), "between": ("Ada",), "changed": ("Bo",),
    }  # fmt: skip


def _at_revision(url: str, revision: str) -> None:
    from alembic import command

    store = Store(url)
    with store.write() as tx:
        command.upgrade(_config(tx), revision)
    store.close()


def _insert(tx: Connection, name: str, course: list[tuple[str, str | None, str | None]], now: datetime) -> None:
    """Write a case with its reviews as the release before did."""
    moment = now.isoformat(timespec="microseconds") if tx.dialect.name == "sqlite" else now
    case = {
        "id": name, "process": PROCESS, "external_id": name, "status": "in_review", "revision": 1,
        "received_at": moment, "updated_at": moment, "head": "", "events": 0,
    }  # fmt: skip
    _row(tx, "cases", case)
    for number, (code, verdict, reviewer) in enumerate(course, start=1):
        review: dict[str, Any] = {
            "id": f"{name}-{number}", "case_id": name, "number": number, "process": PROCESS, "kind": "decide",
            "blind": False, "reason_code": code, "reason": "so", "queue": "q",
            "state": "decided" if verdict else "open", "opened_at": moment, "due_at": moment, "generation": 1,
        }  # fmt: skip
        _row(tx, "reviews", review)
        if verdict:
            decision = {
                "review_id": review["id"], "case_id": name, "verdict": verdict, "reviewer": reviewer, "content": "",
                "changed": "[]", "decided_at": moment,
            }  # fmt: skip
            _row(tx, "decisions", decision)
    assert tx.execute(select(plain("id")).select_from(table("reviews"))).first() is not None


def _row(tx: Connection, name: str, values: dict[str, Any]) -> None:
    tx.execute(insert(table(name, *map(plain, values))).values(values))
