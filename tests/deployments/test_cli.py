"""The `fulcrum` command as programs and people meet it: JSON is a contract, messages say what to do."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flows.invoice_intake.process import FOLDER
from tests.intake_office import PROCESS, Office, deployed_with, documents, invoice, names, number_of, write_jsonl
from tests.terminal import Command, Told, in_process

REPORT = [
    "run_id", "process", "taken_in", "carried_over", "duplicates", "quarantined", "proposed", "cleared", "in_review",
    "degraded", "still_open", "delivered", "delivery_failed", "model_calls", "tokens_in", "tokens_out", "ai_cost",
    "currency", "seconds",
]  # fmt: skip
"""The fields of the report that programs rely on, in their order; others may follow."""

SAMPLES = str(FOLDER / "samples" / "inbox")

COMMANDS = [
    (), ("run",), ("demo",), ("up",), ("cases",), ("case",), ("reviews",), ("decide",), ("reopen",), ("release",),
    ("evaluate",), ("bootstrap",), ("migrate",), ("model",), ("model", "serve"), ("model", "check"), ("autonomy",),
    ("autonomy", "show"), ("autonomy", "set"), ("sop",), ("readiness",), ("examples",),
    ("examples", "load"), ("examples", "list"), ("reviewers",), ("reviewers", "add"), ("reviewers", "list"),
    ("reviewers", "remove"), ("reviewers", "enroll"), ("reviewers", "key"), ("reviewers", "report"),
]  # fmt: skip


@pytest.fixture(scope="module")
def office(prefect_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """Give a ledger that the tests of this file share."""
    return Office.found(tmp_path_factory.mktemp("cli"), prefect_server.home / "erp.db")


@pytest.fixture
def fulcrum(office: Office, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Give the command, called in this process and on the office."""
    monkeypatch.setenv("COLUMNS", "80")
    command = in_process(capfd)

    def call(*arguments: object) -> Told:
        with office.at_work():
            return command(*arguments)

    return call


