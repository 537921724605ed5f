"""What the ledger knows the outcome of: loaded once, decided by people, erased for good, and when it became known."""

from __future__ import annotations

from datetime import timedelta
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import StatementError

from fulcrum.cases import Decision, Status, Verdict, case_id_of
from fulcrum.examples import Known, Nearest, NewExample
from fulcrum.ledger import Ledger, migrate
from fulcrum.ledger.tables import CaseRow, ContentRow, ExampleRow
from tests.fulcrum.ledger.conftest import DAY, DUE, PROCESS

if TYPE_CHECKING:
    from datetime import datetime

    from fulcrum.cases import Json
    from tests.fulcrum.ledger.conftest import Desk


def record(name: str, label: str = "x", **more: Any) -> NewExample:
    return NewExample(id=name, input={"id": name, "text": f"text of {name}"}, values={"label": label}, **more)


def text_of(case_input: Json, _values: Json) -> str:
    return str(case_input["text"])


def known(desk: Desk, before: datetime | None = None) -> dict[str, Json]:
    """Give the values of what is known and holds before a moment, the next one unless given, by id."""
    desk.clock.forward(1)
    return {one.id: one.values for one in standing(desk, before) if one.until is None}


def standing(desk: Desk, before: datetime | None = None) -> list[Known]:
    return desk.ledger.examples.known(PROCESS, before or desk.clock())


def decide(desk: Desk, name: str, verdict: Verdict, value: str = "x", note: str | None = None) -> None:
    """Decide the open review of a case, a second after whatever was before."""
    desk.clock.forward(1)
    review = desk.ledger.reviews.find(case_id_of(PROCESS, name))
    values = {"value": value} if verdict is Verdict.APPROVE else None
    decision = Decision(review_id=review.id, verdict=verdict, reviewer="Ada", note=note, values=values)
    desk.ledger.reviews.decide(decision, escalate_to="lead", due=DUE)


def reopen(desk: Desk, name: str) -> None:
    desk.clock.forward(1)
    desk.ledger.reviews.reopen(case_id_of(PROCESS, name), by="Ada", reason="wrong", reversals=[], queue="q", due=DUE)


def finish(desk: Desk, name: str) -> None:
    """Bring an approved case to its end, as deliveries do."""
    with desk.ledger.store.write() as tx:
        done = update(CaseRow).where(CaseRow.external_id == name).values(status=Status.DELIVERED.value)
        tx.execute(done)


def test_a_record_is_loaded_once(desk: Desk) -> None:
    """Its id is its identity within a process; what is repeated is counted, what now says otherwise is named."""
    first = desk.ledger.examples.load(PROCESS, [record("a"), record("b"), record("a")])
    assert (first.new, first.known, first.changed) == (2, 1, ())
    again = desk.ledger.examples.load(PROCESS, [record("a"), record("b", "y"), record("c"), record("c", "y")])
    assert (again.new, again.known, again.changed) == (1, 3, ("c", "b"))
    assert known(desk) == {"a": {"label": "x"}, "b": {"label": "x"}, "c": {"label": "x"}}
    assert desk.ledger.examples.load("another", [record("a", "z")]).new == 1
    assert known(desk)["a"] == {"label": "x"}


def test_thousands_are_loaded_at_once(desk: Desk) -> None:
    """More than one statement takes, from a stream."""
    assert desk.ledger.examples.load(PROCESS, (record(str(n)) for n in range(1200))).new == 1200
    assert len(known(desk)) == 1200
    assert desk.ledger.examples.load(PROCESS, [record(str(n)) for n in range(1300)]).new == 100


def test_nothing_to_load_is_no_error(desk: Desk) -> None:
    """An empty file changes nothing."""
    assert desk.ledger.examples.load(PROCESS, []).new == 0
    assert known(desk) == {}


def test_a_record_is_known_from_its_loading_or_from_when_it_says(desk: Desk) -> None:
    """Strictly before: what became known at the very moment was not known before it."""
    now = desk.clock()
    desk.ledger.examples.load(
        PROCESS, [record("new"), record("old", known_at=now - DAY), record("next", known_at=now + DAY)]
    )
    second = timedelta(seconds=1)
    assert set(known(desk, now)) == {"old"}
    assert set(known(desk, now + second)) == {"old", "new"}
    assert set(known(desk, now - DAY)) == set()
    assert [one.id for one in standing(desk, now + 2 * DAY)] == ["next", "new", "old"]


def test_an_approved_case_is_an_example(desk: Desk) -> None:
    """With its input, and with what the person made of it; known from the decision on."""
    desk.in_review("a", "b", "c", "d")
    decide(desk, "a", Verdict.APPROVE, "corrected")
    decide(desk, "b", Verdict.REJECT)
    decide(desk, "c", Verdict.ESCALATE)
    assert known(desk) == {"a": {"value": "corrected"}}
    (example,) = standing(desk)
    decided_at = desk.ledger.reading.history(case_id_of(PROCESS, "a")).decisions[0]["decided_at"]
    assert (example.input["text"], example.since, example.decided) == ("text of a", decided_at, True)
    assert standing(desk, decided_at) == []
    decide(desk, "c", Verdict.APPROVE, "by the lead")
    assert known(desk) == {"a": {"value": "corrected"}, "c": {"value": "by the lead"}}


