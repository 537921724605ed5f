"""What a process must have before it is deployed: invoice intake has it, and each thing that is missing is told."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from deployments.readiness import (
    FEWEST_CASES,
    GOLDEN,
    Line,
    Readiness,
    Score,
    Subject,
    Verdict,
    checklist,
    readiness,
    target_types,
)
from deployments.readiness.checklist import unsound
from deployments.readiness.syntax import STEPS, direct_problems, flow_problems
from flows.invoice_intake.process import FOLDER, INVOICE_INTAKE
from flows.registry import names, process
from fulcrum.ai.endpoint import Endpoint
from fulcrum.due import Due, WorkingHours
from fulcrum.errors import DefinitionError, UnknownProcess
from fulcrum.evaluation import evaluate, load
from fulcrum.process import Autonomy, Process, Stage, StepKind
from fulcrum.sop import FileState

ROOT = Path(__file__).resolve().parents[2]

Change = Callable[[Subject], Subject]


@pytest.fixture(scope="module")
def golden() -> tuple[dict[str, Any], ...]:
    """Give the truths of invoice intake's golden set."""
    return tuple(record.truth for record in load(FOLDER / GOLDEN, INVOICE_INTAKE))


@pytest.fixture
def ready(golden: tuple[dict[str, Any], ...]) -> Subject:
    """Give invoice intake as the checks see it, with its prompt committed and all that is personal marked."""
    definition = replace(INVOICE_INTAKE, personal=(*INVOICE_INTAKE.personal, "e_invoice"))
    return Subject(process=definition, root=ROOT, golden=golden, targets=frozenset({"sql-target", "folder-target"}))


def line_of(found: Readiness, check: str) -> Line:
    """Find a line of the list."""
    (line,) = (line for line in found.lines if line.check == check)
    return line


def test_invoice_intake_is_ready(ready: Subject) -> None:
    """Every line passes but the score, which nobody has measured; each says why."""
    found = checklist(ready)
    assert {line.check: line.verdict for line in found.lines if line.verdict is not Verdict.PASSED} == {
        "golden score": Verdict.UNMEASURED
    }
    assert found.ready
    assert all(line.why for line in found.lines)
    assert len({line.check for line in found.lines}) == len(found.lines)
    assert not any(line.remedy for line in found.lines if line.verdict is Verdict.PASSED)


@pytest.mark.parametrize("name", names())
def test_every_process_keeps_to_the_standard_steps(name: str) -> None:
    """What lies in `flows/` goes to a model, a database or the network through the standard steps alone."""
    definition = process(name)
    assert flow_problems(definition.folder, name) == []
    assert direct_problems(definition.folder) == []


def defined(**changes: Any) -> Change:
    """Change the definition."""
    return lambda subject: replace(subject, process=replace(subject.process, **changes))


def part(name: str, /, **changes: Any) -> Change:
    """Change a part of the definition, such as its owner."""
    return lambda subject: defined(**{name: replace(getattr(subject.process, name), **changes)})(subject)


def around(**changes: Any) -> Change:
    """Change what the surroundings say."""
    return lambda subject: replace(subject, **changes)


def _raising(_values: object) -> str:
    raise KeyError("name")


ONLY_RECORDED = tuple(
    replace(gate, rules=tuple(replace(rule, severity="info") for rule in gate.rules))
    if gate.stage is Stage.OUTCOME
    else gate
    for gate in INVOICE_INTAKE.gates
)
OF_KIND = {kind: tuple(s for s in INVOICE_INTAKE.steps if s.kind is not kind) for kind in StepKind}
SCORE = Score(model="m", records=40, answered=40, fields=200, right=190, sure=20, wrong=1)


class Person(BaseModel):
    """What is known of a customer."""

    email: str
    phone_number: str | None = None


class Letter(BaseModel):
    """A customer's letter."""

    id: str
    sender_address: str
    writers: tuple[Person, ...] = ()


