"""The rules of deciding, under any answers in any order: late, twice, at once, handed on, escalated, reopened.

Each sequence of answers is played on a real ledger beside a small model of the rules, and what the ledger holds is
compared with the model's account after every answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fulcrum.cases import Decision, Json, Receipt, Status, Verdict
from fulcrum.deciding import Said, decide, end, hand_on, reopen
from fulcrum.due import URGENCIES, Urgency
from fulcrum.errors import AlreadyDecided, DecisionRefused
from fulcrum.ledger import Ledger, Result
from fulcrum.ledger.reviews import Reviews
from fulcrum.reviewers import key_of

if TYPE_CHECKING:
    from tests.fulcrum.conftest import Office

PEOPLE = ("Ada", "Bo", "Cleo", "Lea")
TOTALS = ("121.00", "131.00", "141.00")
"""What the case's total may be decided as; the first is what the AI proposes."""

WON, LATE, REFUSED = "won", "late", "refused"


@dataclass(frozen=True)
class Answer:
    """What somebody answers: to the newest review, or to one before it."""

    verdict: Verdict
    person: str
    total: int = 0
    back: int = 0
    wrong: bool = False
    """Whether it is one that cannot be taken, whoever gives it."""

    def said(self) -> Said:
        changes: Json = {"total": TOTALS[self.total], "tax": str(Decimal(TOTALS[self.total]) - 100)}
        note = None if self.wrong and self.verdict is Verdict.REJECT else "because"
        if self.wrong and self.verdict is Verdict.APPROVE:
            changes["currency"] = "none"
        name = "Zoe" if self.wrong and self.verdict is Verdict.ESCALATE else f" {self.person.upper()} "
        approves = self.verdict is Verdict.APPROVE
        return Said(verdict=self.verdict, reviewer=name, note=note, changes=changes if approves else None)


@dataclass(frozen=True)
class Together:
    """Two who answer at once: the first has been checked already when the second one's answer is recorded."""

    first: Answer
    second: Answer


@dataclass(frozen=True)
class HandOn:
    person: str
    colleague: str
    back: int = 0


@dataclass(frozen=True)
class Press:
    urgency: Urgency


class End:
    """Nobody has decided it in time."""


class Finish:
    """Its targets take what waits for them, and somebody puts the case back."""


@dataclass
class Model:
    """The rules in their shortest form."""

    needs: tuple[int, int, int]
    """How many people each total asks for."""
    entered_by: str | None
    total: int = 0
    approved: tuple[str, ...] = ()
    reviews: int = 1
    settled: str | None = None
    effects: list[str] = field(default_factory=list)

    def answer(self, answer: Answer, *, review: int) -> str:
        """Say what comes of an answer to a review, counted from 1."""
        if self.settled or review < self.reviews:
            return LATE
        if answer.wrong or (answer.verdict is Verdict.APPROVE and self.barred(answer)):
            return REFUSED
        if answer.verdict is Verdict.APPROVE:
            self.approve(answer)
        elif answer.verdict is Verdict.REJECT:
            self.settle("rejection")
        else:
            self.reviews += 1
        return WON

    def needed(self, answer: Answer) -> int:
        return max(self.needs[answer.total], self.needs[self.total], 2 if self.approved else 1)

    def barred(self, answer: Answer) -> bool:
        entered = answer.person == self.entered_by and self.needed(answer) > 1
        return answer.person in self.approved or entered

    def approve(self, answer: Answer) -> None:
        needed = self.needed(answer)
        same = self.approved if answer.total == self.total else ()
        self.approved, self.total = (*same, answer.person), answer.total
        if len(self.approved) >= needed:
            self.settle("posting")
        else:
            self.reviews += 1

    def settle(self, effect: str) -> None:
        self.settled = effect
        self.effects.append(effect)

    def reopen(self) -> None:
        # What was posted is proposed anew; after a rejection it is what was proposed, or approved in part, before.
        self.settled, self.approved = None, ()
        self.reviews += 1
        self.effects.append("reversal")


class Late(Reviews):
    """Reviews in which somebody else's answer is recorded after one was checked and before it is recorded."""

    def __init__(self, ledger: Ledger, between: Callable[[], None]) -> None:
        super().__init__(ledger.store)
        self._between = between

    def decide(self, decision: Decision, **consequences: Any) -> None:
        self._between()
        super().decide(decision, **consequences)


