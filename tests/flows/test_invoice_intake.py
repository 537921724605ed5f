"""Invoice intake as its procedure promises it, from real documents to postings and reviews, on one real server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from flows.invoice_intake.process import FOLDER, INVOICE_INTAKE
from fulcrum.cases import case_id_of
from fulcrum.errors import GateFailed, SourceNotFound
from fulcrum.process import Autonomy
from fulcrum.report import RunReport, Standing
from tests.intake_office import (
    PROCESS,
    ModelServer,
    Office,
    Record,
    documents,
    invoice,
    model_server,
    names,
    number_of,
    own_erp,
    write_jsonl,
)
from tests.loopback import wait_for

GOLDEN = {
    record["id"]: record
    for record in map(json.loads, (FOLDER / "golden.jsonl").read_text(encoding="utf-8").splitlines())
}

FAULTS = {
    "2026-10-14_tolmerin_invoice.txt": "total does not add up",
    "2026-10-15_delmarro_supplies.txt": "supplier is not in the master",
    "2026-10-16_ferlanche_facture.txt": "IBAN differs from the supplier master",
    "2026-10-19_brzezarnia_copy.txt": "already posted or in work as a duplicate",
    "2026-10-20_kvaernholt_burrs.txt": "date is in the future",
    "2026-10-21_okkerveld_storage.txt": "currency is missing",
    "2026-10-22_clairmoulin_extra.txt": "document number is missing",
    "2026-10-26_quillbrook_inserts.txt": "IBAN differs from the supplier master",
    "2026-10-27_vaubrillon_faded_receipt.txt": "total is missing",
    "2026-11-03_rhenaport_2026-5218.pdf": "IBAN differs from the supplier master",
    "2026-11-09_mondkrug_MK-10391.pdf": "total does not add up",
    "2026-11-12_sornwick_SM-26-0099.pdf": "supplier is not in the master",
    "mail-20261109-1107": "supplier is not in the master",
}
"""The documents that are wrong on purpose, and what a person is told of each."""

UNREADABLE = {
    "2026-10-29_fax_0418.txt": "text is blank",
    "2026-11-13_okkerveld_ON26-22011.pdf": "the file is no PDF that can be read",
    "2026-11-16_scan_0031.pdf": "the file has no text in it",
}

PLANTED = "Zyxquorv"
"""A word of the documents' content that may stand in no log, artifact or event."""


def balanced(report: RunReport) -> bool:
    """Tell whether every case that a run had in hand is accounted for."""
    ends = report.quarantined + report.cleared + report.in_review + report.still_open
    return report.taken_in + report.carried_over == ends


@dataclass
class Samples:
    """The shipped samples after two runs over them."""

    office: Office
    first: RunReport
    second: RunReport
    shown: Counter[str]
    """The states of the flow runs that showed the reviews after the first run."""
    histories: dict[str, Any]

    def case(self, name: str) -> Any:
        """Find a document's case; an unreadable file's id goes on with a fingerprint."""
        return next(history.case for key, history in self.histories.items() if key.partition("#")[0] == name)


