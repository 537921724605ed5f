"""Housekeeping as deployed: contents, originals, forms, names and artifacts that have had their time go; facts stay."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.cases import Review, Verdict
from fulcrum.errors import UnknownProcess
from fulcrum.ledger import Ledger
from fulcrum.settings import Settings, settings
from tests.loopback import wait_for
from tests.own_server import server_of_its_own
from tests.review_desk import ReviewDesk, proposed

PROCESS = INVOICE_INTAKE.name
LONG_AGO = datetime.now(UTC) - INVOICE_INTAKE.retention - timedelta(days=1)


@dataclass
class Desk:
    """The review desk of the session's server, and a client."""

    reviews: ReviewDesk
    client: Any

    @property
    def ledger(self) -> Ledger:
        return self.reviews.ledger

    def shown(self) -> Review:
        """Bring an invoice before a person, in the UI."""
        from tasks.review import publish

        review = self.reviews.ask(proposed(total="1210.00"))
        publish(self.ledger, INVOICE_INTAKE, case_ids={review.case_id}, client=self.client)
        return self.ledger.reviews.find(review.id)

    def decided(self) -> Review:
        """Bring an invoice before a person, who rejects it, and tell its target."""
        from pydantic import SecretStr

        from blocks import SqlTarget
        from fulcrum.answering import Said
        from fulcrum.deciding import decide
        from fulcrum.delivery import deliver_due
        from tasks.review import resolve

        review = self.shown()
        said = Said(verdict=Verdict.REJECT, reviewer="Ada", note="not ours")
        decide(self.ledger, INVOICE_INTAKE, review.id, said)
        # A target of its own: whatever other tests made of the block, what is told here arrives.
        erp = SqlTarget(url=SecretStr(f"sqlite:///{settings().home / 'housekeeping.db'}"), table="erp_postings")
        deliver_due(self.ledger, INVOICE_INTAKE, {"sql-target/erp-postings": erp}, case_ids=[review.case_id])
        history = self.ledger.reading.history(review.case_id)
        assert history.case.status == "closed", [(d["state"], d["error"]) for d in history.deliveries]
        resolve(self.ledger, [review.id], client=self.client)
        return review

    def run(self, review: Review) -> Any:
        return self.client.read_flow_run(UUID(str(review.flow_run_id)))

    def long_ago(self) -> Review:
        """Bring an invoice before a person and to its end, before the process's retention."""
        with Ledger.open(settings().ledger_url, clock=lambda: LONG_AGO) as ledger:
            review = Desk(ReviewDesk(ledger), self.client).decided()
        self._ended_long_ago(self.run(review).id)
        return review

    def _ended_long_ago(self, run_id: UUID) -> None:
        """Write the end of a run into the server's own database: no API sets it."""
        file = settings().home / "prefect" / "prefect.db"
        with closing(sqlite3.connect(file, timeout=30)) as database, database:
            change = "UPDATE flow_run SET end_time = ? WHERE id = ?"
            moment = f"{LONG_AGO:%Y-%m-%d %H:%M:%S.%f}"
            assert database.execute(change, [moment, str(run_id)]).rowcount == 1

    def artifact(self, run_id: UUID, key: str) -> str:
        """Leave an artifact of a run."""
        body = {"key": key, "type": "markdown", "data": "| a | 1 |", "flow_run_id": str(run_id)}
        return str(self.client.request("POST", "/artifacts/", json=body).json()["id"])

    def artifacts(self, *ids: str) -> set[str]:
        chosen = {"artifacts": {"id": {"any_": list(ids)}}}
        return {item["id"] for item in self.client.request("POST", "/artifacts/filter", json=chosen).json()}


