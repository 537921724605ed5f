"""An office that takes invoices in: a home, a ledger and an ERP of its own, on the session's one Prefect server."""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from benchmarks.loopback.invoice import invoice
from fulcrum.cases import Case, case_id_of
from tests.loopback import completions_at, wait_for
from tests.people import register

PROCESS = "invoice-intake"


def documents(names: Iterable[str]) -> list[dict[str, str]]:
    """Make a record with an invoice of its own for each name."""
    return [{"id": name, "text": invoice(number_of(name))} for name in names]


def number_of(name: str) -> str:
    """Give a number of eight digits that is the name's own."""
    return f"{crc32(name.encode()) % 90_000_000 + 10_000_000}"


def names(count: int, prefix: str = "doc", *, audited: bool = False) -> list[str]:
    """Name documents that the audit sample draws, or passes over, under the procedure as it is now."""
    from flows.invoice_intake.process import INVOICE_INTAKE
    from fulcrum.routing import draw

    def drawn(name: str) -> bool:
        return draw(case_id_of(PROCESS, name), INVOICE_INTAKE.sop_version) < INVOICE_INTAKE.review.audit_share

    candidates = (f"{prefix}-{number}" for number in itertools.count())
    return list(itertools.islice((name for name in candidates if drawn(name) is audited), count))


def write_jsonl(path: Path, records: Iterable[object]) -> str:
    """Write records one a line, in pure ASCII; return the path as a source."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="ascii")
    return str(path)


@contextmanager
def deployed_with(process: str, source: str | None) -> Iterator[None]:
    """Let the server's deployment of a process name a source, or none, for as long as the block goes on."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import DeploymentUpdate

    with get_client(sync_client=True) as client:
        found = client.read_deployment_by_name(f"{process}/{process}")
        named = {} if source is None else {"source": source}
        client.update_deployment(found.id, DeploymentUpdate(parameters=named, enforce_parameter_schema=False))
        try:
            yield
        finally:
            as_it_was = found.model_dump(include={"parameters", "enforce_parameter_schema"})
            client.update_deployment(found.id, DeploymentUpdate(**as_it_was))


@dataclass
class Office:
    """A home of its own in which the process is run in this very Python, as a worker would."""

    home: Path
    erp: Path
    """The database that the target block names."""

    @classmethod
    def found(cls, home: Path, erp: Path) -> Office:
        """Make the home's ledger."""
        from fulcrum.ledger import Ledger, migrate
        from fulcrum.settings import Settings

        home.mkdir(parents=True, exist_ok=True)
        url = Settings(home=home).ledger_url
        migrate(url)
        with Ledger.open(url) as ledger:
            register(ledger)
        return cls(home, erp)

    @contextmanager
    def ledger(self) -> Iterator[Any]:
        """Open the office's ledger."""
        from fulcrum.ledger import Ledger

        with Ledger.open(f"sqlite:///{self.home / 'ledger.db'}") as ledger:
            yield ledger

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Let the settings mean this office."""
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("FULCRUM_HOME", str(self.home))
            yield

    def run(self, source: Path | str, **options: Any) -> Any:
        """Run the process over a source; return its report."""
        from flows.invoice_intake.flow import invoice_intake
        from tasks.run import RunOptions

        with self.at_work():
            return invoice_intake(str(source), RunOptions(**options))

    def newest_run(self) -> dict[str, Any]:
        """Read the ledger's row of the run that began last."""
        with closing(sqlite3.connect(self.home / "ledger.db")) as ledger:
            ledger.row_factory = sqlite3.Row
            row = dict(ledger.execute("SELECT * FROM runs ORDER BY started_at DESC").fetchone())
        return row | {"report": json.loads(row["report"] or "{}")}

    def cases(self) -> dict[str, Case]:
        """List all cases by their external id."""
        with self.ledger() as ledger:
            return {case.external_id: case for case in ledger.reading.cases(PROCESS)}

    def history(self, external_id: str) -> Any:
        with self.ledger() as ledger:
            return ledger.reading.history(case_id_of(PROCESS, external_id))

    def broken_chains(self) -> list[str]:
        """Name the cases whose event chain does not hold."""
        with self.ledger() as ledger:
            cases = ledger.reading.cases(PROCESS)
            return [case.external_id for case in cases if not ledger.reading.history(case.id).intact]

    def statuses(self) -> Counter[str]:
        return Counter(case.status.value for case in self.cases().values())

    def postings(self) -> list[dict[str, Any]]:
        """Read what stands in the ERP for this office's cases, in the order of its making."""
        ids = {case.id for case in self.cases().values()}
        if not self.erp.exists():
            return []
        with closing(sqlite3.connect(self.erp)) as erp:
            erp.row_factory = sqlite3.Row
            rows = [dict(row) for row in erp.execute("SELECT * FROM erp_postings ORDER BY rowid")]
        return [row for row in rows if row["case_id"] in ids]

    def lapse(self, *, soon: timedelta = timedelta()) -> None:
        """Let every lease end now, or soon, instead of within its minute."""
        from sqlalchemy import update

        from fulcrum.ledger.tables import CaseRow

        with self.ledger() as ledger, ledger.store.write() as tx:
            held = update(CaseRow).where(CaseRow.lease_until.is_not(None))
            tx.execute(held.values(lease_until=ledger.store.now() + soon))

    def age(self, external_ids: Iterable[str], by: timedelta) -> None:
        """Let cases have been received earlier than they were."""
        from sqlalchemy import select, update

        from fulcrum.ledger.tables import CaseRow

        with self.ledger() as ledger, ledger.store.write() as tx:
            for case_id in (case_id_of(PROCESS, name) for name in external_ids):
                moment = tx.execute(select(CaseRow.received_at).where(CaseRow.id == case_id)).scalar_one()
                tx.execute(update(CaseRow).where(CaseRow.id == case_id).values(received_at=moment - by))