BROKEN: list[tuple[str, Change, str]] = [
    ("gates", defined(gates=INVOICE_INTAKE.gates[1:]), "before the AI step extract"),
    ("gates", defined(gates=INVOICE_INTAKE.gates[:1]), "after the AI step extract"),
    ("gates", defined(gates=ONLY_RECORDED), "after the AI step extract"),
    ("gates", defined(steps=OF_KIND[StepKind.AI]), "name no AI step"),
    ("a person behind", part("review", queue=" "), "review.queue"),
    ("a person behind", part("owner", queue="TODO"), "owner.queue"),
    ("a person behind", defined(steps=OF_KIND[StepKind.HUMAN]), "none that a person does"),
    ("a person behind", part("review", due=Due(within=timedelta(0))), "no time"),
    (
        "a person behind",
        part("review", due=Due(within=timedelta(1), hours=WorkingHours(country="XX"))),
        "holidays of XX",
    ),
    ("a person behind", part("review", label=_raising), "raises KeyError"),
    ("a person behind", part("review", label=lambda _values: None), "no text"),
    ("a person behind", part("review", label=lambda _values: " "), "names no case"),
    ("owner and on-call", part("owner", name="TODO: who?"), "owner.name"),
    ("owner and on-call", part("owner", email="somebody"), "owner.email"),
    ("owner and on-call", part("deputy", email="a b@c.d"), "deputy.email"),
    ("owner and on-call", part("deputy", email=INVOICE_INTAKE.owner.email.upper()), "the deputy is the owner"),
    ("owner and on-call", defined(on_call=" "), "on_call"),
    ("golden set", around(golden=({},) * (FEWEST_CASES - 1)), f"29 different cases, needed {FEWEST_CASES}"),
    ("golden set", around(golden=(), golden_problem="there is none"), "there is none"),
    ("golden score", around(score=replace(SCORE, wrong=2)), "2 of the 20 it is sure of are wrong"),
    ("golden score", around(score=replace(SCORE, answered=0, sure=0, wrong=0)), "no usable answer"),
    ("prompt", around(prompts=((FileState.CHANGED, ""),)), "changed since its last commit"),
    ("prompt", around(prompts=((FileState.UNTRACKED, ""),)), "not in the repository"),
    ("prompt", around(prompts=((FileState.UNKNOWN, "git is not installed"),)), "git is not installed"),
    ("prompt", defined(ai_steps=(replace(INVOICE_INTAKE.ai_steps[0], prompt=FOLDER / "no.md"),)), "not filled in"),
    ("delivery", defined(targets=("sql-target/a", "fax-target/b")), "fax-target/b"),
    ("delivery", defined(targets=("sql-target",)), "sql-target names no"),
    ("objectives", part("objectives", manual_rate=1.5), "manual_rate is 1.5"),
    ("objectives", part("objectives", error_rate=float("nan")), "error_rate is nan"),
    ("objectives", part("objectives", currency="USD"), "in USD"),
    ("objectives", part("objectives", cycle_time_p95=timedelta(0)), "cycle_time_p95"),
    ("objectives", part("objectives", cost_per_case=Decimal("NaN")), "cost_per_case"),
    ("baseline", part("baseline", source="TBD"), "source"),
    ("baseline", part("baseline", cost_per_case=Decimal(-1)), "cost_per_case"),
    ("tests", around(root=FOLDER), "is not there"),
    (
        "data classes",
        defined(personal=("supplier_name", "iban", "sender", "text")),
        "e_invoice (it holds iban, supplier_name)",
    ),
    ("data classes", defined(personal=("supplier_name", "text", "e_invoice", "sender")), "iban is not marked"),
    ("data classes", defined(case=Letter, personal=("iban",)), "writers (it holds email, phone_number)"),
    ("data classes", defined(case=Letter, personal=("iban", "writers")), "sender_address is not marked"),
    ("retention", defined(retention=timedelta(0)), "before the case is finished"),
    ("autonomy", part("review", audit_share=0.0), "audit_share is 0"),
    ("autonomy", part("review", threshold=0.0), "threshold is 0"),
]


@pytest.mark.parametrize(("check", "change", "why"), BROKEN, ids=[f"{name}: {why}" for name, _, why in BROKEN])
def test_what_is_missing_fails_its_line(ready: Subject, check: str, change: Change, why: str) -> None:
    """One thing is taken away: its line fails, says why and how to mend it, and the process is not ready."""
    found = checklist(change(ready))
    line = line_of(found, check)
    assert line.verdict is Verdict.FAILED
    assert why in line.why
    assert line.remedy
    assert not found.ready
    others = [other.check for other in found.lines if other.verdict is Verdict.FAILED and other.check != check]
    assert others == []


def test_every_check_has_been_seen_to_fail() -> None:
    """The tables of this file break each line of the list."""
    broken = {check for check, _, _ in BROKEN} | {"definition", "standard steps", "nothing direct"}
    assert broken == {line.check for line in checklist(Subject(process=INVOICE_INTAKE, root=ROOT)).lines}


