"""An upgrade: what an older release has queued is decided under this one, once each, in the forms of then."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from benchmarks.loopback.invoice import invoice
from deployments.stack import ReviewWorker
from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.answering import Said
from fulcrum.cases import ReviewKind, Status, Verdict, case_id_of
from fulcrum.deciding import decide
from fulcrum.ledger import Ledger, migrate
from fulcrum.ledger.migrate import HEAD, revision_of
from fulcrum.settings import Settings
from tests import older_release
from tests.intake_office import PROCESS, documents, number_of, write_jsonl
from tests.loopback import wait_for
from tests.older_ledger import copy, migrate_to
from tests.own_server import server_of_its_own
from tests.review_desk import TEXT
from tests.terminal import Told, called

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

    from fulcrum.ledger import History

REVISION = "0005"
"""The schema of the older release's ledger."""

UNCLEAR = ("approved", "corrected", "rejected", "handed on", "answered before", "with a delivery note")
"""Documents whose sums do not add up, so that a person is asked."""
ADA, BELA = "Ada Okafor", "Bela Novak"


def arrived() -> list[dict[str, str]]:
    """Give what has come in: documents that clear, some that do not, and one that nobody can read."""
    unclear = {name: TEXT.replace("2024-17", number_of(name)) for name in UNCLEAR}
    unclear["with a delivery note"] += "Delivery note: DN-4711\n"
    unclear["unreadable"] = " "
    clear = documents(f"clear {number}" for number in range(len(UNCLEAR) + 2))
    return [*clear, *({"id": name, "text": text} for name, text in unclear.items())]


@dataclass
class Office:
    """A home with its server, before and after the upgrade."""

    settings: Settings
    url: str
    client: SyncPrefectClient
    ledger_then: Path
    """The ledger as the older release has left it, for whoever wants one of their own."""
    asked: dict[str, str] = field(default_factory=dict)
    """The flow run that asked about each document before the upgrade."""
    told: list[Told] = field(default_factory=list)
    """What bootstrap said: asked what it would do, twice done, asked again."""
    standing: list[Any] = field(default_factory=list)
    """What was registered before the upgrade, and after bootstrap was asked what it would do."""

    def run(self, name: str) -> FlowRun:
        return self.client.read_flow_run(UUID(self.asked[name]))

    def shown(self, name: str, part: str) -> Any:
        """Read a part of the form that a document's run shows."""
        run = self.run(name)
        assert run.state is not None
        key = (run.state.state_details.run_input_keyset or {})[part]
        return json.loads(self.client.read_flow_run_input(run.id, key))

    def answer(self, name: str, **said: Any) -> None:
        """Submit the form as a UI does: what it holds at first, and what the person has put in."""
        fields = self.shown(name, "schema")["properties"]
        held = {name: each["default"] for name, each in fields.items() if "default" in each}
        result = self.client.resume_flow_run(UUID(self.asked[name]), run_input=held | said)
        assert result.status == "ACCEPT", result.details

    def came_of(self, name: str) -> str:
        """Wait until a worker has taken the answer that was submitted; say how the run stands then."""

        def settled() -> str | None:
            state = self.run(name).state
            assert state is not None
            return f"{state.name}: {state.message}" if state.is_final() or state.is_paused() else None

        return str(wait_for(settled))

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        with Ledger.open(self.settings.ledger_url) as ledger:
            yield ledger

    def history(self, name: str) -> History:
        with self.ledger() as ledger:
            return ledger.reading.history(case_id_of(PROCESS, name))

    def posted(self, name: str) -> list[dict[str, Any]]:
        """Read what stands in the ERP for a document."""
        with closing(sqlite3.connect(self.settings.home / "erp.db")) as erp:
            erp.row_factory = sqlite3.Row
            rows = erp.execute("SELECT * FROM erp_postings WHERE external_id = ?", [name]).fetchall()
        return [dict(row) for row in rows]

    def showing(self) -> dict[str, str]:
        """Read which flow run asks about each document."""
        query = "SELECT c.external_id, r.flow_run_id FROM reviews r JOIN cases c ON c.id = r.case_id"
        with closing(sqlite3.connect(self.settings.home / "ledger.db")) as ledger:
            return dict(ledger.execute(f"{query} WHERE r.state = 'open'").fetchall())

    def registered(self) -> Any:
        """Read what bootstrap may change: schema, deployments, blocks with their schemas, automations."""
        deployments = self.client.read_deployments()
        blocks = self.client.read_block_documents()
        return (
            revision_of(self.settings.ledger_url),
            {each.name: (each.version, each.work_queue_name, each.parameter_openapi_schema) for each in deployments},
            {(each.block_type_name, each.name): each.block_schema_id for each in blocks},
            sorted(each.name for each in self.client.read_automations()),
        )


