"""The case's state machine, walked at random against a model of it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.strategies import sampled_from

from fulcrum.cases import NewCase, Status, case_id_of
from fulcrum.errors import IllegalTransition
from fulcrum.ledger import Ledger, migrate
from fulcrum.ledger.journal import Change, apply
from fulcrum.ledger.states import OPEN, TRANSITIONS, after
from fulcrum.process import Autonomy
from fulcrum.report import Standing

CASE = case_id_of("sample", "a")


class CaseLife(RuleBasedStateMachine):
    """Any transition at any time: the legal ones move the case and log an event, the others change nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        url = f"sqlite:///{Path(self.folder.name) / 'ledger.db'}"
        migrate(url)
        self.ledger = Ledger.open(url)
        standing = Standing(Autonomy.SHADOW, 1.0)
        self.ledger.runs.begin("run", "sample", sop_version="", prompt_version="", standing=standing)
        self.ledger.intake.take_in("run", "sample", [NewCase(external_id="a", input={"text": "t"})])
        self.status = Status.RECEIVED
        self.activities = ["receive"]

    @rule(transition=sampled_from(sorted(TRANSITIONS)))
    def move(self, transition: str) -> None:
        now = self.ledger.store.now()
        change = Change(case_id=CASE, transition=transition, activity=transition, resource="system", started_at=now)
        reached = TRANSITIONS[transition].get(self.status)
        if reached is None:
            with pytest.raises(IllegalTransition), self.ledger.store.write() as tx:
                apply(tx, [change], now=now)
            return
        with self.ledger.store.write() as tx:
            apply(tx, [change], now=now)
        self.status = reached
        self.activities.append(transition)

    @precondition(lambda self: self.status in OPEN)
    @rule()
    def claim_and_release(self) -> None:
        self.ledger.runs.begin(
            "other", "sample", sop_version="", prompt_version="", standing=Standing(Autonomy.SHADOW, 1)
        )
        batch = self.ledger.leases.claim("sample", "other")
        assert batch is not None
        self.ledger.leases.release(batch)

    @precondition(lambda self: self.status not in OPEN)
    @rule()
    def nothing_to_claim(self) -> None:
        assert self.ledger.leases.claim("sample", "run") is None

    @invariant()
    def the_log_tells_the_same_story(self) -> None:
        history = self.ledger.reading.history(CASE)
        assert history.case.status is self.status
        assert [event["activity"] for event in history.events] == self.activities
        assert history.intact

    def teardown(self) -> None:
        self.ledger.close()
        self.folder.cleanup()


CaseLife.TestCase.settings = settings(
    max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestCaseLife = CaseLife.TestCase


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("transition", sorted(TRANSITIONS))
def test_a_transition_leads_where_the_table_says_or_raises(status: Status, transition: str) -> None:
    """Nothing but the table decides; the error names case, status and transition."""
    expected = TRANSITIONS[transition].get(status)
    if expected is not None:
        assert after("c", status, transition) is expected
        return
    with pytest.raises(IllegalTransition, match=rf"Case c is {status.value}; {transition}"):
        after("c", status, transition)


def test_every_status_can_be_reached_and_no_open_one_is_a_dead_end() -> None:
    """From received each status is reachable, and each open status can be left."""
    reached, frontier = {Status.RECEIVED}, [Status.RECEIVED]
    while frontier:
        status = frontier.pop()
        for moves in TRANSITIONS.values():
            if (following := moves.get(status)) and following not in reached:
                reached.add(following)
                frontier.append(following)
    assert reached == set(Status)
    for status in OPEN:
        assert any(moves.get(status, status) is not status for moves in TRANSITIONS.values())