def test_a_score_within_the_promise_passes(ready: Subject) -> None:
    """One wrong of twenty that the model is sure of is the 5% that invoice intake promises."""
    line = line_of(checklist(replace(ready, score=SCORE)), "golden score")
    assert line.verdict is Verdict.PASSED
    assert "95.0% of the required fields of 40 cases right" in line.why


def test_who_never_acts_alone_may_be_wrong(ready: Subject) -> None:
    """Below supervised a person decides every case, so the score is told and holds nothing up; nor does the audit."""
    assisted = defined(autonomy=Autonomy.ASSISTED, max_autonomy=Autonomy.ASSISTED)(ready)
    unsure = part("review", audit_share=0.0)(replace(assisted, score=replace(SCORE, wrong=20)))
    assert checklist(unsure).ready


def test_the_score_is_the_models(golden: tuple[dict[str, Any], ...]) -> None:
    """Asked now, the embedded model reads the golden set and is right where it is sure."""
    records = load(FOLDER / GOLDEN, INVOICE_INTAKE)[:12]
    found = Score.of(INVOICE_INTAKE, evaluate(INVOICE_INTAKE, Endpoint(name="default"), records), "embedded")
    assert found.records == found.answered == 12
    assert found.fields == 12 * len(INVOICE_INTAKE.review.required)
    assert 0 < found.sure <= 12
    assert found.wrong <= found.sure - 1
    assert found.right > found.fields / 2


# What the syntax tree shows

FLOW = (FOLDER / "flow.py").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a copy of the folder's code, to be broken."""
    copy = tmp_path / "flows" / "invoice_intake"
    copy.mkdir(parents=True)
    for file in FOLDER.glob("*.py"):
        shutil.copy(file, copy)
    return copy


def judged(folder: Path) -> tuple[list[str], list[str]]:
    """Read a folder's flow and all that it imports."""
    return flow_problems(folder, "invoice-intake"), direct_problems(folder)


@pytest.mark.parametrize(
    "line",
    [
        "import openai",
        "from prefect import task",
        "import prefect",
        "from fulcrum.ledger import Ledger",
        "from fulcrum import gates",
        "import os",
        "from flows.ticket_triage.gates import GATE",
        "from flows.invoice_intake_two import x",
        "from ..operations import review_case",
        "import tasksmith",
    ],
)
def test_the_flow_imports_the_standard_steps_alone(folder: Path, line: str) -> None:
    """Anything else is named with its line."""
    (folder / "flow.py").write_text(FLOW + f"\n{line}\n", encoding="utf-8")
    (problem,) = judged(folder)[0]
    assert problem.startswith(f"flow.py:{len(FLOW.splitlines()) + 2} imports ")


@pytest.mark.parametrize(
    "line",
    [
        "from tasks.metrics import report",
        "import tasks.metrics",
        "from fulcrum.process import Stage",
        "from fulcrum.report import RunReport",
        "from .gates import DOCUMENT_GATE",
        "from . import gates",
        "from typing import Any",
        "from datetime import date",
    ],
)
def test_the_flow_may_import_what_it_is_made_of(folder: Path, line: str) -> None:
    """Tasks, its own folder, the definition, the report, and the names of types."""
    (folder / "flow.py").write_text(FLOW + f"\n{line}\n", encoding="utf-8")
    assert judged(folder) == ([], [])


@pytest.mark.parametrize("step", STEPS)
def test_the_flow_takes_every_standard_step(folder: Path, step: str) -> None:
    """A step that is left out is named; without gates no case is safe."""
    (folder / "flow.py").write_text(FLOW.replace(f"{step}(", "skip(").replace(f"{step}.submit(", "skip("), "utf-8")
    assert judged(folder)[0] == [f"the flow never calls {step}"]


def test_one_gate_is_not_enough(folder: Path) -> None:
    """The outcome gate left out of the flow is noticed, though the definition has it."""
    (folder / "flow.py").write_text(FLOW.replace("check(run, proposed, INVOICE_GATE)", "proposed"), "utf-8")
    assert judged(folder)[0] == ["the flow calls check once: a gate before and one after"]