def test_what_cleared_without_a_person_is_no_example(desk: Desk) -> None:
    """Nobody has said that it is right: a model must not learn from itself."""
    desk.cleared("a")
    assert known(desk) == {}


def test_a_reopened_case_is_no_example_until_it_is_decided_again(desk: Desk) -> None:
    """What was known at any moment stays what was known at that moment."""
    desk.in_review("a")
    decide(desk, "a", Verdict.APPROVE, "wrong")
    approved = desk.clock()
    finish(desk, "a")
    reopen(desk, "a")
    reopened = desk.clock()
    assert known(desk) == {}
    decide(desk, "a", Verdict.APPROVE, "right")
    assert known(desk) == {"a": {"value": "right"}}
    second = timedelta(seconds=1)
    assert [(one.values["value"], one.since, one.until) for one in standing(desk)] == [
        ("right", desk.clock() - second, None),
        ("wrong", approved, reopened),
    ]
    assert [one.values["value"] for one in standing(desk, approved + second)] == ["wrong"]


def test_what_is_erased_is_not_known_any_more(desk: Desk) -> None:
    """Also to a ledger that has read it before; loading it again does not bring it back."""
    desk.in_review("a", "b")
    decide(desk, "a", Verdict.APPROVE)
    decide(desk, "b", Verdict.APPROVE)
    desk.ledger.examples.load(PROCESS, [record("c"), record("d")])
    assert set(known(desk)) == {"a", "b", "c", "d"}
    with desk.ledger.store.write() as tx:
        tx.execute(update(ExampleRow).where(ExampleRow.id == "c").values(body=None))
        for name, kind in (("a", "input"), ("b", "outcome")):
            one = (ContentRow.case_id == case_id_of(PROCESS, name)) & (ContentRow.kind == kind)
            tx.execute(update(ContentRow).where(one).values(body=None, salt=None))
        assert tx.execute(select(ExampleRow.body).where(ExampleRow.id == "c")).scalar() is None
    assert set(known(desk)) == {"d"}
    again = desk.ledger.examples.load(PROCESS, [record("c", "y")])
    assert (again.new, again.known, again.changed) == (0, 1, ())
    assert set(known(desk)) == {"d"}


def test_the_order_is_the_same_in_every_ledger(desk: Desk, ledger_url: str) -> None:
    """Of one moment the ids decide, so that ties are broken alike after a crash."""
    desk.ledger.examples.load(PROCESS, [record(name) for name in ("b", "d", "a", "c")])
    desk.clock.forward(1)
    assert [one.id for one in standing(desk)] == ["d", "c", "b", "a"]
    with Ledger.open(ledger_url, clock=desk.clock) as other:
        assert other.examples.known(PROCESS, desk.clock()) == standing(desk)


def test_the_index_is_made_once_until_more_is_known(desk: Desk) -> None:
    """Every batch of a run shares it, those that ask at the same time too."""
    desk.ledger.examples.load(PROCESS, [record("a"), record("b")])
    desk.clock.forward(1)
    made: list[Nearest] = []

    def make() -> None:
        made.append(desk.ledger.examples.nearest(PROCESS, text_of, desk.clock()))

    threads = [Thread(target=make) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    desk.clock.forward(1)
    make()
    assert len(made) == 4
    assert len({id(index) for index in made}) == 1
    desk.ledger.examples.load(PROCESS, [record("c")])
    desk.clock.forward(1)
    make()
    assert len(made[-1].examples) == 3
    make()
    assert made[-1] is made[-2]


def test_a_moment_without_a_zone_is_refused(desk: Desk) -> None:
    """Then nothing is loaded."""
    items = [record("a"), record("b", known_at=desk.clock().replace(tzinfo=None))]
    with pytest.raises(StatementError, match="without a time zone"):
        desk.ledger.examples.load(PROCESS, items)
    assert known(desk) == {}


def test_a_ledger_of_the_release_before_keeps_what_it_has(ledger_url: str) -> None:
    """The table of examples and the later indexes are added beside what is there."""
    from alembic import command

    from fulcrum.ledger.migrate import HEAD, _config
    from fulcrum.ledger.store import Store

    store = Store(ledger_url)
    with store.write() as tx:
        command.upgrade(_config(tx), "0001")
        name = tx.exec_driver_sql("SELECT identity FROM ledger").scalar()
    store.close()
    assert migrate(ledger_url) == "0001"
    with Ledger.open(ledger_url) as ledger:
        assert ledger.identity == name
        assert ledger.examples.load(PROCESS, [record("a")]).new == 1
    assert migrate(ledger_url) == HEAD