@pytest.fixture(scope="module")
def samples(prefect_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """Run the shipped samples twice, into an ERP of their own."""
    home = tmp_path_factory.mktemp("samples")
    with own_erp(home / "erp.db") as erp:
        office = Office.found(home, erp)
        first = office.run(FOLDER / "samples" / "inbox")
        shown = shown_reviews(office)
        second = office.run(FOLDER / "samples" / "inbox")
    histories = {name: office.history(name) for name in office.cases()}
    return Samples(office, first, second, shown, histories)


@pytest.fixture
def office(prefect_server: Any, tmp_path: Path) -> Office:
    """Give an empty ledger; what it posts lies with the postings of the whole session."""
    return Office.found(tmp_path / "home", prefect_server.home / "erp.db")


@pytest.fixture(scope="module")
def models(prefect_server: Any) -> Iterator[ModelServer]:
    """Give the embedded model behind a real port."""
    with model_server() as server:
        yield server


@contextmanager
def server_client() -> Iterator[Any]:
    """Give a client of the session's server."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        yield client


def shown_reviews(office: Office) -> Counter[str]:
    """Count the flow runs that show the open reviews, by their state."""
    with office.ledger() as ledger, server_client() as client:
        runs = [client.read_flow_run(UUID(str(review.flow_run_id))) for review in ledger.reviews.open(PROCESS)]
    return Counter(run.state.name for run in runs)


def test_every_sample_ends_cleared_in_review_or_quarantined(samples: Samples) -> None:
    """A run takes all documents in and leaves none open; what it reports is what the ledger holds."""
    report, statuses = samples.first, samples.office.statuses()
    assert report.taken_in == len(GOLDEN) + len(UNREADABLE)
    assert balanced(report)
    assert report.still_open == 0
    assert statuses == {
        "delivered": report.cleared, "in_review": report.in_review, "quarantined": report.quarantined,
    }  # fmt: skip
    assert report.delivered == report.cleared
    assert samples.office.broken_chains() == []


def test_what_is_sound_clears(samples: Samples) -> None:
    """At least 80% of the documents that need nobody clear, and nothing clears that a person must see."""
    cleared = {name for name, history in samples.histories.items() if history.case.route == "cleared"}
    expected = {name for name, record in GOLDEN.items() if record["expect"] == "cleared"}
    assert cleared <= expected
    assert len(cleared) >= 0.8 * len(expected)


def test_what_clears_is_right(samples: Samples) -> None:
    """Each posting of the samples has the total, currency and supplier that the document says, a credit negative."""
    by_case = {history.case.id: GOLDEN[name]["truth"] for name, history in samples.histories.items() if name in GOLDEN}
    postings = samples.office.postings()
    assert len(postings) == samples.first.cleared
    for posting in postings:
        truth = by_case[posting["case_id"]]
        sign = -1 if truth["document_kind"] == "credit_note" else 1
        assert Decimal(str(posting["total"])) == sign * abs(Decimal(truth["total"])), truth["document_number"]
        assert (posting["currency"], posting["supplier_name"]) == (truth["currency"], truth["supplier_name"])


@pytest.mark.parametrize(("name", "reason"), FAULTS.items())
def test_each_deliberate_fault_is_caught(samples: Samples, name: str, reason: str) -> None:
    """A document that is wrong on purpose goes to a person, who is told what is wrong."""
    case = samples.case(name)
    assert (case.status, case.route) == ("in_review", "review")
    assert reason in case.reason


@pytest.mark.parametrize(("name", "reason"), UNREADABLE.items())
def test_what_nobody_can_read_is_quarantined(samples: Samples, name: str, reason: str) -> None:
    """An empty file, a cut PDF and a scan are set aside with their reason."""
    case = samples.case(name)
    assert (case.status, case.reason_code) == ("quarantined", "unsound")
    assert reason in case.reason


def test_every_case_that_waits_is_shown(samples: Samples) -> None:
    """Each case in review or quarantine has one suspended flow run, the queue in the UI."""
    assert samples.shown == {"Suspended": samples.first.in_review + samples.first.quarantined}


def test_a_second_run_does_nothing_twice(samples: Samples) -> None:
    """The same inbox again: nothing is taken in, asked, posted or reported as done."""
    again = samples.second
    assert again.duplicates == samples.first.taken_in
    assert balanced(again)
    assert (again.taken_in, again.carried_over, again.model_calls, again.delivered) == (0, 0, 0, 0)
    assert len({posting["case_id"] for posting in samples.office.postings()}) == samples.first.delivered


def test_an_e_invoice_needs_no_model(samples: Samples) -> None:
    """A PDF with its XML inside is read exactly: its proposal is by rule and no model was asked about it."""
    exact = {name: history for name, history in samples.histories.items() if history.case.input.get("e_invoice")}
    assert len(exact) >= 5
    assert sum(len(history.calls) for history in exact.values()) == 0
    assert samples.first.model_calls == samples.first.proposed - len(exact)
    for name, history in exact.items():
        proposed = next(event for event in history.events if event["activity"] == "propose extract")
        assert (proposed["resource"], proposed["facts"]["kind"]) == ("rule", "rule")
        truth = GOLDEN[name]["truth"]
        assert {field: history.proposal[field] for field in truth} == truth


def test_the_originals_are_kept(samples: Samples) -> None:
    """Every file stands among the originals under the hash of its bytes, unreadable ones too."""
    files = [path for path in (FOLDER / "samples" / "inbox").iterdir() if path.suffix in {".txt", ".pdf"}]
    kept = {path.read_bytes() for path in (samples.office.home / "originals").rglob("*") if path.is_file()}
    assert kept == {path.read_bytes() for path in files}


def test_an_audit_sees_no_proposal(office: Office, client: Any) -> None:
    """A share of what would clear is reviewed blind: its form is empty, and the chance of the draw is on record."""
    drawn, passed = names(1, "audit", audited=True)[0], names(1, "audit")[0]
    report = office.run(write_jsonl(office.home / "in.jsonl", documents([drawn, passed])))
    assert (report.cleared, report.in_review, report.reasons) == (1, 1, {"audit": 1})
    for name in (drawn, passed):
        routed = next(event for event in office.history(name).events if "route" in event["facts"])
        assert routed["facts"]["audit_probability"] == INVOICE_INTAKE.review.audit_share
    review = office.history(drawn).reviews[0]
    run = client.read_flow_run(UUID(review["flow_run_id"]))
    schema = json.loads(client.read_flow_run_input(run.id, run.state.state_details.run_input_keyset["schema"]))
    prefilled = {name for name, field in schema["properties"].items() if field.get("default")}
    assert prefilled <= {"source_text"}
    assert "Tolmerin" not in run.name
    case_id = case_id_of(PROCESS, drawn)
    with office.ledger() as ledger:
        assert ledger.work.proposals([case_id])[case_id].values["total"] == "5175.00"
    assert office.history(drawn).proposal is None


@pytest.mark.parametrize("autonomy", [Autonomy.SHADOW, Autonomy.ASSISTED])
def test_below_supervised_nothing_clears(office: Office, autonomy: Autonomy) -> None:
    """A process that may only watch or help proposes, and a person decides every case."""
    with office.ledger() as ledger:
        standing = Standing(autonomy, INVOICE_INTAKE.review.threshold)
        ledger.runs.set_standing(PROCESS, standing, by="Ada Okafor", reason="a careful start")
    report = office.run(write_jsonl(office.home / "in.jsonl", documents(names(2, autonomy.value))))
    assert (report.proposed, report.cleared, report.in_review, report.delivered) == (2, 0, 2, 0)
    assert report.reasons == {"autonomy": 2}
    assert office.postings() == []


def test_a_limit_counts_new_cases(office: Office) -> None:
    """Each run takes in so many more, past those that are known, and every time all is accounted for."""
    source = write_jsonl(office.home / "in.jsonl", documents(names(5, "limit")))
    reports = [office.run(source, limit=2) for _ in range(3)]
    assert [report.taken_in for report in reports] == [2, 2, 1]
    assert [report.duplicates for report in reports] == [0, 2, 4]
    assert all(balanced(report) for report in reports)
    assert len(office.postings()) == 5


def test_what_the_budget_does_not_cover_goes_to_people(office: Office, models: ModelServer) -> None:
    """A run spends no more than it may; the cases that are left are reviewed without a proposal."""
    model = models.block("priced", output_price=1000, concurrency=1)
    source = write_jsonl(office.home / "in.jsonl", documents(names(6, "budget")))
    report = office.run(source, model=model, max_cost=Decimal("2.12"))
    assert 0 < report.ai_cost <= Decimal("2.12")
    assert report.model_calls == report.cleared > 0
    assert report.reasons == {"budget": 6 - report.cleared}
    assert balanced(report)
    waiting = [case for case in office.cases().values() if case.status == "in_review"]
    assert {case.reason for case in waiting} == {"the run's budget for AI was spent"}


def test_an_outage_delays_then_degrades_and_loses_nothing(office: Office, models: ModelServer) -> None:
    """While the model is down cases stay open, go to a person once they waited too long, or are finished later."""
    late, soon = names(2, "outage")
    source = write_jsonl(office.home / "in.jsonl", documents([late, soon]))
    model = models.block("breakable")
    models.down = True
    try:
        first = office.run(source, model=model)
        assert (first.taken_in, first.still_open, first.in_review) == (2, 2, 0)
        assert {case.status.value for case in office.cases().values()} == {"checked"}
        office.age([late], by=INVOICE_INTAKE.patience + timedelta(minutes=1))
        second = office.run(source, model=model)
    finally:
        models.down = False
    assert (second.taken_in, second.carried_over, second.degraded, second.in_review, second.still_open) == (
        0,
        2,
        1,
        1,
        1,
    )
    assert second.reasons == {"degraded": 1}
    assert "the AI gave no answer in time" in str(office.cases()[late].reason)
    third = office.run(source, model=model)
    assert (third.taken_in, third.carried_over, third.cleared, third.still_open) == (0, 1, 1, 0)
    assert all(balanced(report) for report in (first, second, third))
    assert office.statuses() == {"in_review": 1, "delivered": 1}
    assert office.broken_chains() == []


def test_a_bad_batch_fails_the_run_and_is_put_back_by_hand(
    office: Office, client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half of a batch unsound: all of it is quarantined, the run fails by the rule's name; release frees the sound."""
    from deployments.cli import main

    sound = documents(names(12, "sound"))
    source = write_jsonl(office.home / "in.jsonl", [*sound, *({"id": f"blank-{i}", "text": " "} for i in range(12))])
    with pytest.raises(GateFailed, match=r"Gate documents refused .* 12 of 24 cases fail.*Failing: characters\."):
        office.run(source)
    failed = office.newest_run()
    assert failed["state"] == "failed"
    assert "Failing: characters." in failed["error"]
    assert (failed["report"]["quarantined"], failed["report"]["taken_in"]) == (24, 24)
    assert office.statuses() == {"quarantined": 24}
    assert shown_reviews(office) == {"Suspended": 24}
    record = Record(client, failed["id"])
    assert record.measured()["quarantined"] == 24
    assert "batch refused" in record.artifacts()["invoice-intake-gate-documents"]

    with office.at_work(), pytest.raises(SystemExit) as ended:
        main(["release", PROCESS, "--by", "Ada Okafor", "--reason", "the blanks are known"])
    assert (ended.value.code, capsys.readouterr().out) == (
        0,
        "12 cases of invoice-intake are open again; the next run handles them.\n",
    )
    report = office.run(source)
    assert (report.taken_in, report.carried_over, report.cleared, report.duplicates) == (0, 12, 12, 24)
    assert office.statuses() == {"delivered": 12, "quarantined": 12}
    assert shown_reviews(office) == {"Suspended": 12}


def test_a_run_that_cannot_begin_says_so_in_the_ledger(office: Office) -> None:
    """A source that is not there fails the run with words, and the ledger keeps them with a report of nothing."""
    with pytest.raises(SourceNotFound):
        office.run(office.home / "nowhere.jsonl")
    failed = office.newest_run()
    assert failed["state"] == "failed"
    assert "no such file, folder or match" in failed["error"]
    assert failed["report"]["taken_in"] == 0


def test_prefect_sees_figures_and_no_content(office: Office, client: Any) -> None:
    """A run's report comes as an event and an artifact; logs, events and artifacts quote no document."""
    clears, stranger = names(2, "planted")
    lines = [
        json.dumps({"id": clears, "text": invoice(number_of(clears)).replace("Vibratory", PLANTED)}),
        json.dumps({"id": stranger, "text": invoice(number_of(stranger)).replace("Tolmerin", PLANTED)}),
        json.dumps({"id": "blank", "text": f"\x01\x02\x03{PLANTED}\x04" + "\x05" * 20}),
        json.dumps({"text": f"no id: {PLANTED}"}),
        f'{{"id": "broken", "text": "{PLANTED}',
    ]
    source = office.home / "in.jsonl"
    source.write_text("\n".join(lines), encoding="utf-8")
    report = office.run(source)
    assert (report.cleared, report.in_review, report.quarantined) == (1, 1, 3)
    record = Record(client, report.run_id)
    told = record.measured()
    assert told.pop("metrics")["fulcrum.cases.taken_in"] == report.taken_in
    assert told == report.model_dump(mode="json")
    artifacts = record.artifacts()
    assert set(artifacts) == {f"invoice-intake-{name}" for name in ("gate-documents", "gate-invoices", "run", "heads")}
    assert "| Taken in | 5 |" in artifacts["invoice-intake-run"]
    assert "supplier is not in the master" in artifacts["invoice-intake-gate-invoices"]
    told = {"logs": record.logs(), "artifacts": json.dumps(artifacts)}
    told["events"] = json.dumps(record.events(until="prefect.flow-run.Completed"))
    assert "Took in 5 new cases; 0 were known" in told["logs"]
    assert [where for where, words in told.items() if PLANTED in words] == []
    with office.ledger() as ledger:
        assert [event for c in office.cases().values() for event in ledger.reading.history(c.id).events
                if PLANTED in json.dumps(event["facts"])] == []  # fmt: skip


def test_after_kill_9_the_next_run_finishes(office: Office, models: ModelServer, tmp_path: Path) -> None:
    """Killed in the middle, a run leaves cases that the next one takes up: none lost, none posted or paid twice."""
    found = names(16, "killed")
    source = write_jsonl(tmp_path / "in.jsonl", documents(found))
    model = models.block("slow", worker_concurrency=2)
    models.asked.clear()
    models.delay = 0.6
    with (tmp_path / "out.txt").open("w") as out:
        running = subprocess.Popen(
            [sys.executable, "-m", "deployments.cli", "run", PROCESS, "--source", source, "--model", model],
            env={**os.environ, "FULCRUM_HOME": str(office.home)},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for(lambda: calls(office) >= 4, seconds=60)
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()
    models.delay = 0
    durable = calls(office)
    assert durable < 16
    # The dead run's cases are still held; the next run waits for them.
    office.lapse(soon=timedelta(seconds=4))
    report = office.run(source, model=model)
    assert (report.taken_in, report.carried_over, report.duplicates) == (0, 16, 16)
    assert (report.cleared, report.delivered, report.still_open) == (16, 16, 0)
    assert balanced(report)
    assert office.statuses() == {"delivered": 16}
    assert Counter(posting["case_id"] for posting in office.postings()).most_common(1)[0][1] == 1
    assert len(office.postings()) == 16
    assert calls(office) == 16
    # Asked twice were at most those that the endpoint was busy with when the run died.
    assert set(models.asked) == {number_of(name) for name in found}
    assert len(models.asked) - 16 <= 2
    assert office.broken_chains() == []


def calls(office: Office) -> int:
    """Count the model calls that are durable."""
    with office.ledger() as ledger:
        return sum(len(ledger.reading.history(case.id).calls) for case in office.cases().values())