def test_a_flow_must_be_there(folder: Path) -> None:
    """No file, no Python, no flow of the process's name."""
    (folder / "flow.py").write_text(FLOW.replace('name="invoice-intake"', 'name="other"'), "utf-8")
    assert "no function that is @flow" in judged(folder)[0][0]
    (folder / "flow.py").write_text("def (", encoding="utf-8")
    assert judged(folder)[0] == ["flow.py cannot be read (SyntaxError)"]
    (folder / "flow.py").unlink()
    assert judged(folder)[0] == ["flow.py cannot be read (FileNotFoundError)"]


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("import openai", "a model"),
        ("from openai import OpenAI", "a model"),
        ("from fulcrum.ai.ask import Inquiry", "a model"),
        ("from fulcrum.ai import ask", "a model"),
        ("import sqlalchemy.orm as orm", "a database"),
        ("import psycopg", "a database"),
        ("import sqlite3", "a database"),
        ("from fulcrum.ledger import Ledger", "the ledger"),
        ("import httpx", "the network"),
        ("import requests", "the network"),
        ("import urllib.request", "the network"),
        ("from urllib import request", "the network"),
        ("from aiohttp import ClientSession", "the network"),
        ("import http.client", "the network"),
        ("import subprocess", "another program"),
        ("from importlib import import_module", "a module by its name"),
        ("from flows.ticket_triage import gates", "another process"),
        ("def late():\n    import openai", "a model"),
        ("client = __import__('openai')", "a module by its name"),
        ("exec('import openai')", "code from text"),
    ],
)
def test_nothing_is_called_directly(folder: Path, line: str, where: str) -> None:
    """Wherever it stands in a file that the flow imports, at whatever depth, it is named with file and line."""
    (folder / "deep").mkdir()
    (folder / "deep" / "__init__.py").write_text("from flows.invoice_intake.deep.inner import x\n", encoding="utf-8")
    (folder / "deep" / "inner.py").write_text(f"x = 1\n{line}\n", encoding="utf-8")
    with (folder / "suppliers.py").open("a", encoding="utf-8") as file:
        file.write("\nfrom . import deep\n")
    (problem,) = judged(folder)[1]
    assert problem.startswith("deep/inner.py:")
    assert problem.endswith(where)


@pytest.mark.parametrize(
    "line", ["from urllib.parse import quote", "import httpxyz", "from fulcrum.ai.prices import cost"]
)
def test_what_calls_nobody_is_allowed(folder: Path, line: str) -> None:
    """Similar names are not taken for what they resemble."""
    with (folder / "suppliers.py").open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    assert judged(folder)[1] == []


def test_what_the_flow_does_not_import_is_no_part_of_it(folder: Path) -> None:
    """A script beside the process, which made its samples, may do what it likes."""
    (folder / "make_samples.py").write_text("import httpx\n", encoding="utf-8")
    assert judged(folder)[1] == []


def test_broken_code_fails_its_lines(ready: Subject, folder: Path) -> None:
    """The list shows what the syntax tree shows."""
    (folder / "flow.py").write_text(FLOW + "\nimport httpx\n", encoding="utf-8")
    found = checklist(defined(folder=folder)(ready))
    assert line_of(found, "standard steps").verdict is Verdict.FAILED
    assert line_of(found, "nothing direct").verdict is Verdict.FAILED


def test_a_test_that_tests_nothing_is_no_test(ready: Subject, tmp_path: Path) -> None:
    """The file is there; it has no test function."""
    (tmp_path / "tests" / "flows").mkdir(parents=True)
    (tmp_path / "tests" / "flows" / "test_invoice_intake.py").write_text("def helper(): ...\n", encoding="utf-8")
    assert "tests nothing" in line_of(checklist(replace(ready, root=tmp_path)), "tests").why


# What is gathered


def gathered(folder: Path, lines: list[str]) -> Subject:
    """Look at a process whose golden set has these lines."""
    (folder / GOLDEN).write_text("\n".join(lines), encoding="utf-8")
    definition: Process = replace(INVOICE_INTAKE, folder=folder)
    return Subject.of(definition, root=ROOT, targets=frozenset(), measure=lambda _process: SCORE)


def test_a_golden_set_is_counted_by_its_cases(folder: Path) -> None:
    """The same case twice counts once; what is no record is told by its line; no golden set, no score."""
    record = json.dumps({"id": "a", "text": "x", "truth": {}})
    found = gathered(folder, [record] * 40)
    assert (len(found.golden), found.golden_problem, found.score) == (1, "", SCORE)
    broken = gathered(folder, [record, '{"id": "b"}'])
    assert broken.golden == ()
    assert "line 2" in broken.golden_problem
    assert broken.score is None
    (folder / GOLDEN).unlink()
    missing = Subject.of(replace(INVOICE_INTAKE, folder=folder), root=ROOT, targets=frozenset())
    assert missing.golden_problem == "there is none"