@pytest.fixture(scope="module")
def own_home(make_home: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give a server and a ledger of its own: what is erased and counted is this module's alone."""
    from deployments.bootstrap import bootstrap

    chosen = Settings(home=make_home(tmp_path_factory.mktemp("housekeeping") / "home"))
    with server_of_its_own(chosen) as server:
        bootstrap(server.url, chosen)
        yield


@pytest.fixture
def desk(own_home: None) -> Iterator[Desk]:
    from prefect.client.orchestration import get_client

    reviews = ReviewDesk.open()
    with get_client(sync_client=True) as client:
        yield Desk(reviews, client)
    reviews.ledger.close()


def done_events(client: Any, since: datetime) -> list[dict[str, Any]]:
    chosen = {
        "filter": {"event": {"name": ["fulcrum.housekeeping.done"]}, "occurred": {"since": since.isoformat()}},
        "limit": 50,
    }
    return list(wait_for(lambda: client.request("POST", "/events/filter", json=chosen).json()["events"]))


def test_what_has_had_its_time_goes_from_ledger_and_server(desk: Desk) -> None:
    """The old case's contents, its run's name, form and tags, and an old run's artifact; nothing of a younger case."""
    from flows.operations.housekeeping import housekeeping
    from tasks.review_forms import form_keys, save_form

    began = datetime.now(UTC)
    old, young, waiting = desk.long_ago(), desk.decided(), desk.shown()
    before = desk.run(old).name
    left = desk.artifact(desk.run(old).id, f"old-{uuid4().hex[:8]}")
    kept = desk.artifact(desk.run(young).id, f"young-{uuid4().hex[:8]}")
    (dossier,) = desk.ledger.reviews.dossiers([waiting])
    from fulcrum.forms import form_of

    # What a server that was killed in between has left of a decided review.
    save_form(desk.client, desk.run(young).id, form_of(INVOICE_INTAKE, dossier), 1)

    would = housekeeping(PROCESS, dry_run=True, return_state=True)
    assert would.message == "would erase 1 cases, 0 originals"
    assert desk.run(old).name == before
    assert desk.ledger.retention.erased([old.case_id]) == set()
    assert desk.artifacts(left, kept) == {left, kept}

    done = housekeeping(PROCESS, return_state=True)
    assert done.message == "erased 1 cases, 0 originals"
    assert desk.ledger.retention.erased([old.case_id, young.case_id, waiting.case_id]) == {old.case_id}
    assert (desk.run(old).name, set(desk.run(old).tags)) == (old.case_id, {PROCESS, "review"})
    assert desk.run(young).name != young.case_id
    assert form_keys(desk.client, desk.run(young).id) == []
    assert len(form_keys(desk.client, desk.run(waiting).id)) == 2
    assert desk.artifacts(left, kept) == {kept}
    assert desk.ledger.reading.history(old.case_id).intact

    (event,) = done_events(desk.client, began)
    counts = event["payload"]["processes"][PROCESS]
    assert (counts["cases"], counts["reviews_renamed"]) == (1, 1)
    # Other tests of the session, whose runs were killed, may have left forms as well.
    assert counts["forms_deleted"] >= 1
    assert event["payload"]["artifacts_removed"] == 1
    chosen = {"artifacts": {"key": {"any_": ["housekeeping"]}}}
    shown = desk.client.request("POST", "/artifacts/filter", json=chosen).json()
    assert all(PROCESS in item["data"] and old.case_id not in item["data"] for item in shown)
    assert len(shown) >= 2

    again = housekeeping(return_state=True)
    assert again.message == "erased 0 cases, 0 originals"


def test_an_answer_that_waits_to_be_taken_is_not_deleted(desk: Desk) -> None:
    """A review's run that died with the answer in hand is run again with it, however long ago it died."""
    from prefect.states import Crashed

    from flows.operations.housekeeping import housekeeping
    from tasks.review_forms import form_keys

    review = desk.shown()
    run = desk.run(review)
    desk.client.set_flow_run_state(run.id, Crashed(), force=True)
    housekeeping(PROCESS)
    assert len(form_keys(desk.client, run.id)) == 2
    assert desk.run(review).name == run.name


def test_an_original_of_an_erased_case_is_removed(desk: Desk) -> None:
    """The file that it came in, in the home of the worker."""
    from sqlalchemy import update

    from flows.operations.housekeeping import housekeeping
    from fulcrum.ledger.tables import CaseRow
    from fulcrum.sources.originals import Originals

    originals = Originals(settings().home / "originals")
    digest = originals.keep(f"%PDF {uuid4()}".encode(), ".pdf")
    os.utime(originals.path(digest), (LONG_AGO.timestamp(), LONG_AGO.timestamp()))
    young, old = desk.decided(), desk.long_ago()
    with desk.ledger.store.write() as tx:
        tx.execute(update(CaseRow).where(CaseRow.id.in_([young.case_id, old.case_id])).values(original=digest))
    assert housekeeping(PROCESS, return_state=True).message == "erased 1 cases, 0 originals"
    with desk.ledger.store.write() as tx:
        tx.execute(update(CaseRow).where(CaseRow.id == young.case_id).values(original=None))
    path: Path = originals.path(digest)
    assert housekeeping(PROCESS, return_state=True).message == "erased 0 cases, 1 originals"
    assert not path.exists()


def test_a_process_that_there_is_not_is_refused(desk: Desk) -> None:
    """In words, before anything is erased."""
    from flows.operations.housekeeping import housekeeping

    with pytest.raises(UnknownProcess):
        housekeeping("nothing-here")
