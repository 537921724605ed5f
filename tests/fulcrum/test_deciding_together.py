"""Eight people who answer one review at the same moment: one of them decides, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fulcrum.cases import Status, Verdict
from fulcrum.deciding import Said, decide, end, hand_on
from fulcrum.due import Urgency
from fulcrum.errors import AlreadyDecided, DecisionRefused, ReviewerLocked
from fulcrum.reviewers import MOST_WRONG, new_secret
from fulcrum.sealing import Seal, new_key
from tests.people import register
from tests.together import AT_ONCE, at_once, several

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fulcrum.cases import Json
    from fulcrum.ledger import Ledger
    from tests.fulcrum.conftest import Office

PEOPLE = tuple(f"Person {number}" for number in range(AT_ONCE))
LARGE = {"total": "12100.00", "net": "10000.00", "tax": "2100.00"}


@pytest.fixture
def office(any_office: Office) -> Office:
    register(any_office.ledger, *PEOPLE)
    return any_office


@pytest.fixture
def ledgers(office: Office) -> Iterator[list[Ledger]]:
    with several(office.url, office.clock) as opened:
        yield opened


def answer(office: Office, ledger: Ledger, review_id: str, number: int, **said: Any) -> str:
    """Answer in one person's name; give what comes of it."""
    verdict = said.pop("verdict", Verdict.APPROVE)
    seal = said.pop("seal", None)
    given = Said(verdict=verdict, reviewer=PEOPLE[number], note="because", **said)
    try:
        decide(ledger, office.process, review_id, given, seal=seal)
    except (AlreadyDecided, DecisionRefused) as refused:
        return type(refused).__name__
    return "won"


def only_one(came: list[str]) -> int:
    """Check that one has won and all the others were told; give who has won."""
    assert Counter(came) == {"won": 1, "AlreadyDecided": AT_ONCE - 1}
    return came.index("won")


@pytest.mark.parametrize("verdicts", [[Verdict.APPROVE], [Verdict.APPROVE, Verdict.REJECT, Verdict.ESCALATE]])
def test_of_eight_answers_one_is_recorded(office: Office, ledgers: list[Ledger], verdicts: list[Verdict]) -> None:
    """The seven others are told who was first, and what is to be delivered follows from that one answer."""
    review = office.in_review()
    said = [verdicts[number % len(verdicts)] for number in range(AT_ONCE)]
    winner = only_one(at_once(ledgers, lambda ledger, n: answer(office, ledger, review.id, n, verdict=said[n])))
    history = office.history(review.case_id)
    assert history.intact
    assert [(d["reviewer"], d["verdict"]) for d in history.decisions] == [(PEOPLE[winner], said[winner])]
    effects = {Verdict.APPROVE: ["posting"], Verdict.REJECT: ["rejection"], Verdict.ESCALATE: []}
    assert [delivery["effect"] for delivery in history.deliveries] == effects[said[winner]]
    assert {delivery["decided_by"] for delivery in history.deliveries} <= {PEOPLE[winner]}


def test_an_answer_by_the_cases_id_decides_no_review_that_follows(office: Office, ledgers: list[Ledger]) -> None:
    """Whoever names the case answers what is open at that moment, each review once."""
    review = office.in_review()
    came = at_once(ledgers, lambda ledger, n: answer(office, ledger, review.case_id, n, verdict=Verdict.ESCALATE))
    history = office.history(review.case_id)
    assert history.intact
    assert len(history.decisions) == came.count("won")
    assert [row["state"] for row in history.reviews] == ["decided"] * came.count("won") + ["open"]


def test_two_approvals_of_eight_at_once_are_those_of_two_people(
    office: Office, ledgers: list[Ledger], an_invoice: Callable[..., Json]
) -> None:
    """One is the first, one of the others the second; the posting follows once, and whoever was first is refused."""
    office.process = replace(office.process, review=replace(office.process.review, verified=None))
    review = office.in_review(an_invoice(**LARGE))
    first = only_one(at_once(ledgers, lambda ledger, n: answer(office, ledger, review.id, n)))
    assert not office.history(review.case_id).deliveries
    following = office.ledger.reviews.find(review.case_id)
    assert following.approved_by == (PEOPLE[first],)
    came = at_once(ledgers, lambda ledger, n: answer(office, ledger, following.id, n))
    # Whoever was first is barred, unless they come so late that it is decided.
    assert came.count("won") == 1
    assert came[first] in {"DecisionRefused", "AlreadyDecided"}
    second = came.index("won")
    assert {each for n, each in enumerate(came) if n not in {first, second}} == {"AlreadyDecided"}
    history = office.history(review.case_id)
    assert (history.case.status, history.intact) == (Status.APPROVED, True)
    assert [(d["effect"], d["decided_by"]) for d in history.deliveries] == [("posting", PEOPLE[second])]


def test_an_answer_and_the_clock_at_once(office: Office, ledgers: list[Ledger]) -> None:
    """Whether a person, a colleague who hands it on or the due date is first: one decision, one effect."""
    review = office.in_review()

    def act(ledger: Ledger, number: int) -> str:
        said = Said(verdict=Verdict.HAND_ON, reviewer=PEOPLE[number], colleague="Ada")
        try:
            if number % 4 == 0:
                end(ledger, office.process, review.id)
            elif number % 4 == 1:
                hand_on(ledger, office.process, review.id, said)
                return "handed on"
            elif number % 4 == 2:
                ledger.queue.press(review.id, Urgency.ESCALATED, queue="accounts-payable-lead")
                return "pressed"
            else:
                return answer(office, ledger, review.id, number)
        except (AlreadyDecided, DecisionRefused) as refused:
            return type(refused).__name__
        return "won"

    came = at_once(ledgers, act)
    history = office.history(review.case_id)
    assert (came.count("won"), len(history.decisions), len(history.deliveries)) == (1, 1, 1)
    assert history.intact


def test_eight_who_guess_through_answers_are_locked_after_five(
    office: Office, ledgers: list[Ledger], an_invoice: Callable[..., Json]
) -> None:
    """Under one name, at once: five guesses count, and the right code is refused as well while the lock holds."""
    seal, secret = Seal(new_key()), new_secret()
    office.ledger.reviewers.enroll(PEOPLE[0], seal.seal(secret))
    review = office.in_review(an_invoice(**LARGE))
    wrong = next(code for code in ("000000", "111111", "222222") if not _near(secret, code, office))
    came = at_once(ledgers, lambda ledger, _: answer(office, ledger, review.id, 0, seal=lambda: seal, code=wrong))
    assert Counter(came) == {"DecisionRefused": MOST_WRONG - 1, "ReviewerLocked": AT_ONCE - MOST_WRONG + 1}
    from pyotp import TOTP

    said = Said(verdict=Verdict.APPROVE, reviewer=PEOPLE[0], code=TOTP(secret).at(office.clock.now))
    with pytest.raises(ReviewerLocked, match="locked until"):
        decide(office.ledger, office.process, review.id, said, seal=lambda: seal)
    assert office.history(review.case_id).decisions == []


def _near(secret: str, code: str, office: Office) -> bool:
    from fulcrum.reviewers import matched

    return matched(secret, code, office.clock.now) is not None
