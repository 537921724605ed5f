"""Each alert on the real Prefect server: its cause, the automation, and the message as it arrives over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.alerts import CAUSES, Severity
from fulcrum.errors import GateFailed, StackError
from fulcrum.report import Standing
from tests.intake_office import PROCESS, Office, documents, names, write_jsonl
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

    def forget(self, *subjects: str) -> None:
        """Wait for further messages of these subjects."""
        for subject in subjects:
            del self.messages[subject]

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


@pytest.mark.parametrize("kind", sorted(set(CAUSES) - {"run.failed", "run.crashed", "run.missing"}))
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


def test_a_page_that_nobody_takes_goes_to_the_deputy(
    channel: Channel, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, with how to take it on; a ticket that stands does not, nor a page that somebody looks after."""
    from tasks.alarms import pass_on, tell_once

    processes = {PROCESS: INVOICE_INTAKE}
    subject = "[page] Invoice intake: deliveries failing"
    channel.messages.pop(subject, None)
    with office.ledger() as ledger:
        tell_once(ledger, INVOICE_INTAKE, "deliveries.failing", {"deliveries": 3})
        tell_once(ledger, INVOICE_INTAKE, "ai.degraded", {"without an answer": 1})
        tell_once(ledger, INVOICE_INTAKE, "run.failed", {"run": "1"})
        alarm, _ticket, taken = ledger.alarms.standing()
        assert f"Take it on: fulcrum alerts ack {alarm.id[:8]} --by NAME" in channel.wait(subject)
        channel.forget(subject)
        ledger.alarms.acknowledge(taken.id, "Ada Okafor")
        assert pass_on(ledger, processes) == 0
        monkeypatch.setattr("tasks.alarms.PATIENCE", timedelta(0))
        assert pass_on(ledger, processes) == 1
        body = channel.wait(subject)
        assert f"for {INVOICE_INTAKE.deputy.name} <{INVOICE_INTAKE.deputy.email}>" in body
        assert f"fulcrum alerts ack {alarm.id[:8]}" in body
        assert pass_on(ledger, processes) == 0


def _process_run(client: Any, state: Any) -> Any:
    """Make a run of the process at the server that stands as given, as a worker's that was killed."""
    deployment = client.read_deployment_by_name("invoice-intake/invoice-intake")
    run = client.create_flow_run_from_deployment(deployment.id)
    client.set_flow_run_state(run.id, state, force=True)
    return run


def _looked_into(client: Any, run: Any) -> bool:
    """Tell whether an automation has started the flow that looks into a run."""
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName

    runs = client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=["incident"])), limit=200)
    return any(each.parameters == {"run_id": str(run.id)} for each in runs)


def _incident(office: Office, run: Any) -> str:
    """Look into a run, as the worker of the pool does."""
    from flows.operations.incident import incident

    with office.at_work():
        return str(incident(str(run.id), return_state=True).message)


def _incidents(client: Any, run: Any) -> list[Any]:
    """Read what lies at a run."""
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

    at = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]))
    return list(client.read_artifacts(artifact_filter=at))


def test_a_crashed_run_is_looked_into_and_told_once(channel: Channel, client: Any, office: Office) -> None:
    """It could say nothing itself; its incident lies at the run, and the next run that completes says it is over."""
    from prefect.states import Crashed

    run = _process_run(client, Crashed())
    wait_for(lambda: _looked_into(client, run))
    before = channel.count
    assert _incident(office, run) == "It crashed: its incident is told."
    body = channel.wait("[page] Invoice intake: run crashed")
    assert INVOICE_INTAKE.owner.email in body
    assert "Look: fulcrum cases invoice-intake" in body
    (artifact,) = _incidents(client, run)
    assert artifact.key == "invoice-intake-incident"
    assert "run crashed" in artifact.data
    assert _incident(office, run) == "Its incident is told."
    office.run(write_jsonl(office.home / "good.jsonl", documents(names(1, "after"))))
    channel.wait("[over] Invoice intake: run crashed")
    assert channel.count == before + 2


