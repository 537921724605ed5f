"""The production set-up with real processes: PostgreSQL, Redis, API, services, workers; three of them are killed."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, func, select, text

from deployments.stack import Desk
from deployments.stack.connection import hand_over
from deployments.stack.environment import applied
from deployments.stack.processes import children
from flows import registry
from fulcrum.ai.conversation import AHEAD
from fulcrum.cases import Status
from fulcrum.ledger import Ledger
from fulcrum.ledger.tables import CaseRow, DeliveryRow, ModelCallRow, ReviewRow
from fulcrum.settings import Settings, project_root
from fulcrum.sources import read
from tests.loopback import completions_at, wait_for
from tests.production import (
    Part,
    Production,
    command_of,
    ended,
    make_run,
    pid,
    redis_client,
    running,
    stopped_at_the_end,
)

if TYPE_CHECKING:
    from uuid import UUID

    from starlette.requests import Request
    from starlette.responses import Response

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the processes are looked up in /proc"),
    pytest.mark.skipif(
        os.environ.get("FULCRUM_TEST_PRODUCTION") != "1",
        reason="two and a half minutes of both cores: FULCRUM_TEST_PRODUCTION=1 runs it",
    ),
    pytest.mark.timeout(600),
]

PROCESSES = ("invoice-intake", "ticket-triage", "complaint-response")
WORKERS = ("worker-one", "worker-two")
LATENCY, AT_ONCE = 0.5, 4
"""The model's seconds an answer, and the calls that one run may have under way."""
AT_REST = {Status.DELIVERED, Status.IN_REVIEW, Status.QUARANTINED}
"""Where a case of the samples may be at the end: done, or with a person."""


@dataclass
class Model:
    """The embedded model as an endpoint of its own: as slow as a real one, and it counts what it is asked."""

    asked: Counter[str] = field(default_factory=Counter)

    async def complete(self, request: Request) -> Response:
        from fulcrum.ai.embedded.app import complete

        self.asked[sha256(await request.body()).hexdigest()] += 1
        await asyncio.sleep(LATENCY)
        return await complete(request)


@dataclass
class Story:
    """What the set-up is put through, and what came of it."""

    production: Production
    ledger: Ledger
    model: Model
    erp: str
    """The database of the ERP that invoices are posted to."""
    help_desk: str
    """The database of the help desk that tickets are posted to."""
    killed: list[str] = field(default_factory=list)
    """The processes whose first run ended with its worker."""
    survived: dict[str, str] = field(default_factory=dict)
    """How the first runs on the other worker ended, by process."""
    again: dict[str, str] = field(default_factory=dict)
    """How the second runs of what was killed ended, by process."""


@pytest.fixture(scope="module")
def redis_database() -> Iterator[None]:
    """Empty the Redis database before and after."""
    with closing(redis_client()) as client:
        client.flushdb()
        yield
        client.flushdb()


@pytest.fixture(scope="module")
def databases(postgres_database: str) -> Iterator[Callable[[str], str]]:
    """Give a function that makes a PostgreSQL database for a purpose and gives its URL; drop them all at the end."""
    engine = create_engine(postgres_database, isolation_level="AUTOCOMMIT")
    made: list[str] = []

    def new(purpose: str) -> str:
        made.append(f"{engine.url.database}_{purpose}")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {made[-1]}"))
        return engine.url.set(database=made[-1]).render_as_string(hide_password=False)

    yield new
    with engine.connect() as connection:
        for name in made:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(scope="module")