@dataclass
class ModelServer:
    """The embedded model behind a real loopback port that can be slow, or down."""

    port: int = 0
    delay: float = 0.0
    down: bool = False
    asked: list[str] = field(default_factory=list)
    """The document number of each request that came."""

    def block(self, name: str, **settings: Any) -> str:
        """Configure this server as a model-endpoint block; return its name."""
        from blocks import ModelEndpoint

        given = {"base_url": f"http://127.0.0.1:{self.port}/v1", "retries": 0, "input_price": 0, "output_price": 0}
        ModelEndpoint(**given | settings).save(name, overwrite=True)
        return name

    async def complete(self, request: Any) -> Any:
        """Answer one chat completion as the embedded model does, or not at all."""
        from starlette.responses import JSONResponse

        from fulcrum.ai.embedded.app import complete

        body = (await request.body()).decode()
        self.asked.append(body.partition("Invoice no ")[2].strip()[:8])
        if self.down:
            return JSONResponse({"error": {"message": "down"}}, 503)
        await asyncio.sleep(self.delay)
        return await complete(request)


@contextmanager
def model_server() -> Iterator[ModelServer]:
    """Run the model server in a thread, on a free port."""
    from fulcrum.ai import line

    state = ModelServer()
    with completions_at(state.complete) as state.port:
        yield state
        line.close()


@contextmanager
def own_erp(file: Path) -> Iterator[Path]:
    """Let the target block post into a database of one's own, for documents that others post as well."""
    from pydantic import SecretStr

    from blocks import SqlTarget

    before: Any = SqlTarget.load("erp-postings")
    SqlTarget(url=SecretStr(f"sqlite:///{file}"), table="erp_postings").save("erp-postings", overwrite=True)
    try:
        yield file
    finally:
        before.save("erp-postings", overwrite=True)


@dataclass
class Record:
    """What the Prefect server holds of a flow run."""

    client: Any
    run_id: str

    def logs(self) -> str:
        """Read its log, once the last line has arrived."""
        from prefect.client.schemas.filters import LogFilter

        chosen = LogFilter.model_validate({"flow_run_id": {"any_": [self.run_id]}})

        def lines() -> list[str]:
            found = [line.message for line in self.client.read_logs(chosen, limit=200)]
            return found if any("Finished in state" in line for line in found[-3:]) else []

        return "\n".join(wait_for(lines))

    def artifacts(self) -> dict[str, str]:
        """Read its artifacts by key."""
        chosen = {"artifacts": {"flow_run_id": {"any_": [self.run_id]}}}
        found = self.client.request("POST", "/artifacts/filter", json=chosen).json()
        return {item["key"]: item["data"] for item in found}

    def events(self, *, until: str) -> list[dict[str, Any]]:
        """Read its events, once one of a name has arrived."""

        def found() -> list[dict[str, Any]]:
            chosen = {"filter": {"any_resource": {"id": [f"prefect.flow-run.{self.run_id}"]}}, "limit": 50}
            events: list[dict[str, Any]] = self.client.request("POST", "/events/filter", json=chosen).json()["events"]
            return events if any(event["event"] == until for event in events) else []

        return list(wait_for(found))

    def measured(self) -> dict[str, Any]:
        """Read the report that its event carries."""
        events = self.events(until="fulcrum.run.measured")
        return next(dict(event["payload"]) for event in events if event["event"] == "fulcrum.run.measured")