def test_a_crash_that_nobody_could_look_into_is_found_by_the_clock(client: Any, office: Office) -> None:
    """Once, though it stands nowhere in the ledger; where the first look was killed after telling, it is shown now."""
    from prefect.states import Crashed

    from tasks.alarms import tell_once
    from tasks.crashes import look_back

    run = _process_run(client, Crashed())
    with office.ledger() as ledger:
        tell_once(ledger, INVOICE_INTAKE, "run.crashed", {"run": str(run.id)})
        for _ in range(2):
            look_back(ledger, client, INVOICE_INTAKE)
            assert len(_incidents(client, run)) == 1
        assert [alarm.kind for alarm in ledger.alarms.standing()] == ["run.crashed"]
        ledger.alarms.end(PROCESS, "run.crashed")
        look_back(ledger, client, INVOICE_INTAKE)
        assert ledger.alarms.standing() == []


def test_a_run_that_could_say_itself_that_it_failed_is_not_told_twice(client: Any, office: Office) -> None:
    """As one that was asked to end: it tells, and the server notes a crash after it."""
    from prefect.states import Crashed

    run = _process_run(client, Crashed())
    with office.ledger() as ledger:
        standing = Standing(INVOICE_INTAKE.autonomy, INVOICE_INTAKE.review.threshold)
        ledger.runs.begin(str(run.id), PROCESS, sop_version="s", prompt_version="p", standing=standing)
        ledger.runs.end(str(run.id), {}, error="it was asked to end")
    assert _incident(office, run) == "It has said itself that it failed."
    with office.ledger() as ledger:
        assert ledger.alarms.standing() == []


def _beat(run: Any) -> None:
    """Give a sign of life of a run, as Prefect's engine does."""
    from prefect.events import emit_event

    emit_event(
        "prefect.flow-run.heartbeat",
        resource={"prefect.resource.id": f"prefect.flow-run.{run.id}"},
        related=[
            {"prefect.resource.id": f"prefect.tag.{tag}", "prefect.resource.role": "tag"}
            for tag in ("process", PROCESS)
        ],
    )