def story(
    redis_database: None, databases: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    """Start everything, let it work, kill a worker, the API and the services, start them again, run once more."""
    home = tmp_path_factory.mktemp("production") / "home"
    settings = Settings(home=home, ledger_url=databases("ledger"), desk_port=0)
    production = Production(settings, databases("prefect").replace("+psycopg", "+asyncpg"))
    model, erp, parts = Model(), databases("erp"), dict[str, Part]()
    with ExitStack() as stack:
        address = f"http://127.0.0.1:{stack.enter_context(completions_at(model.complete))}/v1"
        stack.enter_context(stopped_at_the_end(parts))
        desk = Desk(settings)
        stack.callback(desk.stop)
        desk.start()
        _bring_up(production, parts)
        hand_over()
        stack.enter_context(applied(production.told()))
        stack.callback(hand_over)
        _configure(address, erp, desk)
        ledger = stack.enter_context(Ledger.open(settings.ledger_url))
        told = Story(production, ledger, model, erp, f"sqlite:///{home / 'help-desk.db'}")
        _work_and_strike(told, parts)
        yield told


def _bring_up(production: Production, parts: dict[str, Part]) -> None:
    """Start the parts in the order of docs/production.md: schema, API, registration, services, workers."""
    production.command("prefect", *command_of("schema"))
    parts["api"] = production.started(production.api())
    production.wait(parts["api"])
    said = production.command("deployments.cli", "bootstrap")
    assert "created deployment invoice-intake/invoice-intake" in said
    assert not production.well(), "services are not started yet"
    parts["services"] = production.started(production.services())
    for worker in (*map(production.worker, WORKERS), production.review_worker()):
        parts[worker.name] = production.started(worker)


def _configure(address: str, erp: str, desk: Desk) -> None:
    """Fill in the blocks as an operator does: the model, the ERP's table, the help desk."""
    from blocks import ModelEndpoint, SqlTarget, WebhookTarget
    from deployments.desk.secret import secret_of

    desk.wait()
    limits = {"concurrency": 8 * AT_ONCE, "worker_concurrency": AT_ONCE}
    ModelEndpoint(base_url=address, input_price=0, output_price=0, **limits).save("default", overwrite=True)
    SqlTarget(url=SecretStr(erp), table="erp_postings").save("erp-postings", overwrite=True)
    tickets = f"{desk.url}/tickets"
    secret = SecretStr(secret_of(desk._settings.home))
    WebhookTarget(url=tickets, status_url=tickets, secret=secret).save("help-desk")


def _work_and_strike(story: Story, parts: dict[str, Part]) -> None:
    """Run all processes; in the middle of one kill its worker, with all that it started, the API and the services.

    All are started again, and what was killed is run once more.
    """
    runs = {process: make_run(process) for process in PROCESSES}
    first = wait_for(lambda: _at_work(story.ledger, runs), 240)
    struck = next(name for name in WORKERS if pid(runs[first]) in {child.pid for child in children(parts[name].pid)})
    lost = {child.pid for child in children(parts[struck].pid)}
    story.killed += [process for process, run in runs.items() if pid(run) in lost]
    parts[struck].kill()
    parts["services"].kill()
    parts["api"].kill()
    time.sleep(3)
    parts["api"] = story.production.started(story.production.api())
    story.production.wait(parts["api"])
    parts["services"] = story.production.started(story.production.services())
    parts[struck] = story.production.started(story.production.worker(struck))
    second = {process: make_run(process) for process in story.killed}
    story.survived |= {process: ended(run) for process, run in runs.items() if process not in story.killed}
    story.again |= {process: ended(run) for process, run in second.items()}


def _at_work(ledger: Ledger, runs: Mapping[str, UUID]) -> str | None:
    """Name a process whose run is in the middle of asking, once every run has begun.

    One that has not would find no API as it starts, and end at once: nothing is lost then, and nothing is shown.
    """
    begun = [sum(ledger.reading.counts(process).values()) for process in runs]
    calls = _durable(ledger)
    busy = (name for name, run in runs.items() if calls.get(name, 0) > 8 and running(run))
    return next(busy, None) if all(begun) else None


def _durable(ledger: Ledger) -> dict[str, int]:
    """Count the answers that are in the ledger, by process."""
    query = select(CaseRow.process, func.count()).join(ModelCallRow, ModelCallRow.case_id == CaseRow.id)
    with ledger.store.read() as tx:
        return {row[0]: row[1] for row in tx.execute(query.group_by(CaseRow.process))}


def test_runs_on_another_worker_outlive_the_api(story: Story) -> None:
    """A run was killed with its worker; those of the other worker waited for the API and completed."""
    assert story.killed
    assert all(how.startswith("Completed") for how in story.survived.values()), story.survived
    assert {*story.killed, *story.survived} == set(PROCESSES)


def test_work_resumes(story: Story) -> None:
    """The next runs take what is left and complete; the endpoint's places and the cases' leases are free again."""
    from prefect.client.orchestration import get_client

    assert all(how.startswith("Completed") for how in story.again.values()), story.again
    with story.ledger.store.read() as tx:
        assert tx.scalar(select(func.count()).where(CaseRow.lease_token.is_not(None))) == 0

    def held() -> list[str]:
        with get_client(sync_client=True) as client:
            limits = client.read_global_concurrency_limits(limit=200, offset=0)
        return [limit.name for limit in limits if limit.active_slots]

    wait_for(lambda: not held(), seconds=90)


def test_health_is_told(story: Story) -> None:
    """The health checks of deployments/compose.yaml say of a running API, worker and services that they are well."""
    assert story.production.well()
    assert story.production.well(f"{story.production.url}/ready")
    assert story.production.well(f"http://127.0.0.1:{story.production.ports['worker-one']}/health")
    assert story.production.well(f"http://127.0.0.1:{story.production.ports['review-worker']}/health")
    assert not story.production.well(f"{story.production.url}/nothing")


def test_the_parts_talk_through_redis(story: Story) -> None:
    """Events are deduplicated there and services take their turns there: the API's and theirs are one queue."""
    with closing(redis_client()) as client:
        kinds = {key.decode().partition(":")[0] for key in client.scan_iter()}
    assert {"prefect", "message", "triggers"} <= kinds


def test_nothing_is_lost(story: Story) -> None:
    """Every case of the samples is in the ledger, and is done or with a person."""
    for process in PROCESSES:
        cases = {case.external_id: case.status for case in story.ledger.reading.cases(process)}
        assert set(cases) == _samples(process)
        assert {name: status for name, status in cases.items() if status not in AT_REST} == {}


def _samples(process: str) -> set[str]:
    """Read the names of the cases that a process's samples hold."""
    source = project_root() / "flows" / process.replace("-", "_") / "samples" / "inbox"
    return {case.external_id for case in read(str(source), case=registry.process(process).case)}


def test_nothing_is_done_twice(story: Story) -> None:
    """Each delivered case has one posting, in the ledger and in its target; no case has two reviews."""
    postings = select(DeliveryRow.case_id, DeliveryRow.target).where(DeliveryRow.effect == "posting")
    open_reviews = select(ReviewRow.case_id).where(ReviewRow.state == "open")
    with story.ledger.store.read() as tx:
        assert max(Counter(tuple(row) for row in tx.execute(postings)).values()) == 1
        assert max(Counter(tx.scalars(open_reviews)).values()) == 1
    assert _posted(story.erp, "erp_postings") == _delivered(story, "invoice-intake")
    assert _posted(story.help_desk, "tickets") == _delivered(story, "ticket-triage")


def _delivered(story: Story, process: str) -> list[str]:
    return sorted(case.id for case in story.ledger.reading.cases(process, status=Status.DELIVERED))


def _posted(url: str, table: str) -> list[str]:
    """Read from a target itself which cases were posted, once for each row; a key begins with the case."""
    engine = create_engine(url)
    with engine.connect() as connection:
        keys = list(connection.scalars(text(f"SELECT idempotency_key FROM {table}")))  # noqa: S608 - a name of the test's
    engine.dispose()
    return sorted(key.partition(":")[0] for key in keys)


def test_only_calls_under_way_are_paid_twice(story: Story) -> None:
    """No question was put three times, and no more of them twice than a killed run may have under way.

    That is what it has asked and not yet recorded: an answer that has come is under way until it is in the ledger.
    """
    assert max(story.model.asked.values()) <= 2
    repeated = sum(asked - 1 for asked in story.model.asked.values())
    assert repeated <= AT_ONCE * AHEAD * len(story.killed)


def test_people_are_shown_what_waits(story: Story) -> None:
    """Each open review is a suspended flow run, once."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter

    chosen = FlowRunFilter.model_validate({"tags": {"all_": ["review"]}, "state": {"type": {"any_": ["PAUSED"]}}})
    with get_client(sync_client=True) as client:
        shown = Counter(str(run.parameters["review_id"]) for run in client.read_flow_runs(flow_run_filter=chosen))
    assert shown == Counter(review.id for process in PROCESSES for review in story.ledger.reviews.open(process))


def test_the_audit_finds_nothing(story: Story) -> None:
    """Every case's history is whole, and what runs have published of it is there."""
    assert "Every case's history is as it was written" in story.production.command("deployments.cli", "audit", "verify")
