"""What is changed, removed or reordered behind the ledger's back is found and named, on both databases."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Connection, text

from fulcrum.cases import Verdict, case_id_of
from fulcrum.heads import Flaw, missing, published, read
from fulcrum.published import publish
from tests.fulcrum.ledger.conftest import PROCESS
from tests.fulcrum.ledger.test_ledger_contract import decide

if TYPE_CHECKING:
    from tests.fulcrum.ledger.conftest import Desk

CASE = case_id_of(PROCESS, "a")
OTHER = case_id_of(PROCESS, "b")


@pytest.fixture
def told(desk: Desk) -> Desk:
    """Give a ledger with one case that was decided and one that waits."""
    desk.in_review("a", "b")
    review = next(review for review in desk.ledger.reviews.open() if review.case_id == CASE)
    decide(desk, review.id, Verdict.APPROVE, values={"value": "y"})
    return desk


def flaws(desk: Desk) -> list[tuple[str, str]]:
    return [(flaw.where, flaw.what) for flaw in desk.ledger.audit.flaws()]


def tamper(desk: Desk, *statements: str) -> None:
    """Change the database as somebody with its password would; SQLite then asks after no foreign keys."""
    named = {"case": CASE}
    if desk.ledger.store.sqlite:
        with closing(sqlite3.connect(desk.ledger.store.url.removeprefix("sqlite:///"))) as database:
            for statement in statements:
                database.execute(statement, named)
            database.commit()
        return
    with desk.ledger.store.write() as tx:
        for statement in statements:
            tx.execute(text(statement), named)


def test_a_ledger_that_nobody_touched_has_no_flaw(told: Desk) -> None:
    """And contents that were erased are none."""
    tamper(told, "UPDATE contents SET body = NULL, salt = NULL WHERE case_id = :case")
    assert flaws(told) == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE events SET actor = 'Mallory' WHERE case_id = :case AND seq = 5",
         "event 5 (approve) was changed after it was written"),
        ("UPDATE events SET facts = '{}' WHERE case_id = :case AND seq = 2",
         "event 2 (check) was changed after it was written"),
        ("DELETE FROM events WHERE case_id = :case AND seq = 3", "event 3 was removed"),
        ("DELETE FROM events WHERE case_id = :case AND seq = 5", "event 5 and what followed it were removed"),
        ("UPDATE events SET seq = CASE seq WHEN 2 THEN 3 ELSE 2 END WHERE case_id = :case AND seq IN (2, 3)",
         "event 2 does not follow event 1: the order was changed"),
        ("UPDATE contents SET body = '{\"value\":\"z\"}' WHERE case_id = :case AND kind = 'outcome'",
         "its outcome was changed after it was written"),
        ("UPDATE cases SET head = 'f' WHERE id = :case",
         "the case names another last event than its history ends with"),
    ],
)  # fmt: skip
def test_what_was_done_to_one_case_is_named(told: Desk, statement: str, said: str) -> None:
    """With the case, the event and what it is; nothing is said of the other case."""
    swap = " SET seq = CASE" in statement
    if swap:
        tamper(told, "UPDATE events SET seq = 90 WHERE case_id = :case AND seq = 2",
               "UPDATE events SET seq = 2 WHERE case_id = :case AND seq = 3",
               "UPDATE events SET seq = 3 WHERE case_id = :case AND seq = 90")  # fmt: skip
    else:
        tamper(told, statement)
    assert (f"case {CASE}", said) in flaws(told)
    assert {where for where, _ in flaws(told)} == {f"case {CASE}"}


def test_a_case_whose_own_row_is_gone_is_found_by_its_events(told: Desk) -> None:
    """Where foreign keys did not stop it; PostgreSQL has no way past them."""
    if not told.ledger.store.sqlite:
        pytest.skip("PostgreSQL keeps a case that events refer to")
    tamper(told, "DELETE FROM cases WHERE id = :case")
    assert (f"case {CASE}", "has events, and its own row was removed") in flaws(told)


def _forget_last(connection: Connection) -> None:
    """Remove a case's last event so that its chain looks whole."""
    connection.execute(text("DELETE FROM events WHERE case_id = :case AND seq = 5"), {"case": CASE})
    connection.execute(
        text("UPDATE cases SET events = 4, head = (SELECT hash FROM events WHERE case_id = :case AND seq = 4)"
             " WHERE id = :case"),
        {"case": CASE},
    )  # fmt: skip