@pytest.fixture(scope="module")
def before(make_home: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Let the older release register itself and run; then stop it."""
    from prefect.client.orchestration import get_client

    folder = tmp_path_factory.mktemp("upgrade")
    settings = Settings(home=make_home(folder / "home"))
    with ExitStack() as stack:
        server = stack.enter_context(server_of_its_own(settings))
        source = write_jsonl(folder / "in.jsonl", arrived())
        people = [("reviewers", "add", name) for name in (ADA, BELA)]
        run = ("run", PROCESS, "--source", source)
        older = older_release.unpack(folder / "older")
        older_release.run(older, settings, server.url, ("bootstrap",), *people, run)
        client = stack.enter_context(get_client(sync_client=True))
        office = Office(settings, server.url, client, folder / "then.db")
        _age_ledger(office)
        office.asked |= office.showing()
        yield office


def _age_ledger(office: Office) -> None:
    """Put in the ledger's place one of the older schema, with all that it has a place for."""
    now, then = office.settings.home / "ledger.db", office.ledger_then
    migrate_to(f"sqlite:///{then}", REVISION)
    copy(f"sqlite:///{now}", f"sqlite:///{then}")
    for file in now.parent.glob("ledger.db*"):
        file.unlink()
    shutil.copy(then, now)


@pytest.fixture(scope="module")
def office(before: Office) -> Iterator[Office]:
    """Upgrade as docs/production.md says: somebody has answered with the workers stopped; bootstrap; workers."""
    before.answer("answered before", verdict="approve", reviewer=ADA)
    before.standing.append(before.registered())
    before.told.append(called("bootstrap", "--check"))
    before.standing.append(before.registered())
    before.told += [called("bootstrap"), called("bootstrap"), called("bootstrap", "--check")]
    worker = ReviewWorker(before.settings, before.url, pool="reviews", limit=4)
    try:
        worker.start()
        yield before
    finally:
        worker.stop()


def test_bootstrap_says_what_it_changes_and_changes_it_once(office: Office) -> None:
    """Asked what it would do it does nothing, and says the same; the second time there is nothing to do."""
    asked, first, second, after = office.told
    assert office.standing[0] == office.standing[1]
    assert [f"to be {line}" for line in first.out.splitlines()] == asked.out.splitlines()
    assert set(first.out.splitlines()) >= {
        f"updated ledger {HEAD}",
        "updated block type sql-target",
        "updated block sql-target/erp-postings",
        "updated deployment invoice-intake/invoice-intake",
        "updated deployment review-case/review-case",
        f"deleted automation {older_release.GONE}",
    }
    assert [told.code for told in office.told] == [1, 0, 0, 0]
    assert {second.out, after.out} == {"Nothing to change.\n"}


def test_what_was_filled_in_is_shown_with_the_fields_of_now(office: Office) -> None:
    """A block of the older schema has the field that is new, and what stood in it."""
    from blocks import SqlTarget

    document = office.client.read_block_document_by_name("erp-postings", "sql-target")
    assert document.block_schema is not None
    assert "schema_name" in document.block_schema.fields["properties"]
    target = SqlTarget.load("erp-postings")
    assert isinstance(target, SqlTarget)
    assert target.url.get_secret_value() == f"sqlite:///{office.settings.home / 'erp.db'}"


def test_the_queue_goes_on_as_it_was(office: Office) -> None:
    """The clock of this release shows nothing anew and takes nothing down."""
    from flows.operations.review_desk import review_desk

    office.came_of("answered before")
    before = office.showing()
    assert before.items() <= office.asked.items()
    assert review_desk(PROCESS, return_state=True).is_completed()
    assert office.showing() == before
    assert {state.is_paused() for name in before if (state := office.run(name).state)} == {True}


def test_an_approval_takes_effect_as_it_was_proposed(office: Office) -> None:
    """What the form of then did not ask for is what the AI has read, not what a person has cleared."""
    assert "line_items" not in office.shown("approved", "schema")["properties"]
    office.answer("approved", verdict="approve", reviewer=ADA)
    assert office.came_of("approved") == f"Completed: approve by {ADA}; delivered 1"
    history = office.history("approved")
    assert (history.case.status, history.intact) == (Status.DELIVERED, True)
    assert [(said["reviewer"], said["content"]["corrections"]) for said in history.decisions] == [(ADA, {})]
    assert [line["amount"] for line in history.outcome["line_items"]] == ["100.00", "900.00"]
    (row,) = office.posted("approved")
    assert (row["effect"], row["decided_by"], row["purchase_order"]) == ("posting", ADA, None)


def test_a_correction_in_the_form_of_then_is_posted(office: Office) -> None:
    """And is the only one on record; the decision names the procedure that the proposal was made under."""
    office.answer("corrected", verdict="approve", reviewer=ADA, total="1210.00", iban="LU280019400644750000")
    assert office.came_of("corrected") == f"Completed: approve by {ADA}; delivered 1"
    history = office.history("corrected")
    (decision,) = history.decisions
    assert set(decision["content"]["corrections"]) == {"iban"}
    assert decision["sop_version"] not in {None, INVOICE_INTAKE.sop_version}
    (row,) = office.posted("corrected")
    assert row["iban"] == "LU280019400644750000"


def test_a_rejection_is_told_once(office: Office) -> None:
    """With its reason."""
    office.answer("rejected", verdict="reject", reviewer=ADA, note="not our order")
    assert office.came_of("rejected") == f"Completed: reject by {ADA}; delivered 1"
    (row,) = office.posted("rejected")
    assert (row["effect"], row["note"]) == ("rejection", "not our order")
    assert (office.history("rejected").case.status, office.history("rejected").intact) == (Status.CLOSED, True)


def test_a_case_is_handed_on_in_the_form_of_now(office: Office) -> None:
    """The colleague is asked what this release asks, and decides once."""
    office.answer("handed on", verdict="hand_on", reviewer=ADA, colleague=BELA)
    assert office.came_of("handed on").startswith("Suspended")
    asked = office.shown("handed on", "schema")["properties"]
    assert {"purchase_order", "line_items"} <= set(asked)
    assert "delivery_note" not in asked
    assert f"for:{BELA}" in office.run("handed on").tags
    office.answer("handed on", verdict="approve", reviewer=BELA, purchase_order="PO-7")
    assert office.came_of("handed on") == f"Completed: approve by {BELA}; delivered 1"
    (row,) = office.posted("handed on")
    assert (row["purchase_order"], row["decided_by"]) == ("PO-7", BELA)
    assert office.history("handed on").intact


def test_an_answer_from_before_the_upgrade_counts(office: Office) -> None:
    """Submitted while no worker ran, it waited in the queue of then, and is taken once."""
    assert office.came_of("answered before") == f"Completed: approve by {ADA}; delivered 1"
    assert [row["decided_by"] for row in office.posted("answered before")] == [ADA]
    assert office.history("answered before").intact


def test_what_is_asked_for_no_more_is_not_lost_in_silence(office: Office) -> None:
    """Who approves a form with something in such a field is asked again, and finds what they typed."""
    name = "with a delivery note"
    assert office.shown(name, "schema")["properties"]["delivery_note"]["default"] == "DN-4711"
    office.answer(name, verdict="approve", reviewer=ADA, note="as seen", tax="209.00")
    assert office.came_of(name).startswith("Suspended")
    assert "delivery_note is asked for no more" in office.shown(name, "description").replace("\\", "")
    again = office.shown(name, "schema")["properties"]
    assert (again["tax"]["default"], again["note"]["default"]) == ("209.00", "as seen")
    assert [line["amount"] for line in again["line_items"]["default"]] == ["100.00", "900.00"]
    office.answer(name, verdict="approve", tax="210.00")
    assert office.came_of(name) == f"Completed: approve by {ADA}; delivered 1"
    assert len(office.posted(name)) == 1
    assert office.history(name).intact


def test_what_was_set_aside_is_repaired(office: Office) -> None:
    """And is open again for the next run."""
    office.answer("unreadable", verdict="repair", reviewer=ADA, text=invoice("88888888"))
    assert office.came_of("unreadable").startswith(f"Completed: repair by {ADA}")
    assert (office.history("unreadable").case.status, office.history("unreadable").intact) == (Status.RECEIVED, True)


def test_no_history_has_a_flaw(office: Office) -> None:
    """Nor is anything missing of what the older release has published."""
    told = called("audit", "verify")
    assert told.code == 0, told.words
    assert "Every case's history is as it was written" in told.words


def test_an_older_ledger_is_brought_to_this_release(before: Office, ledger_url: str) -> None:
    """On either database: what waited still waits, and is decided with its history whole."""
    migrate_to(ledger_url, REVISION)
    copy(f"sqlite:///{before.ledger_then}", ledger_url)
    assert migrate(ledger_url) == REVISION
    with Ledger.open(ledger_url) as ledger:
        waiting = {review.case_id: review for review in ledger.reviews.open(PROCESS)}
        assert set(waiting) == {case_id_of(PROCESS, name) for name in before.asked}
        for name, verdict in {"approved": Verdict.APPROVE, "rejected": Verdict.REJECT}.items():
            review = waiting[case_id_of(PROCESS, name)]
            assert review.kind is ReviewKind.DECIDE
            decide(ledger, INVOICE_INTAKE, review.id, Said(verdict=verdict, reviewer=BELA, note="seen"))
        assert len(ledger.reviews.open(PROCESS)) == len(waiting) - 2
        cases = ledger.reading.cases(PROCESS)
        assert len(cases) == len(arrived())
        assert all(ledger.reading.history(case.id).intact for case in cases)
