"""Alarms that have an end: one a cause, over with it, taken on by somebody or passed on once, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.fulcrum.ledger.conftest import PROCESS

if TYPE_CHECKING:
    from tests.fulcrum.ledger.conftest import Desk

KIND = "deliveries.failing"


def test_one_cause_is_one_alarm_until_it_is_over(desk: Desk) -> None:
    """A second one of the kind is none; once over, the next one is new."""
    first = desk.ledger.alarms.begin(PROCESS, KIND, {"deliveries": 3})
    assert first is not None
    desk.ledger.watching.said([first.id])
    assert desk.ledger.alarms.begin(PROCESS, KIND, {"deliveries": 4}) is None
    assert desk.ledger.alarms.begin("other", KIND, {}) is not None
    assert desk.ledger.alarms.end(PROCESS, KIND)
    assert not desk.ledger.alarms.end(PROCESS, KIND)
    again = desk.ledger.alarms.begin(PROCESS, KIND, {"deliveries": 1})
    assert again is not None
    assert again.id != first.id
    assert {alarm.process for alarm in desk.ledger.alarms.standing()} == {"other", PROCESS}


def test_what_nobody_takes_is_passed_on_once(desk: Desk) -> None:
    """What is late; what somebody looks after, which is whoever was first, or what is over, is not."""
    late, taken, _over = (desk.ledger.alarms.begin(name, KIND, {}) for name in ("late", "taken", "over"))
    assert late is not None
    assert taken is not None
    assert desk.ledger.alarms.acknowledge(taken.id[:8], "Ada") == replace(taken, taken_by="Ada")
    assert desk.ledger.alarms.acknowledge(taken.id[:8], "Ben") == replace(taken, taken_by="Ada")
    desk.ledger.alarms.end("over", KIND)
    quarter = timedelta(minutes=15)
    assert desk.ledger.alarms.late(quarter) == []
    desk.clock.forward(901)
    assert desk.ledger.alarms.late(quarter) == [late]
    desk.ledger.alarms.passed_on([late.id])
    assert desk.ledger.alarms.late(quarter) == []


def test_an_alarm_that_was_not_told_is_given_again(desk: Desk) -> None:
    """Whoever raised it was killed before they could tell it; once told, it is not given again."""
    first = desk.ledger.alarms.begin(PROCESS, KIND, {"deliveries": 3})
    assert first is not None
    again = desk.ledger.alarms.begin(PROCESS, KIND, {"deliveries": 3})
    assert again == first
    desk.ledger.watching.said([first.id])
    assert desk.ledger.alarms.begin(PROCESS, KIND, {"deliveries": 3}) is None
    assert desk.ledger.alarms.find(PROCESS, KIND) == first


def test_only_what_stands_is_taken_on(desk: Desk) -> None:
    """An alert that is over, or that never was, is nobody's to take."""
    alarm = desk.ledger.alarms.begin(PROCESS, KIND, {})
    assert alarm is not None
    desk.ledger.alarms.end(PROCESS, KIND)
    assert desk.ledger.alarms.acknowledge(alarm.id, "Ada") is None
    assert desk.ledger.alarms.acknowledge("none", "Ada") is None


def test_an_owner_who_looks_at_drift_ends_no_other_alarm(desk: Desk) -> None:
    """Setting autonomy says nothing of a target that is away."""
    from fulcrum.process import Autonomy
    from fulcrum.report import Standing

    desk.ledger.alarms.begin(PROCESS, KIND, {})
    desk.ledger.runs.set_standing(PROCESS, Standing(Autonomy.SHADOW, 0.8), by="Owner", reason="looked")
    assert [alarm.kind for alarm in desk.ledger.alarms.standing()] == [KIND]
    assert desk.ledger.watching.alarms(PROCESS) == []