@pytest.fixture
def stranger(office: Office, fulcrum: Command, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """Give the external id of a new case in review: an invoice of a supplier that nobody knows."""
    name = names(1, f"cli-{request.node.name}")[0]
    text = invoice(number_of(name)).replace("Tolmerin Fluidics B.V.", "Nobody Known GmbH")
    assert (
        fulcrum("run", PROCESS, "--source", write_jsonl(tmp_path / "one.jsonl", [{"id": name, "text": text}])).code == 0
    )
    return name


def review_of(fulcrum: Command, office: Office, name: str) -> dict[str, Any]:
    """Find the open review of a case in the list of all."""
    case_id = office.cases()[name].id
    return next(review for review in fulcrum("reviews", "--json").json if review["case_id"] == case_id)


def postings(office: Office, name: str) -> list[tuple[str, Decimal | None]]:
    """List the effect and total of what was posted for a case; a rejection has no total."""
    case_id = office.cases()[name].id
    rows = [row for row in office.postings() if row["case_id"] == case_id]
    return [(row["effect"], None if row["total"] is None else Decimal(str(row["total"]))) for row in rows]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_fits_80_columns(fulcrum: Command, command: tuple[str, ...]) -> None:
    """Every command explains itself within a terminal's width."""
    told = fulcrum(*command, "--help")
    assert told.code == 0
    assert "Usage: fulcrum" in told.out
    assert max(len(line.rstrip()) for line in told.out.splitlines()) <= 80


def alone(office: Office, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Call the command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "deployments.cli", *arguments],
        env={**os.environ, "FULCRUM_HOME": str(office.home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_run_ends_with_its_report(office: Office, tmp_path: Path) -> None:
    """`run --json` prints the report alone on standard output, exactly as promised."""
    source = write_jsonl(tmp_path / "in.jsonl", [*documents(names(2, "own-process")), {"id": "own-blank", "text": ""}])
    done = alone(office, "run", PROCESS, "--source", source, "--json")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    report = json.loads(line)
    assert list(report)[: len(REPORT)] == REPORT
    assert (report["taken_in"], report["cleared"], report["quarantined"]) == (3, 2, 1)
    assert isinstance(report["ai_cost"], str)
    assert isinstance(report["seconds"], float)


def test_a_failing_run_says_one_line(office: Office) -> None:
    """A run that fails once it has begun ends with what to do, without a traceback of Prefect's."""
    done = alone(office, "run", PROCESS, "--source", SAMPLES, "--model", "nobody", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = filter(None, map(str.strip, done.stderr.splitlines()))
    assert line.startswith("fulcrum: Model endpoint nobody cannot be used: there is no block model-endpoint/nobody;")


def test_run_shows_people_a_table(fulcrum: Command, tmp_path: Path) -> None:
    """Without --json the figures come as a table of 80 columns, and a second run says that nothing is new."""
    source = write_jsonl(tmp_path / "in.jsonl", documents(names(1, "table")))
    first, second = (fulcrum("run", PROCESS, "--source", source) for _ in range(2))
    assert re.search(r"Cleared without a person +1 \(100%\)", first.out)
    assert "Nothing new: all 1 documents were taken in before" in second.out
    assert max(len(line.rstrip()) for line in first.out.splitlines()) <= 80


def test_run_takes_what_the_process_is_deployed_with(fulcrum: Command, tmp_path: Path) -> None:
    """Where no source is given; one that is deployed with none needs one."""
    with deployed_with(PROCESS, write_jsonl(tmp_path / "in.jsonl", documents(names(1, "deployed")))):
        told = fulcrum("run", PROCESS, "--json")
    assert (told.code, told.json["taken_in"]) == (0, 1)
    with deployed_with(PROCESS, None):
        told = fulcrum("run", PROCESS)
    assert told.code == 2
    assert "invoice-intake is not deployed with a source here; give one with --source" in told.err


def test_run_reads_standard_input(fulcrum: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dash means JSON lines on standard input."""
    lines = "".join(json.dumps(record) + "\n" for record in documents(names(2, "stdin")))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    told = fulcrum("run", PROCESS, "--source", "-", "--json")
    assert (told.code, told.json["taken_in"], told.json["cleared"]) == (0, 2, 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", PROCESS, "--source", "nowhere.jsonl"), "nowhere.jsonl: no such file, folder or match. Give a"),
        (("run", PROCESS, "--source", ""), "--source is empty; give a file, a folder, a glob or -"),
        (
            ("run", "no-process", "--source", "-"),
            "There is no process no-process. The processes here are: complaint-response,",
        ),
        (("cases", "no-process"), "There is no process no-process."),
        (("case", "nocase"), "There is no case nocase. List them: fulcrum cases PROCESS"),
        (("decide", "nothing", "approve", "--reviewer", "Ada"), "There is no open review nothing."),
        (("reopen", "nocase", "--by", "Ada", "--reason", "wrong"), "There is no case nocase."),
        (("evaluate", PROCESS, "--dataset", "nowhere.jsonl"), "nowhere.jsonl"),
        (("decide", "nothing", "perhaps", "--reviewer", "Ada"), "perhaps"),
        (("decide", "nothing", "approve"), "--reviewer"),
        (("run", PROCESS, "--source", SAMPLES, "--model", "nobody"), "there is no block model-endpoint/nobody"),
        (("run", PROCESS, "--source", SAMPLES, "--limit", "0"), "Must be >= 1"),
        (("run", PROCESS, "--source", SAMPLES, "--max-cost", "-1"), "Must be >= 0"),
        (("model", "check", "nobody"), "there is no block model-endpoint/nobody"),
        (("autonomy", "set", PROCESS, "shadow", "--by", " ", "--reason", "x"), "--by and --reason are needed"),
        (("autonomy", "set", PROCESS, "wild", "--by", "Ada", "--reason", "x"), "wild"),
    ],
)
def test_what_cannot_be_done_is_said(fulcrum: Command, arguments: tuple[str, ...], words: str) -> None:
    """A wrong call ends with exit code 2 and a line that helps, on standard error and without a traceback."""
    told = fulcrum(*arguments)
    assert (told.code, told.out) == (2, "")
    assert words in told.words
    assert "Traceback" not in told.err


def test_cases_and_case_as_json(fulcrum: Command, office: Office, stranger: str) -> None:
    """`cases` lists without content, by status where asked; `case` tells the whole history by any of its names."""
    found = fulcrum("cases", PROCESS, "--status", "in_review", "--json").json
    assert all(case["status"] == "in_review" for case in found)
    row = next(case for case in found if case["external_id"] == stranger)
    assert set(row) == {
        "id", "process", "external_id", "status", "route", "reason_code", "reason", "received_at", "revision",
    }  # fmt: skip
    story = fulcrum("case", stranger, "--json").json
    parts = {"input", "outcome", "proposal", "events", "calls", "reviews", "decisions", "deliveries", "intact"}
    assert set(story) == set(row) | parts
    assert story["intact"] is True
    assert [event["activity"] for event in story["events"]] == ["receive", "check", "propose extract", "ask for review"]
    assert fulcrum("case", row["id"][:10], "--json").json == story
    shown = fulcrum("case", stranger)
    assert "The hash chain of its events is intact." in shown.out
    assert max(len(line.rstrip()) for line in shown.out.splitlines()) <= 80


def test_reviews_as_json(fulcrum: Command, office: Office, stranger: str) -> None:
    """`reviews` lists what waits, with its reason and the run that shows it."""
    review = review_of(fulcrum, office, stranger)
    assert set(review) == {
        "id", "case_id", "process", "kind", "code", "reason", "queue", "opened_at", "due_at", "flow_run_id",
    }  # fmt: skip
    assert (review["kind"], review["code"], review["queue"]) == ("decide", "gate", "accounts-payable")
    assert review["flow_run_id"]
    assert review["id"] in fulcrum("reviews").words


def test_decide_corrects_and_delivers_once(fulcrum: Command, office: Office, stranger: str) -> None:
    """An approval with a correction is posted at once; a second answer is refused and changes nothing."""
    review = review_of(fulcrum, office, stranger)["id"]
    told = fulcrum("decide", review, "approve", "--reviewer", "Ada Okafor", "--set", "total=5175.50", "rounding=0.50")
    assert told.code == 0
    assert f"{review}: approve by Ada Okafor is recorded." in told.words
    assert postings(office, stranger) == [("posting", Decimal("5175.50"))]
    story = fulcrum("case", stranger, "--json").json
    (decision,) = story["decisions"]
    assert (decision["reviewer"], decision["verdict"], decision["changed"]) == (
        "Ada Okafor", "approve", ["rounding", "total"],
    )  # fmt: skip
    assert decision["content"]["corrections"]["total"] == {"proposed": "5175.00", "decided": "5175.50"}
    assert story["status"] == "delivered"
    again = fulcrum("decide", review, "reject", "--reviewer", "Bo", "--note", "no")
    assert again.code == 1
    assert f"Review {review} was decided before: approve by Ada Okafor. This answer changed nothing." in again.words
    assert fulcrum("case", stranger, "--json").json == story


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("approve", "--reviewer", "Ada", "--set", "total=much"), "total: Input should be a valid decimal"),
        (("approve", "--reviewer", "Ada", "--set", "colour=red"), "colour is no field here; the fields are"),
        (("approve", "--reviewer", "Ada", "--set", "total="), "total must be filled in before it is approved"),
        (("approve", "--reviewer", "Ada", "--set", "total"), "--set takes field=value, not total"),
        (("approve", "--reviewer", " "), "reviewer is missing; give the name of the person who decides"),
        (("reject", "--reviewer", "Ada"), "a rejection needs its reason in the note"),
        (("repair", "--reviewer", "Ada"), "its verdict can be approve, reject, escalate, hand_on, not repair"),
    ],
)
def test_an_invalid_answer_changes_nothing(
    fulcrum: Command, office: Office, asked: str, arguments: tuple[str, ...], words: str
) -> None:
    """An answer that cannot be taken is refused with exit code 2 and what is wrong with it."""
    before = fulcrum("case", asked, "--json").json
    told = fulcrum("decide", before["reviews"][0]["id"], *arguments)
    assert (told.code, told.out) == (2, "")
    assert words in told.words
    assert fulcrum("case", asked, "--json").json == before


@pytest.fixture(scope="module")
def asked(office: Office, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the external id of one case in review that no answer decides."""
    name = names(1, "cli-asked")[0]
    text = invoice(number_of(name)).replace("Tolmerin Fluidics B.V.", "Nobody Known GmbH")
    office.run(write_jsonl(tmp_path_factory.mktemp("asked") / "one.jsonl", [{"id": name, "text": text}]))
    return name


def test_reopen_reverses_and_asks_again(fulcrum: Command, office: Office, stranger: str) -> None:
    """Reopening posts the negated amounts and puts the case back; the next approval is a posting of its own."""
    case_id = office.cases()[stranger].id
    assert fulcrum("decide", review_of(fulcrum, office, stranger)["id"], "approve", "--reviewer", "Ada").code == 0
    told = fulcrum("reopen", case_id, "--by", "Bo Larsen", "--reason", "the wrong year")
    assert told.code == 0
    assert f"{case_id} is back in review; 1 effects are reversed." in told.words
    assert postings(office, stranger) == [("posting", Decimal(5175)), ("reversal", Decimal(-5175))]
    assert office.cases()[stranger].status == "in_review"
    again = fulcrum("decide", case_id, "approve", "--reviewer", "Ada", "--set", "issued_on=2026-09-05")
    assert again.code == 0
    assert [effect for effect, _ in postings(office, stranger)] == ["posting", "reversal", "posting"]
    assert sum(total or 0 for _, total in postings(office, stranger)) == Decimal(5175)


def test_only_what_is_finished_is_reopened(fulcrum: Command, office: Office, asked: str) -> None:
    """A case that waits for a person cannot be reopened: exit code 1, and nothing has changed."""
    before = fulcrum("case", asked, "--json").json
    told = fulcrum("reopen", asked, "--by", "Bo Larsen", "--reason", "too early")
    assert told.code == 1
    assert f"Case {before['id']} is in_review; reopen is not possible from there. Nothing was changed." in told.words
    assert fulcrum("case", asked, "--json").json == before


def test_reject_escalate_and_repair(fulcrum: Command, office: Office, stranger: str, tmp_path: Path) -> None:
    """Escalation moves a case to its owner's queue, where a rejection closes it; a repaired case runs again."""
    assert fulcrum("decide", review_of(fulcrum, office, stranger)["id"], "escalate", "--reviewer", "Ada").code == 0
    moved = review_of(fulcrum, office, stranger)
    assert (moved["queue"], moved["code"]) == ("accounts-payable-lead", "escalated")
    assert fulcrum("decide", moved["id"], "reject", "--reviewer", "Cy", "--note", "not ours").code == 0
    assert office.cases()[stranger].status == "closed"
    assert postings(office, stranger) == [("rejection", None)]
    mended = names(1, "mended")[0]
    source = write_jsonl(tmp_path / "blank.jsonl", [{"id": mended, "text": " "}])
    assert fulcrum("run", PROCESS, "--source", source, "--json").json["quarantined"] == 1
    repair = review_of(fulcrum, office, mended)
    assert repair["kind"] == "repair"
    text = invoice(number_of(mended))
    assert fulcrum("decide", repair["id"], "repair", "--reviewer", "Ada", "--set", f"text={text}").code == 0
    report = fulcrum("run", PROCESS, "--source", source, "--json").json
    assert (report["carried_over"], report["cleared"]) == (1, 1)


def test_evaluate_measures_without_the_ledger(fulcrum: Command, office: Office, tmp_path: Path) -> None:
    """The last line has the figures of each field that the truth has; predictions are a record a line."""
    golden = [json.loads(line) for line in (FOLDER / "golden.jsonl").read_text(encoding="utf-8").splitlines()[:5]]
    dataset = write_jsonl(
        tmp_path / "set.jsonl",
        [
            {"id": r["id"], "text": r["text"], "truth": {k: r["truth"][k] for k in ("total", "issued_on")}}
            for r in golden
        ],
    )
    before, predictions = office.statuses(), tmp_path / "said.jsonl"
    told = fulcrum("evaluate", PROCESS, "--dataset", dataset, "--json", "--predictions", predictions)
    assert told.code == 0
    assert list(told.json) == ["process", "records", "fields", "ai_cost", "seconds"]
    assert (told.json["process"], told.json["records"]) == (PROCESS, 5)
    assert set(told.json["fields"]) == {"total", "issued_on"}
    assert all(set(figures) == {"accuracy", "answered", "n"} for figures in told.json["fields"].values())
    lines = [json.loads(line) for line in predictions.read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in lines] == [record["id"] for record in golden]
    assert all(set(line) == {"id", "outcome", "confidence", "correct"} for line in lines)
    assert all(set(line["correct"]) == {"total", "issued_on"} for line in lines)
    right = sum(line["correct"]["total"] for line in lines) / 5
    assert told.json["fields"]["total"]["accuracy"] == pytest.approx(right)
    assert office.statuses() == before


def test_model_check_names_what_matters(fulcrum: Command) -> None:
    """`model check` asks once and names price, latency, schema support and the source of confidence."""
    told = fulcrum("model", "check")
    assert told.code == 0
    assert re.search(r"answers +yes", told.out)
    assert re.search(r"latency +\d+\.\d{3} s", told.out)
    assert re.search(r"price per million tokens +0 in, 0 out USD", told.out)
    assert re.search(r"JSON schema +followed", told.out)
    assert re.search(r"confidence from +", told.out)


def test_model_check_of_a_dead_endpoint_fails(fulcrum: Command) -> None:
    """An endpoint that does not answer is said to be one, with exit code 1."""
    from blocks import ModelEndpoint

    ModelEndpoint(base_url="http://127.0.0.1:9/v1", retries=0, input_price=0, output_price=0).save(
        "dead", overwrite=True
    )
    told = fulcrum("model", "check", "dead")
    assert told.code == 1
    assert re.search(r"answers +no: ", told.out)


def test_autonomy_is_set_and_told(fulcrum: Command) -> None:
    """Who set what a process may do alone, when and why, comes newest first."""
    for level in ("shadow", "supervised"):
        told = fulcrum("autonomy", "set", PROCESS, level, "--by", "Ada Okafor", "--reason", f"try {level}")
        assert told.code == 0
    newest, before = fulcrum("autonomy", "show", PROCESS, "--json").json[:2]
    assert (newest["autonomy"], newest["set_by"], newest["reason"]) == ("supervised", "Ada Okafor", "try supervised")
    assert (before["autonomy"], before["threshold"]) == ("shadow", newest["threshold"])


def test_migrate_and_bootstrap_say_when_there_is_nothing_to_do(fulcrum: Command) -> None:
    """Both are safe to repeat."""
    assert "is current." in fulcrum("migrate").words
    # An endpoint's block that another test made since has no limit yet.
    fulcrum("bootstrap")
    assert "Nothing to change." in fulcrum("bootstrap").words