def test_the_target_types_are_the_blocks() -> None:
    """Every kind of target that an operator can fill in is known by its slug; the base is none."""
    assert {"sql-target", "folder-target"} <= target_types()
    assert "target" not in target_types()


def test_a_definition_that_cannot_be_imported_is_told() -> None:
    """As a line that fails, with the field or the place; an unknown process is the caller's mistake."""
    line = unsound(DefinitionError(process="parcels", field="on_call", problem="is empty"))
    assert line.verdict is Verdict.FAILED
    assert "on_call is empty" in line.why
    with pytest.raises(NameError) as slip:
        exec(compile("x = nothing", "process.py", "exec"), {})  # noqa: S102 - a definition with a slip
    assert unsound(slip.value).why == "cannot be imported: NameError at process.py:1"
    with pytest.raises(UnknownProcess):
        readiness("nothing")


# The commands


@pytest.fixture
def fulcrum(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Give the command in a terminal of 80 columns, on a home where nothing was run."""
    from deployments.cli import main

    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FULCRUM_HOME", str(tmp_path / "home"))

    def call(*arguments: str) -> tuple[int, str, str]:
        code = 0
        try:
            main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


Command = Callable[..., tuple[int, str, str]]


def test_readiness_tells_programs_and_people_the_same(fulcrum: Command) -> None:
    """One JSON list or a table within 80 columns; the exit code is 1 when a line fails."""
    code, out, _ = fulcrum("readiness", "invoice-intake", "--json")
    (told,) = json.loads(out)
    assert told["process"] == "invoice-intake"
    assert told["ready"] == all(line["verdict"] != "failed" for line in told["lines"])
    assert code == (0 if told["ready"] else 1)
    again, table, _ = fulcrum("readiness", "invoice-intake")
    assert again == code
    assert max(map(len, table.splitlines())) <= 80
    assert all(line["check"] in table for line in told["lines"])


def test_readiness_without_a_name_checks_all(fulcrum: Command) -> None:
    """Each process has its list; an unknown one is refused."""
    assert [told["process"] for told in json.loads(fulcrum("readiness", "--json")[1])] == names()
    assert fulcrum("readiness", "nothing")[0] == 2


def test_a_score_is_measured_when_asked_for(fulcrum: Command) -> None:
    """With --score the process's own model is asked now."""
    (told,) = json.loads(fulcrum("readiness", "invoice-intake", "--score", "--json")[1])
    (line,) = (line for line in told["lines"] if line["check"] == "golden score")
    assert line["verdict"] == "passed"
    assert "fulcrum-embedded" in line["why"]


@pytest.mark.parametrize("name", names())
def test_a_procedure_fits_the_terminal(fulcrum: Command, name: str, tmp_path: Path) -> None:
    """Every section within 80 columns; reading it makes no ledger."""
    code, out, _ = fulcrum("sop", name)
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    for section in ("Who answers for it", "The controls at each step", "What is measured", "Versions and changes"):
        assert section in out
    assert process(name).sop_version in out
    assert "there was no run yet" in " ".join(out.split())
    assert not (tmp_path / "home" / "ledger.db").exists()


def test_a_procedure_is_written_as_a_page(fulcrum: Command, tmp_path: Path) -> None:
    """The page says who set the autonomy; a place that cannot be written is told, not thrown."""
    assert (
        fulcrum("autonomy", "set", "invoice-intake", "assisted", "--by", "A. [Owner]", "--reason", "new month")[0] == 0
    )
    file = tmp_path / "sop.html"
    code, out, _ = fulcrum("sop", "invoice-intake", "--html", str(file))
    assert code == 0
    assert INVOICE_INTAKE.sop_version in out
    html = file.read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>")
    assert "A. [Owner]" in html
    assert "A. [Owner]" in " ".join(fulcrum("sop", "invoice-intake")[1].split())
    code, _, err = fulcrum("sop", "invoice-intake", "--html", str(tmp_path / "nowhere" / "sop.html"))
    assert code == 2
    assert "cannot be written" in err
    assert fulcrum("sop", "nothing")[0] == 2


def test_a_ledger_that_cannot_be_read_keeps_no_document_back(
    fulcrum: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page says that the autonomy of now is not known, and why."""
    monkeypatch.setenv("FULCRUM_LEDGER_URL", f"sqlite:///{tmp_path / 'no' / 'folder' / 'ledger.db'}")
    code, out, _ = fulcrum("sop", "invoice-intake")
    assert code == 0
    assert "not known, the ledger cannot be read" in " ".join(out.split())
