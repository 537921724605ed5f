"""Several people answer one review at the same moment: one of them decides it, the others are told who did."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.cases import Status, Verdict
from fulcrum.deciding import Said, decide
from fulcrum.errors import AlreadyDecided
from fulcrum.ledger import Ledger, migrate
from tests.fulcrum.conftest import Clock, Office, invoice
from tests.people import register

if TYPE_CHECKING:
    from fulcrum.cases import Decision

PEOPLE = [f"Reviewer {number}" for number in range(8)]


def test_eight_answers_at_once(ledger_url: str) -> None:
    """Approvals and rejections, each through a ledger of its own: the first valid one wins, and only that is kept."""
    migrate(ledger_url)
    clock = Clock()
    with Ledger.open(ledger_url, clock=clock) as ledger:
        office = Office(ledger, clock, ledger_url)
        register(ledger, *PEOPLE)
        review = office.in_review(invoice())
        together = Barrier(len(PEOPLE))

        def answer(number: int) -> Decision | AlreadyDecided:
            verdict = Verdict.REJECT if number % 3 == 0 else Verdict.APPROVE
            said = Said(verdict=verdict, reviewer=PEOPLE[number], note="so")
            with Ledger.open(ledger_url, clock=clock) as own:
                together.wait(30)
                try:
                    return decide(own, INVOICE_INTAKE, review.id, said)
                except AlreadyDecided as late:
                    return late

        with ThreadPoolExecutor(len(PEOPLE)) as people:
            came = list(people.map(answer, range(len(PEOPLE))))
        history = office.history(review.case_id)
    (won,) = [one for one in came if not isinstance(one, AlreadyDecided)]
    told = [str(one) for one in came if isinstance(one, AlreadyDecided)]
    assert len(told) == len(PEOPLE) - 1
    assert all(f"{won.verdict} by {won.reviewer}" in words for words in told)
    assert [(d["verdict"], d["reviewer"]) for d in history.decisions] == [(won.verdict.value, won.reviewer)]
    assert history.case.status is (Status.REJECTED if won.verdict is Verdict.REJECT else Status.APPROVED)
    assert len(history.deliveries) == 1
    assert history.intact
