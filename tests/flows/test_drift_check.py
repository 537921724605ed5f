"""The drift check as deployed: what it notices is an artifact, an event and, for a broken promise, a level less."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deployments.cli import main
from fulcrum.cases import ReasonCode, ReviewKind
from fulcrum.checking import JUDGED_EVERY, check
from tests.loopback import wait_for
from tests.ticket_shop import INTENTS, PROCESS, Shop, german


@pytest.fixture
def shop(prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("FULCRUM_HOME", str(tmp_path))
    made = Shop.opened(tmp_path)
    made.now = datetime.now(UTC) - timedelta(days=1)
    return made


def events(client: Any, name: str, since: datetime) -> list[dict[str, Any]]:
    """Read the events of a name that tell of the process, once one is there."""
    chosen = {"filter": {"event": {"name": [name]}, "occurred": {"since": since.isoformat()}}, "limit": 50}

    def found() -> list[dict[str, Any]]:
        told = client.request("POST", "/events/filter", json=chosen).json()["events"]
        return [
            event for event in told if event["resource"]["prefect.resource.id"] == f"fulcrum.process.{PROCESS.name}"
        ]

    return list(wait_for(found))


def test_a_shift_is_an_event_and_an_artifact_without_content(shop: Shop, client: Any, capsys: Any) -> None:
    """The event names what drifted; the artifact has the sentences and charts; the terminal says the same."""
    from flows.operations.drift_check import drift_check

    began = datetime.now(UTC)
    shop.handle(JUDGED_EVERY)
    with shop.ledger() as ledger:
        check(ledger, PROCESS)
    shop.handle(JUDGED_EVERY, text=german, intents=INTENTS[:1])
    state = drift_check(PROCESS.name, return_state=True)
    assert state.message == "ticket-triage: drifted"
    (event,) = events(client, "fulcrum.drift.detected", began)
    assert {"input language", "output intent"} <= set(event["payload"]["found"])
    assert event["payload"]["owner"] == PROCESS.owner.name
    chosen = {"artifacts": {"key": {"any_": ["ticket-triage-drift"]}}}
    (artifact,) = client.request("POST", "/artifacts/filter", json=chosen).json()
    assert "data:image/svg+xml;base64," in artifact["data"]
    assert not [word for word in ("Maschine", "grinder", "tropft") if word in artifact["data"]]
    assert drift_check(PROCESS.name, return_state=True).message == "ticket-triage: 0 of 500 cases for the next report"
    assert len(events(client, "fulcrum.drift.detected", began)) == 1
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["drift", PROCESS.name])
    said = capsys.readouterr().out
    assert "Ticket triage: drifted (500 cases against 500" in said
    assert "gate failures" in said


def test_a_broken_promise_lowers_the_process_and_says_so(shop: Shop, client: Any, capsys: Any) -> None:
    """Two events, and the owner reads in the terminal what was found and how to say that they have looked."""
    from flows.operations.drift_check import drift_check

    began = datetime.now(UTC)
    shop.handle(40, code=ReasonCode.AUDIT, kind=ReviewKind.AUDIT, wrong=0.9)
    assert drift_check(PROCESS.name, return_state=True).message == "ticket-triage: lowered to assisted"
    (broken,) = events(client, "fulcrum.promise.broken", began)
    (lowered,) = events(client, "fulcrum.autonomy.lowered", began)
    assert (broken["payload"]["subject"], lowered["payload"]["autonomy"]) == ("audited error", "assisted")
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["autonomy", PROCESS.name])
    said = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    assert "promise broken: audited error" in said
    assert "lowered from supervised to assisted" in said
    assert f"fulcrum autonomy set {PROCESS.name} LEVEL" in said
    with pytest.raises(SystemExit):
        main(["autonomy", "set", PROCESS.name, "shadow", "--by", "Owner", "--reason", "looked into it"])
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["autonomy", PROCESS.name])
    assert "promise broken: audited error, " not in capsys.readouterr().out


def test_the_deputy_hears_of_a_level_that_was_taken_and_of_no_ticket(
    shop: Shop, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody takes it on for a quarter of an hour; a promise that costs no level is for the morning."""
    from blocks import load_ledger
    from flows.operations.drift_check import drift_check
    from tasks.alarms import pass_on

    monkeypatch.setattr("tasks.alarms.PATIENCE", timedelta(0))
    began = datetime.now(UTC)
    shop.handle(40, code=ReasonCode.GATE)
    shop.handle(40, code=ReasonCode.AUDIT, kind=ReviewKind.AUDIT, wrong=0.9)
    drift_check(PROCESS.name)
    with load_ledger() as ledger:
        alarms = {alarm.subject: alarm for alarm in ledger.alarms.standing()}
        assert set(alarms) == {"gate failures", "audited error"}
        assert pass_on(ledger, {PROCESS.name: PROCESS}) == 1
    told = wait_for(lambda: (found := events(client, "fulcrum.autonomy.lowered", began)) and len(found) == 2 and found)
    (passed,) = [event["payload"] for event in told if "for" in event["payload"]]
    assert passed["for"] == f"{PROCESS.deputy.name} <{PROCESS.deputy.email}>"
    assert f"Take it on: fulcrum alerts ack {alarms['audited error'].id[:8]} --by NAME" in passed["body"]


def test_an_alarm_that_a_killed_check_has_not_said_is_said_by_the_next(shop: Shop, client: Any) -> None:
    """The ledger has it, whoever found it."""
    from flows.operations.drift_check import drift_check

    began = datetime.now(UTC)
    shop.handle(40, code=ReasonCode.GATE)
    with shop.ledger() as ledger:
        check(ledger, PROCESS)
        assert ledger.watching.unsaid(PROCESS.name)
    drift_check(PROCESS.name)
    (event,) = events(client, "fulcrum.promise.broken", began)
    assert event["payload"]["subject"] == "gate failures"
    with shop.ledger() as ledger:
        assert ledger.watching.unsaid(PROCESS.name) == []