@dataclass
class Played:
    """One case on the ledger, and what the model says of it."""

    office: Office
    model: Model
    case_id: str

    def play(self, step: Any) -> None:
        match step:
            case Answer():
                review = self.review(step.back)
                assert self.told(self.office.ledger, step, review) == self.model.answer(step, review=review)
            case Together():
                self.together(step)
            case HandOn():
                self.hand_on(step)
            case Press():
                review = self.office.ledger.reviews.find(self.case_id)
                self.office.ledger.queue.press(review.id, step.urgency, queue=self.office.process.owner.queue)
            case End():
                self.end()
            case Finish() if self.model.settled:
                self.finish()

    def review(self, back: int) -> int:
        return max(1, self.model.reviews - back)

    def told(self, ledger: Ledger, answer: Answer, review: int) -> str:
        return came_of(lambda: decide(ledger, self.office.process, f"{self.case_id}-{review}", answer.said()))

    def together(self, step: Together) -> None:
        """The first answer is checked on what was there before the second; recorded, it is valid as ever, or late."""
        slow, review = self.office.ledger, self.review(0)
        before = replace(self.model, effects=[*self.model.effects])
        came: list[str] = []

        def between() -> None:
            slow.__dict__["reviews"] = quick
            came.append(self.told(slow, step.second, self.review(step.second.back)))
            assert came[-1] == self.model.answer(step.second, review=self.review(step.second.back))

        quick = slow.reviews
        slow.__dict__["reviews"] = Late(slow, between)
        try:
            first = self.told(slow, step.first, review)
        finally:
            slow.__dict__["reviews"] = quick
        if not came:
            # It was refused, or late, before the other one could come between.
            assert first == before.answer(step.first, review=review) != WON
        else:
            assert first == self.model.answer(step.first, review=review)
            assert (first, came[0]).count(WON) <= 1

    def hand_on(self, step: HandOn) -> None:
        review = self.review(step.back)
        said = Said(verdict=Verdict.HAND_ON, reviewer=step.person, colleague=step.colleague)
        name = f"{self.case_id}-{review}"
        came = came_of(lambda: hand_on(self.office.ledger, self.office.process, name, said))
        assert came == (LATE if self.model.settled or review < self.model.reviews else WON)
        if came == WON:
            assert self.office.ledger.reviews.find(name).assignee == step.colleague

    def end(self) -> None:
        name = f"{self.case_id}-{self.review(0)}"
        came = came_of(lambda: end(self.office.ledger, self.office.process, name))
        assert came == (LATE if self.model.settled else WON)
        if came == WON:
            self.model.settle("rejection")

    def finish(self) -> None:
        office, due = self.office, self.office.process.review.due
        while parcel := office.ledger.outbox.claim(office.process.name):
            done = [Result(delivery=delivery, receipt=Receipt("row")) for delivery in parcel.deliveries]
            office.ledger.outbox.record(parcel, done, run_id=None, queue="q", due=due, started_at=office.clock())
        assert reopen(office.ledger, office.process, self.case_id, by="Lea", reason="wrong") == 1
        self.model.reopen()

    def compare(self) -> None:
        """Check that the ledger says what the model says, and what holds whatever the model says."""
        history, model = self.office.history(self.case_id), self.model
        assert history.intact
        status = {None: Status.IN_REVIEW, "posting": Status.APPROVED, "rejection": Status.REJECTED}
        assert history.case.status is status[model.settled]
        states = [row["state"] for row in history.reviews]
        assert states == ["decided"] * (model.reviews - 1) + ["decided" if model.settled else "open"]
        assert len(history.decisions) == states.count("decided")
        assert [delivery["effect"] for delivery in history.deliveries] == model.effects
        keys = [delivery["key"] for delivery in history.deliveries]
        assert len(keys) == len(set(keys))
        once = Counter((d["target"], d["revision"], d["effect"]) for d in history.deliveries if not d["reverses"])
        assert set(once.values()) <= {1}
        if not model.settled:
            assert self.office.ledger.reviews.find(self.case_id).approved_by == model.approved
        elif model.settled == "posting":
            self.is_approved(history)

    def is_approved(self, history: Any) -> None:
        """Check by the record alone that as many different people as it takes approved what is posted."""
        final = history.outcome
        assert final["total"] == history.deliveries[-1]["content"]["posting"]["total"]
        needed = self.model.needs[TOTALS.index(final["total"])]
        approvals = []
        for row in reversed(history.decisions):
            changed = row["content"]["corrections"].keys()
            if row["verdict"] == Verdict.APPROVE:
                approvals.append(key_of(row["reviewer"]))
            if row["verdict"] == Verdict.REJECT or (row["verdict"] == Verdict.APPROVE and changed):
                # Before this one something else was approved, or nothing.
                break
        agreed = approvals[: max(needed, 1)]
        assert len(agreed) == len(set(agreed)) == max(needed, 1)
        if needed > 1 and self.model.entered_by:
            assert key_of(self.model.entered_by) not in agreed
        assert history.deliveries[-1]["decided_by"] == history.decisions[-1]["reviewer"]


