"""Each alert on the real Prefect server: its cause, the automation, and the message as it arrives over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.alerts import CAUSES
from fulcrum.errors import GateFailed
from tests.intake_office import Office, documents, names, write_jsonl
from tests.loopback import Asked, http, receiver, wait_for


@dataclass
class Channel:
    """What has arrived, by its subject."""

    messages: dict[str, str] = field(default_factory=dict)
    count: int = 0

    def take(self, asked: Asked) -> bytes:
        told = json.loads(asked.body)
        self.messages[told["subject"]] = told["body"]
        self.count += 1
        return http(204)

    def wait(self, subject: str) -> str:
        return str(wait_for(lambda: self.messages.get(subject)))


@pytest.fixture(scope="module")
def channel(prefect_server: Any) -> Iterator[Channel]:
    """Point the block that alerts go through at a receiver."""
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    block: Any = CustomWebhookNotificationBlock.load("fulcrum-alerts")
    before = block.url
    found = Channel()
    with receiver(found.take) as url:
        block.url = url
        block.save("fulcrum-alerts", overwrite=True)
        yield found
        block.url = before
        block.save("fulcrum-alerts", overwrite=True)


@pytest.fixture
def office(prefect_server: Any, tmp_path: Path) -> Office:
    return Office.found(tmp_path / "home", tmp_path / "erp.db")


@pytest.mark.parametrize("kind", sorted(set(CAUSES) - {"run.failed"}))
def test_what_fulcrum_tells_arrives(channel: Channel, office: Office, kind: str) -> None:
    """From the event to the message: whole, with the counts of the ledger and without a template left in it."""
    from tasks.alarms import tell

    with office.ledger() as ledger:
        tell(ledger, INVOICE_INTAKE, kind, {"of": 3})
    body = channel.wait(f"[{CAUSES[kind].severity}] Invoice intake: {kind.replace('.', ' ')}")
    assert "Cases: none" in body
    assert f"Runbook: {CAUSES[kind].runbook}" in body
    assert "{{" not in body


def test_a_failed_run_is_told_once_and_its_end_is_told(channel: Channel, office: Office) -> None:
    """Failing again is the same cause; the run that completes says that it is over."""
    blanks = write_jsonl(office.home / "in.jsonl", [{"id": f"blank-{i}", "text": " "} for i in range(6)])
    with pytest.raises(GateFailed):
        office.run(blanks)
    body = channel.wait("[page] Invoice intake: run failed")
    assert "Cases: 6 quarantined" in body
    more = write_jsonl(office.home / "more.jsonl", [{"id": f"more-{i}", "text": " "} for i in range(6)])
    before = channel.count
    with pytest.raises(GateFailed):
        office.run(more)
    office.run(write_jsonl(office.home / "good.jsonl", documents(names(1, "told"))))
    channel.wait("[over] Invoice intake: run failed")
    assert channel.count == before + 1


def test_a_crashed_run_is_told_by_the_server(channel: Channel, client: Any) -> None:
    """It could say nothing itself; a crash of what is no process is not told so."""
    from prefect.states import Crashed

    deployment = client.read_deployment_by_name("invoice-intake/invoice-intake")
    run = client.create_flow_run_from_deployment(deployment.id)
    client.set_flow_run_state(run.id, Crashed(), force=True)
    body = channel.wait("[page] invoice-intake: run crashed")
    assert "Look: fulcrum cases invoice-intake" in body


def test_a_deployment_that_does_not_complete_in_its_window_is_told(channel: Channel, client: Any) -> None:
    """The dead man's switch as it is declared, with ten seconds in place of half an hour."""
    from deployments.automations import automation, read

    _, stanzas = read()
    stanza = next(each for each in stanzas if each["trigger"].get("posture") == "Proactive")
    block = client.read_block_document_by_name("fulcrum-alerts", "custom-webhook").id
    short = stanza | {"name": "ten seconds", "trigger": stanza["trigger"] | {"within": 10}}
    made = client.create_automation(automation(short, block))
    try:
        body = channel.wait("[page] review-desk: no successful run in half an hour")
        assert "Mend: prefect deployment run review-desk/review-desk" in body
    finally:
        client.delete_automation(made)


def test_a_pool_that_loses_its_worker_is_told_and_that_it_has_one_again(channel: Channel, client: Any) -> None:
    """As the server notices it."""
    from prefect.client.schemas.actions import WorkPoolCreate

    client.create_work_pool(WorkPoolCreate(name="lonely", type="process"))
    try:
        client.request(
            "POST", "/work_pools/lonely/workers/heartbeat", json={"name": "one", "heartbeat_interval_seconds": 1}
        )
        channel.wait("[page] pool lonely: no worker")
        client.request(
            "POST", "/work_pools/lonely/workers/heartbeat", json={"name": "one", "heartbeat_interval_seconds": 30}
        )
        channel.wait("[over] pool lonely: no worker")
    finally:
        client.delete_work_pool("lonely")


def test_automations_are_applied_once(client: Any) -> None:
    """A second time changes nothing; what was changed is mended, what is no longer declared goes, others stay."""
    from prefect.events.schemas.automations import AutomationCore

    from deployments.automations import PREFIX, apply

    assert list(apply(client)) == []
    (one,) = client.read_automations_by_name(f"{PREFIX}gate failed")
    as_made = AutomationCore.model_validate(one.model_dump(exclude={"id", "owner_resource"}))

    def like(**changes: Any) -> AutomationCore:
        return as_made.model_copy(update=changes)

    client.update_automation(one.id, like(description="changed", enabled=False))
    client.create_automation(like(name=f"{PREFIX}of an older release"))
    mine = client.create_automation(like(name="an operator's own"))
    expected = [(f"{PREFIX}gate failed", "updated"), (f"{PREFIX}of an older release", "deleted")]
    assert list(apply(client, check=True)) == expected
    assert list(apply(client)) == expected
    assert list(apply(client)) == []
    (mended,) = client.read_automations_by_name(f"{PREFIX}gate failed")
    assert not mended.enabled
    assert client.read_automation(mine) is not None
    client.delete_automation(mine)
    client.update_automation(mended.id, as_made)
