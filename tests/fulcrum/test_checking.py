"""A process is watched from its ledger: its promises case by case, its newest cases against those of the grant."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from fulcrum.cases import ReasonCode, ReviewKind
from fulcrum.checking import JUDGED_EVERY, check
from fulcrum.ledger import Ledger
from fulcrum.process import Autonomy
from fulcrum.promises import AUDITED, DEGRADED, GATE, Happened, limit_of, newly_broken, promised, watched
from fulcrum.report import Standing
from tests.ticket_shop import INTENTS, PROCESS, Shop, german


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop.opened(tmp_path)


def test_a_process_without_runs_is_not_watched(shop: Shop) -> None:
    """Nobody has granted it anything yet."""
    with shop.ledger() as ledger:
        assert check(ledger, PROCESS).report is None
        assert ledger.watching.seen(PROCESS.name) is None


def test_the_first_cases_after_the_grant_are_the_reference_and_the_next_are_judged_once(shop: Shop) -> None:
    """A new process has none before it; a report comes with each 500 new cases, and not again for the same."""
    shop.handle(JUDGED_EVERY)
    with shop.ledger() as ledger:
        assert check(ledger, PROCESS).report is None
        frozen = ledger.watching.reference(PROCESS.name)
        assert frozen is not None
        assert len(frozen.observed) == JUDGED_EVERY
        assert "grinder" not in str(frozen.observed)
    shop.handle(JUDGED_EVERY - 1)
    with shop.ledger() as ledger:
        assert check(ledger, PROCESS).report is None
    shop.handle(1)
    with shop.ledger() as ledger:
        found = check(ledger, PROCESS)
        assert found.report is not None
        assert (found.report.overall, found.report.window_cases) == ("stable", JUDGED_EVERY)
        shop.now += timedelta(hours=1)
        assert check(ledger, PROCESS).report is None
        assert len(ledger.watching.reports(PROCESS.name, limit=9)) == 1
        assert ledger.watching.alarms(PROCESS.name) == []


def test_a_shift_of_inputs_alarms_once_and_takes_no_autonomy(shop: Shop) -> None:
    """German messages and another intent: drifted, one alarm that names both; the same again is not told again."""
    shop.handle(JUDGED_EVERY)
    with shop.ledger() as ledger:
        check(ledger, PROCESS)

    for _ in range(2):
        shop.handle(JUDGED_EVERY, text=german, intents=INTENTS[:1])
        with shop.ledger() as ledger:
            found = check(ledger, PROCESS)
            assert found.report is not None
            assert found.report.overall == "drifted"
    with shop.ledger() as ledger:
        (alarm,) = ledger.watching.alarms(PROCESS.name)
        assert {"input language", "output intent"} <= set(alarm.facts["found"])
        standing = ledger.runs.standing(PROCESS.name)
        assert standing is not None
        assert standing.autonomy is Autonomy.SUPERVISED


def test_audits_that_find_errors_take_one_level_once_until_the_owner_looks(shop: Shop) -> None:
    """The alarm is latched; what the owner sets holds, and then it may go off again."""
    shop.handle(60, code=ReasonCode.AUDIT, kind=ReviewKind.AUDIT, wrong=0.02)
    with shop.ledger() as ledger:
        check(ledger, PROCESS)
        assert [each.autonomy for each in levels(ledger)] == [Autonomy.SUPERVISED]
    for _ in range(3):
        shop.handle(60, code=ReasonCode.AUDIT, kind=ReviewKind.AUDIT, wrong=0.6)
        with shop.ledger() as ledger:
            check(ledger, PROCESS)
    with shop.ledger() as ledger:
        assert [each.autonomy for each in levels(ledger)] == [Autonomy.ASSISTED, Autonomy.SUPERVISED]
        (alarm,) = ledger.watching.alarms(PROCESS.name)
        assert (alarm.subject, alarm.facts["autonomy_before"], alarm.facts["autonomy"]) == (
            AUDITED, "supervised", "assisted",
        )  # fmt: skip
        assert alarm.facts["wrong"] <= alarm.facts["of"]
        ledger.runs.set_standing(PROCESS.name, Standing(Autonomy.SUPERVISED, 0.9), by="Owner", reason="prompt mended")
        assert ledger.watching.alarms(PROCESS.name) == []
    shop.handle(60, code=ReasonCode.AUDIT, kind=ReviewKind.AUDIT, wrong=0.6)
    with shop.ledger() as ledger:
        check(ledger, PROCESS)
        assert levels(ledger)[0] == Standing(Autonomy.ASSISTED, 0.9)


@pytest.mark.parametrize(("code", "promise"), [(ReasonCode.GATE, GATE), (ReasonCode.DEGRADED, DEGRADED)])
def test_gates_and_silence_alarm_and_take_no_autonomy(shop: Shop, code: ReasonCode, promise: str) -> None:
    """They say something of what comes in and of the endpoint, not of how good the answers are."""
    shop.handle(120, code=code)
    with shop.ledger() as ledger:
        assert check(ledger, PROCESS).lowered is None
        assert promise in [alarm.subject for alarm in ledger.watching.alarms(PROCESS.name)]


def test_two_checks_at_once_keep_one_result(shop: Shop) -> None:
    """Whoever comes second finds that the ledger has moved on, and writes nothing."""
    shop.handle(30, code=ReasonCode.AUDIT, kind=ReviewKind.AUDIT, wrong=1.0)
    with shop.ledger() as ledger:
        seen = ledger.watching.seen(PROCESS.name)
        first = check(ledger, PROCESS)
        assert first.lowered is not None
        state = ledger.watching.seen(PROCESS.name)
        assert state is not None
        assert not ledger.watching.advance(PROCESS.name, seen, state, lowered=(Standing(Autonomy.SHADOW, 0.8), "twice"))
        assert levels(ledger)[0].autonomy is Autonomy.ASSISTED


def test_more_overrides_after_one_reason_than_at_the_grant_take_a_level(shop: Shop) -> None:
    """The limit is what the reference speaks for; other reasons have limits of their own."""
    shop.handle(JUDGED_EVERY, wrong=0.10)
    with shop.ledger() as ledger:
        check(ledger, PROCESS)
    shop.handle(100, wrong=0.10)
    with shop.ledger() as ledger:
        assert check(ledger, PROCESS).lowered is None
    shop.handle(150, wrong=0.5)
    with shop.ledger() as ledger:
        assert check(ledger, PROCESS).lowered is not None
        assert levels(ledger)[0].autonomy is Autonomy.ASSISTED


def levels(ledger: Ledger) -> list[Standing]:
    return [Standing(Autonomy(row["autonomy"]), row["threshold"]) for row in ledger.runs.standings(PROCESS.name)]


@pytest.mark.parametrize(
    ("wrong", "total", "limit"),
    [(0, 49, None), (50, 50, None), (0, 400, 0.05), (5, 100, pytest.approx(0.1023, abs=1e-3))],
)
def test_the_limit_of_a_reference(wrong: int, total: int, limit: float | None) -> None:
    """Too few, or all wrong, say nothing; a spotless one is held to five in a hundred; else the 95% upper bound."""
    assert limit_of(wrong, total) == limit


def test_a_limit_that_changes_begins_anew() -> None:
    """What was seen under another promise says nothing of this one."""
    before = watched(promised(PROCESS, {}), {}, [Happened(code=ReasonCode.GATE)] * 40)
    assert before[GATE].n == 40
    assert [watch.promise.name for watch in newly_broken({}, before)] == [GATE]
    assert newly_broken(before, watched(promised(PROCESS, {}), before, [Happened(code=ReasonCode.GATE)])) == []
    other = {name: watch for name, watch in before.items() if name != GATE} | {GATE: before[AUDITED]}
    assert watched(promised(PROCESS, {}), other, [])[GATE].n == 0