def _forget_case(connection: Connection) -> None:
    """Remove a case with all that refers to it."""
    for table in ("decisions", "reviews", "proposals", "model_calls", "deliveries", "run_cases", "events", "contents"):
        connection.execute(text(f"DELETE FROM {table} WHERE case_id = :case"), {"case": CASE})  # noqa: S608 - ours
    connection.execute(text("DELETE FROM cases WHERE id = :case"), {"case": CASE})


@pytest.mark.parametrize(
    ("forget", "said"),
    [
        (_forget_last, "has lost event 5, and what followed it"),
        (_forget_case, "is gone: it was published with its history, and the ledger has nothing of it"),
    ],
)
def test_what_a_chain_cannot_say_of_itself_is_told_by_what_was_published(
    told: Desk, tmp_path: Path, forget: Callable[[Connection], None], said: str
) -> None:
    """A last event, and a whole case, that were removed with care leave no flaw in the ledger."""
    file = tmp_path / "audit" / "heads.jsonl"
    publish(told.ledger, file, "run-1")
    assert published_flaws(told, file) == []
    with told.ledger.store.write() as tx:
        forget(tx)
    assert flaws(told) == []
    assert published_flaws(told, file) == [Flaw(f"case {CASE}", said)]


def test_each_run_publishes_what_has_moved_and_the_lines_are_chained(told: Desk, tmp_path: Path) -> None:
    """Heads that stand in the line before are not repeated; all of them must still be in their case's chain."""
    file = tmp_path / "heads.jsonl"
    first = publish(told.ledger, file, "run-1")
    told.clock.forward(600)
    assert publish(told.ledger, file, "run-2").heads == {}
    told.clock.forward(600)
    (review,) = [review for review in told.ledger.reviews.open() if review.case_id == OTHER]
    decide(told, review.id, Verdict.REJECT)
    third = publish(told.ledger, file, "run-3")
    assert (set(first.heads), set(third.heads)) == ({CASE, OTHER}, {OTHER})
    assert first.heads[OTHER][0] < third.heads[OTHER][0]
    assert published_flaws(told, file) == []


@pytest.mark.parametrize(
    ("mend", "said"),
    [
        (lambda lines: lines[1:], "line 1"),
        (lambda lines: [lines[0], lines[2]], "line 2"),
        (lambda lines: [lines[1], lines[0], lines[2]], "line 1"),
        (lambda lines: [lines[0], lines[1].replace("run-2", "run-9"), lines[2]], "line 2"),
        (lambda lines: [lines[0], "scrambled", lines[2]], "line 3"),
    ],
)
def test_a_published_line_that_was_changed_removed_or_moved_is_named(
    told: Desk, tmp_path: Path, mend: Callable[[list[str]], list[str]], said: str
) -> None:
    """Each has the digest of the line before it."""
    file = tmp_path / "heads.jsonl"
    for number in (1, 2, 3):
        publish(told.ledger, file, f"run-{number}")
    lines = mend(file.read_text(encoding="utf-8").splitlines())
    _, found = read(lines)
    assert said in {flaw.where for flaw in found}


def test_a_line_that_a_crash_cut_off_is_no_flaw(told: Desk, tmp_path: Path) -> None:
    """The next one follows the last whole line, and begins on a line of its own."""
    file = tmp_path / "heads.jsonl"
    publish(told.ledger, file, "run-1")
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole + whole[: len(whole) // 2], encoding="utf-8")
    told.clock.forward(600)
    publish(told.ledger, file, "run-2")
    assert len(file.read_text(encoding="utf-8").splitlines()) == 3
    assert published_flaws(told, file) == []


def published_flaws(desk: Desk, file: Path) -> list[Flaw]:
    lines, found = read(file.read_text(encoding="utf-8").splitlines())
    heads = published(lines)
    return [*found, *missing(heads, desk.ledger.audit.standing(heads))]