def test_a_run_that_falls_silent_is_looked_into_and_marked(
    client: Any, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is declared, with ten seconds in place of two minutes; what lives after all is left alone."""
    from prefect.states import Running

    from flows.operations import incident as flow_of_it

    run = _process_run(client, Running())
    wait_for(lambda: _heard(client, run, "prefect.flow-run.Running"))
    with _shortened(client, "run silent", 10):
        _beat(run)
        wait_for(lambda: _looked_into(client, run))
    with ThreadPoolExecutor(1) as thread:
        looking = thread.submit(copy_context().run, _incident, office, run)
        while not looking.done():
            _beat(run)
            time.sleep(0.2)
        assert looking.result() == "It lives."
    monkeypatch.setattr(flow_of_it, "PATIENCE", timedelta(seconds=3))
    assert _incident(office, run) == "It gave no sign of life and is marked as crashed."
    assert client.read_flow_run(run.id).state.is_crashed()


def _heard(client: Any, run: Any, event: str) -> bool:
    """Tell whether the server has an event of a run."""
    wanted = {"event": {"name": [event]}, "resource": {"id": [f"prefect.flow-run.{run.id}"]}}
    return bool(client.request("POST", "/events/filter", json={"filter": wanted}).json()["events"])


@contextmanager
def _shortened(client: Any, name: str, seconds: int) -> Iterator[None]:
    """Declare an automation a second time, with a window of seconds."""
    from deployments.automations import PREFIX, Refers, automation, read

    _, stanzas = read()
    stanza = next(each for each in stanzas if each["name"] == f"{PREFIX}{name}")
    block = client.read_block_document_by_name("fulcrum-alerts", "custom-webhook").id
    incident = client.read_deployment_by_name("incident/incident").id
    short = stanza | {"name": f"{name}, soon", "trigger": stanza["trigger"] | {"within": seconds}}
    made = client.create_automation(
        automation(short, Refers(dict.fromkeys(Severity, block), {"incident/incident": incident}))
    )
    try:
        yield
    finally:
        client.delete_automation(made)


def _desk_completes(client: Any) -> None:
    from prefect.states import Completed

    deployment = client.read_deployment_by_name("review-desk/review-desk")
    run = client.create_flow_run_from_deployment(deployment.id)
    client.set_flow_run_state(run.id, Completed(), force=True)


def test_a_deployment_that_does_not_complete_in_its_window_is_told(channel: Channel, client: Any) -> None:
    """The dead man's switch as it is declared, with seconds in place of half an hour; then the deputies hear of it."""
    with _shortened(client, "review-desk silent", 10), _shortened(client, "review-desk still silent", 11):
        _desk_completes(client)
        body = channel.wait("[page] review-desk: no successful run in half an hour")
        assert "Mend: prefect deployment run review-desk/review-desk" in body
        assert INVOICE_INTAKE.owner.email in body
        channel.wait(f"[page] review-desk: still no successful run, for {_deputies()}")


def _deputies() -> str:
    from flows.registry import readable

    return ", ".join(sorted({f"{each.deputy.name} <{each.deputy.email}>" for each in readable()}))


def test_that_it_completes_again_is_told(channel: Channel, client: Any) -> None:
    """After its silence was told, under the switch's own name."""
    from prefect.events import emit_event

    emit_event(
        "prefect.automation.triggered",
        resource={
            "prefect.resource.id": "prefect.automation.1",
            "prefect.resource.name": "fulcrum: review-desk silent",
        },
    )
    time.sleep(2)
    _desk_completes(client)
    channel.wait("[over] review-desk: no successful run in half an hour")


def test_a_process_on_a_schedule_that_does_not_run_is_told(channel: Channel, client: Any, office: Office) -> None:
    """Once two of its starts came to nothing; a schedule that is off is not missed."""
    from prefect.states import Scheduled

    from tasks.schedules import GRACE, say_missing

    deployment = client.read_deployment_by_name("invoice-intake/invoice-intake")
    for times in (1, 2):
        due = datetime.now(UTC) - times * GRACE - timedelta(seconds=9)
        client.create_flow_run_from_deployment(deployment.id, state=Scheduled(scheduled_time=due))
    with office.ledger() as ledger:
        say_missing(ledger, client, INVOICE_INTAKE)
        assert ledger.alarms.standing() == []
        (schedule,) = deployment.schedules
        client.update_deployment_schedule(deployment.id, schedule.id, active=True)
        try:
            say_missing(ledger, client, INVOICE_INTAKE)
            say_missing(ledger, client, INVOICE_INTAKE)
        finally:
            client.update_deployment_schedule(deployment.id, schedule.id, active=False)
        assert [alarm.kind for alarm in ledger.alarms.standing()] == ["run.missing"]
    body = channel.wait("[page] Invoice intake: run missing")
    assert "Look: fulcrum doctor" in body


def test_a_pool_that_loses_its_worker_is_told_and_that_it_has_one_again(channel: Channel, client: Any) -> None:
    """As the server notices it."""
    from prefect.client.schemas.actions import WorkPoolCreate

    def sign(seconds: int) -> None:
        told = {"name": "one", "heartbeat_interval_seconds": seconds}
        client.request("POST", "/work_pools/lonely/workers/heartbeat", json=told)

    page, over = "[page] pool lonely: no worker", "[over] pool lonely: no worker"
    client.create_work_pool(WorkPoolCreate(name="lonely", type="process"))
    try:
        # A new pool has no worker yet, which is told as well.
        assert "Halt: fulcrum halt --all" in channel.wait(page)
        sign(1)
        channel.wait(over)
        channel.forget(page, over)
        with _shortened(client, "pool still without a worker", 10):
            channel.wait(page)
            channel.wait(f"[page] pool lonely: still no worker, for {_deputies()}")
        sign(30)
        channel.wait(over)
    finally:
        client.delete_work_pool("lonely")


def test_tickets_may_go_another_way_than_pages(client: Any, tmp_path: Path) -> None:
    """Each through the block of its severity; one that is not on the server is named."""
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    from deployments.automations import FILE, PREFIX, apply

    other = tmp_path / "automations.yaml"
    told = FILE.read_text(encoding="utf-8")
    other.write_text(told.replace("ticket: custom-webhook/fulcrum-alerts", "ticket: custom-webhook/quiet"), "utf-8")
    with pytest.raises(StackError, match="custom-webhook/quiet, which is not on the server"):
        list(apply(client, file=other))
    CustomWebhookNotificationBlock(name="quiet", url="http://127.0.0.1:1/").save("quiet")
    try:
        changed = {name.removeprefix(PREFIX) for name, _ in apply(client, file=other)}
    finally:
        list(apply(client))
        client.delete_block_document(client.read_block_document_by_name("quiet", "custom-webhook").id)
    tickets = {kind.replace(".", " ") for kind, cause in CAUSES.items() if cause.severity is Severity.TICKET}
    tickets = (tickets - {"ai degraded", "review overdue"}) | {"AI degraded", "reviews due"}
    assert changed == tickets | {"drift-check silent", "housekeeping silent"}


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
