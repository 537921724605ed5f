"""Whatever people answer, in whatever order: enough different people approve the same, and it takes effect once."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.cases import Json, Status, Verdict
from fulcrum.deciding import Said, decide, end, hand_on
from fulcrum.errors import AlreadyDecided, DecisionRefused
from fulcrum.ledger import Ledger
from tests.fulcrum.conftest import Clock, Office, invoice
from tests.people import register

NAMES = ("Ada", "Bo", "Cleo", "Lea")
CHANGES: tuple[Json, ...] = ({}, {"supplier_name": "Acme Limited"}, {"total": "131.00", "tax": "31.00"})

answers = st.one_of(
    st.tuples(st.just("approve"), st.sampled_from(NAMES), st.sampled_from(CHANGES)),
    st.tuples(st.sampled_from(["reject", "escalate", "hand on", "late", "end"]), st.sampled_from(NAMES), st.just({})),
)


def _answer(office: Office, reviews: list[str], kind: str, name: str, changes: Json) -> str:
    """Give one answer, to the open review or, late, to the first one; say what came of it."""
    review = reviews[0] if kind == "late" else office.ledger.reviews.find(reviews[0].split("-")[0]).id
    try:
        if kind == "hand on":
            said = Said(verdict=Verdict.HAND_ON, reviewer=name, colleague=NAMES[0])
            hand_on(office.ledger, office.process, review, said)
        elif kind == "end":
            end(office.ledger, office.process, review)
        else:
            verdict = Verdict.APPROVE if kind == "late" else Verdict(kind)
            said = Said(verdict=verdict, reviewer=name, note="so", changes=changes or None)
            decide(office.ledger, office.process, review, said)
    except (AlreadyDecided, DecisionRefused) as refusal:
        return type(refusal).__name__
    reviews.append(review)
    return "taken"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(answers, min_size=1, max_size=9),
    st.integers(1, 3),
    st.sampled_from([None, *NAMES]),
)
def test_an_outcome_takes_effect_once_and_only_with_enough_people(
    migrated: Path, steps: list[tuple[str, str, Json]], people: int, entered_by: str | None
) -> None:
    """The last so many approvals are of different people and the same values, none of whom entered the case."""
    policy = replace(
        INVOICE_INTAKE.review, approvals=lambda _values: people, verified=None, entered_by=lambda _input: entered_by
    )
    with tempfile.TemporaryDirectory() as folder:
        path, clock = Path(folder) / "ledger.db", Clock()
        shutil.copy(migrated, path)
        with Ledger.open(f"sqlite:///{path}", clock=clock) as ledger:
            register(ledger)
            office = Office(ledger, clock, f"sqlite:///{path}", replace(INVOICE_INTAKE, review=policy))
            _holds(office, steps, people, entered_by)


def _holds(office: Office, steps: list[tuple[str, str, Json]], people: int, entered_by: str | None) -> None:
    review = office.in_review(invoice())
    reviews, before = [review.id], None
    for step in steps:
        settled = office.history(review.case_id).case.status is not Status.IN_REVIEW
        came = _answer(office, reviews, *step)
        history = office.history(review.case_id)
        assert history.intact
        if settled:
            # Whatever is said after the end is told so and changes nothing.
            assert came != "taken"
            assert history == before
        before = history
    _effects(before, people, entered_by)


def _effects(history: Any, people: int, entered_by: str | None) -> None:
    """Compare what was delivered with what was decided."""
    assert len(history.deliveries) <= 1
    last = history.decisions[-1] if history.decisions else None
    assert len({decision["review_id"] for decision in history.decisions}) == len(history.decisions)
    if not history.deliveries:
        assert history.case.status is Status.IN_REVIEW
        return
    assert last is not None
    if history.deliveries[0]["effect"] == "rejection":
        assert last["verdict"] == "reject"
        return
    # Escalations between approvals change nothing of what has been approved.
    approvals = [decision for decision in history.decisions if decision["verdict"] == "approve"][-people:]
    assert len({decision["reviewer"] for decision in approvals}) == people
    assert all(decision["changed"] == [] for decision in approvals[1:])
    if people > 1:
        assert entered_by not in {decision["reviewer"] for decision in approvals}


def test_the_rule_that_is_tested_can_fail(office: Office, an_invoice: Callable[..., Json]) -> None:
    """The check above refuses a posting that one person alone has approved where two must."""
    review = office.in_review(an_invoice())
    decide(office.ledger, office.process, review.id, Said(verdict=Verdict.APPROVE, reviewer="Ada"))
    try:
        _effects(office.history(review.case_id), 2, None)
    except AssertionError:
        return
    raise AssertionError
