"""A ledger from before the review desk, with reviews that wait for a second person, is brought to this release."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from fulcrum.cases import Receipt, Status, Verdict
from fulcrum.deciding import Said, decide, reopen
from fulcrum.errors import DecisionRefused
from fulcrum.ledger import Ledger, Result, migrate
from fulcrum.ledger.migrate import HEAD, VERSION_TABLE
from tests.fulcrum.conftest import Clock, Office, invoice
from tests.older_ledger import copy, migrate_to
from tests.people import register

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fulcrum.cases import Review

BEFORE = "0004"
LARGE = {"total": "12100.00", "net": "10000.00", "tax": "2100.00"}


def opened(url: str, clock: Clock) -> Office:
    office = Office(Ledger.open(url, clock=clock), clock, url)
    policy = replace(office.process.review, verified=None)
    office.process = replace(office.process, review=policy)
    return office


def say(office: Office, review: Review, reviewer: str, verdict: Verdict = Verdict.APPROVE, **changes: Any) -> Review:
    """Answer a review; give the case's newest one."""
    said = Said(verdict=verdict, reviewer=reviewer, note="because", changes=changes or None)
    decide(office.ledger, office.process, review.id, said)
    return office.ledger.reviews.find(review.case_id)


def asked(office: Office, name: str, **changes: Any) -> Review:
    office.name = name
    return office.in_review(invoice(**LARGE | changes, document_number=name))


def put_back(office: Office) -> Review:
    """Let two people approve a case, deliver it, and put it back: what was approved is void."""
    review = say(office, say(office, asked(office, "back"), "Ada"), "Bo")
    parcel = office.ledger.outbox.claim(office.process.name)
    assert parcel is not None
    done = [Result(delivery=delivery, receipt=Receipt("row")) for delivery in parcel.deliveries]
    due = office.process.review.due
    office.ledger.outbox.record(parcel, done, run_id=None, queue="q", due=due, started_at=office.clock())
    reopen(office.ledger, office.process, review.case_id, by="Lea", reason="wrong")
    return office.ledger.reviews.find(review.case_id)


def waiting(office: Office) -> dict[str, Review]:
    """Bring cases to where each of them waits; give what waits by what it is."""
    made = {
        "new": asked(office, "new"),
        "second": say(office, asked(office, "second"), "Ada"),
        "escalated between": say(office, say(office, asked(office, "between"), "Ada"), "Bo", Verdict.ESCALATE),
        "escalated twice": say(
            office,
            say(office, say(office, asked(office, "twice"), "Ada"), "Bo", Verdict.ESCALATE),
            "Lea",
            Verdict.ESCALATE,
        ),
        "escalated first": say(office, say(office, asked(office, "first"), "Ada", Verdict.ESCALATE), "Bo"),
        "changed": say(office, say(office, asked(office, "changed"), "Ada"), "Bo", total="12200.00", tax="2200.00"),
        "only escalated": say(office, asked(office, "only"), "Ada", Verdict.ESCALATE),
        "with accents": say(office, asked(office, "accents"), "Zoë"),
        "put back": say(office, put_back(office), "Ada", Verdict.ESCALATE),
    }
    say(office, asked(office, "rejected"), "Ada", Verdict.REJECT)
    return made


@pytest.fixture
def old(ledger_urls: Callable[[], str]) -> Iterator[tuple[str, dict[str, Review], Clock]]:
    """Give a ledger as the release before left it, and its open reviews as this release would have kept them."""
    source, target, clock = ledger_urls(), ledger_urls(), Clock()
    migrate(source)
    office = opened(source, clock)
    register(office.ledger)
    register(office.ledger, "Zoë")
    with office.ledger:
        reviews = waiting(office)
    migrate_to(target, BEFORE)
    copy(source, target)
    return target, reviews, clock


def test_who_has_approved_is_known_after_the_migration(old: tuple[str, dict[str, Review], Clock]) -> None:
    """An escalation between the two approvals forgets nobody, and who has only escalated has approved nothing."""
    url, reviews, clock = old
    assert migrate(url) == BEFORE
    with Ledger.open(url, clock=clock) as ledger:
        found = {name: ledger.reviews.find(review.id) for name, review in reviews.items()}
        assert {name: review.approved_by for name, review in found.items()} == {
            "new": (),
            "second": ("Ada",),
            "escalated between": ("Ada",),
            "escalated twice": ("Ada",),
            "escalated first": ("Bo",),
            "changed": ("Bo",),
            "only escalated": (),
            "with accents": ("Zoë",),
            "put back": (),
        }
        assert found == reviews
        assert len(ledger.reviews.open()) == len(reviews)
        assert ledger.reviewers.all() == []


def test_what_waited_is_decided_after_the_migration(old: tuple[str, dict[str, Review], Clock]) -> None:
    """By somebody who is registered by now, and not by whoever approved it before."""
    url, reviews, clock = old
    migrate(url)
    office = opened(url, clock)
    with office.ledger:
        with pytest.raises(DecisionRefused, match="Ada is not registered"):
            say(office, reviews["second"], "Ada")
        register(office.ledger)
        register(office.ledger, "Zoë")
        for name in ("second", "escalated between", "escalated twice", "escalated first", "changed", "with accents"):
            first = reviews[name].approved_by[0]
            with pytest.raises(DecisionRefused, match=f"{first} approved it before"):
                say(office, reviews[name], first)
            say(office, reviews[name], "Cleo")
            history = office.history(reviews[name].case_id)
            assert (history.case.status, history.intact) == (Status.APPROVED, True)
            assert [delivery["decided_by"] for delivery in history.deliveries] == ["Cleo"]
        for name in ("new", "only escalated", "put back"):
            assert say(office, reviews[name], "Ada").approved_by == ("Ada",)


def test_a_decision_from_before_was_proved_by_nothing(old: tuple[str, dict[str, Review], Clock]) -> None:
    """And what is new of a review says that nothing has happened to it."""
    url, reviews, clock = old
    migrate(url)
    with Ledger.open(url, clock=clock) as ledger:
        rows = ledger.reading.history(reviews["second"].case_id)
        assert [row["verified"] for row in rows.decisions] == [False]
        assert {(row["urgency"], row["assignee"]) for row in rows.reviews} == {("waiting", None)}
        with ledger.store.read() as tx:
            assert tx.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar() == HEAD  # noqa: S608 - ours