def came_of(answer: Callable[[], object]) -> str:
    try:
        answer()
    except AlreadyDecided:
        return LATE
    except DecisionRefused:
        return REFUSED
    return WON


VERDICTS = st.sampled_from([Verdict.APPROVE] * 4 + [Verdict.REJECT, Verdict.ESCALATE])
BACK = st.sampled_from([0, 0, 0, 1, 2])
PERSON = st.sampled_from(PEOPLE)
ANSWERS = st.builds(
    Answer,
    VERDICTS,
    PERSON,
    total=st.sampled_from([0, 0, 1, 2]),
    back=BACK,
    wrong=st.sampled_from([False] * 5 + [True]),
)
APPROVALS = st.builds(Answer, st.just(Verdict.APPROVE), PERSON, total=st.sampled_from([0, 0, 0, 1, 2]))
STEPS = st.one_of(
    ANSWERS,
    APPROVALS,
    st.builds(Together, st.one_of(APPROVALS, ANSWERS.map(lambda answer: replace(answer, back=0))), ANSWERS),
    st.builds(HandOn, PERSON, PERSON, back=BACK),
    st.builds(Press, st.sampled_from(URGENCIES)),
    st.builds(Finish),
    # Rare, because it ends most sequences.
    st.one_of(APPROVALS, APPROVALS, st.builds(End)),
)


def yes(person: str, total: int = 0, back: int = 0) -> Answer:
    return Answer(Verdict.APPROVE, person, total, back)


@pytest.fixture
def numbers() -> Iterator[int]:
    return count()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    needs=st.tuples(*[st.integers(1, 3)] * 3),
    entered_by=st.none() | PERSON,
    steps=st.lists(STEPS, min_size=3, max_size=14),
)
# Whoever was first is barred after an escalation as well.
@example((2, 2, 2), None, [yes("Ada"), Answer(Verdict.ESCALATE, "Bo"), yes("Ada"), yes("Cleo"), yes("Bo", back=2)])
# Each change begins anew, also where the values alone would ask for one person.
@example((2, 1, 1), None, [yes("Ada", 1), yes("Bo", 2), yes("Ada", 2), yes("Lea", 2)])
@example((3, 3, 3), "Lea", [yes("Ada"), yes("Bo"), yes("Cleo", 1), yes("Lea"), yes("Ada", 1), yes("Bo", 1)])
# Two at once, the second of whom is late; two at once, of whom the one who is slower is barred.
@example((2, 2, 2), None, [Together(yes("Ada"), yes("Bo")), Together(yes("Ada"), yes("Bo")), Finish(), yes("Ada")])
# What is undone is decided anew, from the beginning.
@example(
    (1, 2, 2), None, [yes("Ada", 1), yes("Bo", 1), Finish(), yes("Ada", 1), End(), Finish(), yes("Ada"), yes("Bo")]
)
def test_any_answers_in_any_order_keep_the_rules(
    office: Office, numbers: Iterator[int], needs: tuple[int, int, int], entered_by: str | None, steps: list[Any]
) -> None:
    """The first valid answer to a review wins, and an outcome takes effect once, by as many people as it takes."""
    policy = replace(
        office.process.review,
        approvals=lambda values: needs[TOTALS.index(values["total"])],
        entered_by=lambda _input: entered_by,
        verified=None,
    )
    office.process, office.name = replace(office.process, review=policy), f"case-{next(numbers)}-"
    review = office.in_review()
    played = Played(office, Model(needs, entered_by), review.case_id)
    for step in steps:
        played.play(step)
        played.compare()
