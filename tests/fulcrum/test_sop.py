"""The procedure as a document: it says all that the definition says, in words, and the page is sound HTML."""

from __future__ import annotations

import os
import re
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from flows.invoice_intake.documents import Invoice, SupplierDocument
from flows.invoice_intake.process import INVOICE_INTAKE
from flows.registry import names, process
from fulcrum.process import AiStep, Autonomy, Basis, Intents, Process, Stage, Step, StepKind
from fulcrum.report import Standing
from fulcrum.sop import FileState, History, InForce, Sop, history_of, page, sop_of, state_of
from fulcrum.sop.controls import gate_place
from fulcrum.sop.diagram import WIDTH, draw
from fulcrum.sop.fields import field_table
from fulcrum.sop.history import SHOWN, Change
from fulcrum.sop.parts import KIND_WORDS, Facts, StepHead, Table
from fulcrum.sop.wording import duration, listed, money, share

TODAY = date(2026, 11, 23)
HOSTILE = """</title><script>alert("x")</script> & <b>'bold'</b>"""


def document(
    definition: Process = INVOICE_INTAKE, history: History | None = None, now: InForce | str = "no run"
) -> Sop:
    """Write a definition's document."""
    return sop_of(definition, made_on=TODAY, history=history or History(note="not asked"), in_force=now)


def tree(html: str) -> ET.Element:
    """Read a page strictly: it is written so that it is XML too."""
    doctype, _, rest = html.partition("\n")
    assert doctype == "<!doctype html>"
    return ET.fromstring(rest)  # noqa: S314 - the project's own page


def text_of(html: str) -> str:
    """Give what a page shows, with single spaces."""
    body = tree(html).find("body")
    assert body is not None
    return " ".join("".join(f" {text}" for text in body.itertext()).split())


# What is said


@pytest.mark.parametrize("name", names())
def test_the_page_says_all_of_a_definition(name: str) -> None:
    """People, intents, steps then and now, every rule with its reason, figures, retention and versions stand in it."""
    definition = process(name)
    said = text_of(page(document(definition)))
    expected = [
        definition.title,
        definition.purpose,
        definition.owner.name,
        definition.owner.queue,
        definition.deputy.email,
        definition.on_call,
        definition.review.queue,
        definition.baseline.source,
        definition.sop_version,
        definition.prompt_version,
        *definition.targets,
        *(getattr(definition.intents, field) for field in Intents.__slots__),
        *(step.name for step in (*definition.steps, *definition.steps_before)),
        *(step.what for step in definition.steps),
        *(rule.name for gate in definition.gates for rule in gate.rules),
        *(rule.reason for gate in definition.gates for rule in gate.rules),
        *(name.replace("_", " ") for name in (*definition.case.model_fields, *definition.outcome.model_fields)),
        duration(definition.retention),
        duration(definition.patience),
        share(definition.review.audit_share),
        money(definition.objectives.cost_per_case, definition.objectives.currency),
        money(definition.baseline.cost_per_case, definition.baseline.currency),
    ]
    assert [words for words in expected if " ".join(words.split()) not in said] == []


def test_the_basis_of_the_figures_is_marked() -> None:
    """A declared baseline is not passed off as a measured one."""
    measured = replace(INVOICE_INTAKE, baseline=replace(INVOICE_INTAKE.baseline, basis=Basis.MEASURED))
    assert "declared, not measured" in text_of(page(document()))
    assert "before (declared)" in text_of(page(document()))
    assert "before (measured)" in text_of(page(document(measured)))
    assert "declared" not in text_of(page(document(measured)))


def test_autonomy_now_is_what_was_set_within_the_ceiling() -> None:
    """A level in the ledger above the definition's ceiling is shown as the ceiling that holds."""
    capped = replace(INVOICE_INTAKE, autonomy=Autonomy.SHADOW, max_autonomy=Autonomy.ASSISTED)
    since = datetime(2026, 11, 1, tzinfo=UTC).date()
    now = InForce(standing=Standing(Autonomy.AUTONOMOUS, 0.9), since=since, by="A. Owner", reason="audit passed")
    facts = {
        name: value
        for section in document(capped, now=now).sections
        if section.id == "decides"
        for part in section.parts
        if isinstance(part, Facts)
        for name, value in part.rows
    }
    assert facts["Autonomy now"].startswith("assisted, from a confidence of 90%")
    assert facts["Set by"] == "A. Owner, 2026-11-01: audit passed"
    assert facts["Ceiling"].startswith("assisted")


def test_each_gate_stands_at_its_step() -> None:
    """The intake gate's rules are told before the AI step, the outcome gate's after it."""
    (controls,) = (section.parts for section in document().sections if section.id == "controls")
    told = [
        part.step.name if isinstance(part, StepHead) else part.caption.split(":")[0]
        for part in controls
        if isinstance(part, StepHead | Table)
    ]
    assert told == [
        "take in", "check the document", "Intake gate documents", "extract", "check the invoice",
        "Outcome gate invoices", "review", "post",
    ]  # fmt: skip


def test_examples_are_told_where_there_are_any() -> None:
    """A step that is shown decided cases says how many."""
    assert "nearest decided cases" not in text_of(
        page(document(replace(INVOICE_INTAKE, ai_steps=(shown_examples(0),))))
    )
    assert "up to 20 of the nearest" in text_of(page(document(replace(INVOICE_INTAKE, ai_steps=(shown_examples(20),)))))


def shown_examples(count: int) -> AiStep:
    """Give the step of invoice intake with so many examples."""
    return replace(INVOICE_INTAKE.ai_steps[0], examples=count)


@pytest.mark.parametrize(
    ("kinds", "before", "after"),
    [
        ("system rule ai rule human", 1, 3),
        ("rule system ai human rule system", 0, 4),
        ("system ai human", 1, 1),
        ("rule ai ai rule", 0, 3),
        ("human", 0, 0),
    ],
)
def test_a_gate_belongs_to_the_rule_beside_the_ai_step(kinds: str, before: int, after: int) -> None:
    """Where there is no such rule, to the AI step itself; so no gate is left out."""
    steps = [Step(name=kind, kind=StepKind(kind), what="") for kind in kinds.split()]
    intake, outcome = (replace(INVOICE_INTAKE.gates[0], stage=stage) for stage in (Stage.INTAKE, Stage.OUTCOME))
    assert gate_place(steps, intake) == before
    assert gate_place(steps, outcome) == after


# Fields


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Part(BaseModel):
    size: int
    weight: float | None = None


class Parcel(BaseModel):
    weight_kg: Annotated[Decimal, Field(max_digits=9, decimal_places=2)] | None
    fee: Decimal = Field(decimal_places=2, description="What it costs. Labels: fee, charge.")
    kind: Literal["box", "bag"] = Field(description="box: hard.\n bag: soft.")
    colour: Colour = Colour.RED
    parts: tuple[Part, ...] = ()
    names: list[str]
    other: dict[str, int] | None = None
    code: int | str | None = Field(default=None, description="Labels: code.")
    sent: datetime
    fragile: bool


def test_fields_are_told_in_words() -> None:
    """Type, need, data class and meaning, without the labels that are for the model."""
    told = field_table("Parcel", Parcel, {"names"})
    assert told.columns == ("field", "holds", "needed", "data class", "meaning")
    assert told.rows == (
        ("weight kg", "amount", "may be empty", "", ""),
        ("fee", "amount", "yes", "", "What it costs."),
        ("kind", "one of box or bag", "yes", "", "box: hard.\n bag: soft."),
        ("colour", "one of red or blue", "no", "", ""),
        ("parts", "list of part (size, weight)", "no", "", ""),
        ("names", "list of text", "yes", "personal", ""),
        ("other", "named values", "no", "", ""),
        ("code", "whole number or text", "no", "", ""),
        ("sent", "date and time", "yes", "", ""),
        ("fragile", "yes or no", "yes", "", ""),
    )


def test_a_column_that_says_nothing_is_left_out() -> None:
    """No field is personal and none has a description: neither column is there."""
    assert field_table("Part", Part, ()).columns == ("field", "holds", "needed")


def test_personal_fields_are_marked_and_no_hint_is_shown() -> None:
    """On the page of invoice intake."""
    html = page(document())
    assert "Labels:" not in html
    personal = set(INVOICE_INTAKE.personal)
    fields = [name for model in (SupplierDocument, Invoice) for name in model.model_fields]
    assert html.count('<strong class="personal">') == sum(name in personal for name in fields)


# The page


@pytest.mark.parametrize("name", names())
def test_the_page_is_sound_and_stands_alone(name: str) -> None:
    """Well-formed; ids are unique; what refers to an id finds it; nothing is loaded, and nothing runs."""
    html = page(document(process(name)))
    root = tree(html)
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert len(ids) == len(set(ids))
    references = [word for element in root.iter() for word in element.get("aria-labelledby", "").split()]
    references += [link.attrib["href"].removeprefix("#") for link in root.iter("a")]
    assert references
    assert set(references) <= set(ids)
    assert not {element.tag for element in root.iter()} & {"script", "link", "img", "iframe", "object"}
    assert not re.findall(r"https?:|url\(|@import|\bsrc=|\son\w+=", html)
    assert "default-src 'none'" in html
    assert all(
        len(row) == len(table.findall("thead/tr/th")) for table in root.iter("table") for row in table.iter("tr")
    )


def test_a_drawing_says_in_words_what_it_shows() -> None:
    """Two drawings that scale, each with a title and a description that names every step and its kind."""
    drawings = list(tree(page(document())).iter("svg"))
    assert len(drawings) == 2
    for drawing, steps in zip(drawings, (INVOICE_INTAKE.steps_before, INVOICE_INTAKE.steps), strict=True):
        assert drawing.attrib["role"] == "img"
        assert "width" not in drawing.attrib
        assert drawing.attrib["viewBox"].startswith(f"0 0 {WIDTH} ")
        assert drawing.findtext("title")
        told = drawing.findtext("desc") or ""
        assert [f"{step.name} ({KIND_WORDS[step.kind]})" in told for step in steps] == [True] * len(steps)
        assert [box.attrib["class"] for box in drawing.iter("g")] == [step.kind.value for step in steps]


def test_colours_follow_the_reader() -> None:
    """Dark, light and paper each have the colour of every kind, and the legend names each."""
    html = page(document())
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html
    for kind in StepKind:
        assert len(re.findall(rf"--{kind.value}: #", html)) == 3
        assert f'<li class="chip {kind.value}">{KIND_WORDS[kind]}</li>' in html


def test_everything_is_escaped() -> None:
    """Neither a definition's text nor a commit's subject becomes markup."""
    owner = replace(INVOICE_INTAKE.owner, name=HOSTILE)
    step = Step(name=HOSTILE, kind=StepKind.AI, what=HOSTILE)
    hostile = replace(INVOICE_INTAKE, title=HOSTILE, purpose=HOSTILE, owner=owner, steps=(step,), steps_before=(step,))
    history = History((Change("2026-01-01", HOSTILE, HOSTILE, "abc"),), HOSTILE)
    html = page(document(hostile, history))
    tags = {element.tag for element in tree(html).iter()}
    assert not tags & {"script", "b"}
    assert "<script" not in html
    assert text_of(html).count('alert("x")') >= 8


def test_the_same_definition_gives_the_same_page() -> None:
    """Nothing on it but the day depends on when it is made."""
    assert page(document()) == page(document())
    later = sop_of(INVOICE_INTAKE, made_on=date(2027, 1, 1), history=History(note="not asked"), in_force="no run")
    assert page(later).replace("2027-01-01", "2026-11-23") == page(document())


@given(
    st.lists(
        st.builds(Step, name=st.text(max_size=90), kind=st.sampled_from(StepKind), what=st.text(max_size=300)),
        max_size=9,
    )
)
def test_boxes_stand_in_order_and_hold_their_text(steps: list[Step]) -> None:
    """Whatever the texts: no box overlaps another, every line lies in its box, and all of it in the drawing."""
    drawn = draw(steps)
    assert [box.step for box in drawn.boxes] == steps
    edges = [edge for box in drawn.boxes for edge in (box.y, box.bottom)]
    assert edges == sorted(edges)
    assert all(0 <= edge <= drawn.height for edge in edges)
    for box in drawn.boxes:
        baselines = [line.y for line in (*box.name, *box.what)]
        assert baselines == sorted(set(baselines))
        assert all(box.y + 12 <= y <= box.bottom - 4 for y in baselines)
        assert "".join("".join(line.text.split()) for line in box.what) == "".join(box.step.what.split())


# Figures in words


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(days=3650), "10 years"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=1, hours=12), "1 day and 12 hours"),
        (timedelta(minutes=30), "30 minutes"),
        (timedelta(days=366, hours=1, minutes=1), "1 year, 1 day, 1 hour and 1 minute"),
        (timedelta(seconds=0.5), "0.5 seconds"),
        (timedelta(minutes=1, seconds=1.5), "1 minute and 1.5 seconds"),
        (timedelta(0), "0 seconds"),
    ],
)
def test_durations_are_said_in_large_units(length: timedelta, words: str) -> None:
    """A year is 365 days, as retention counts it."""
    assert duration(length) == words


def test_figures_keep_their_digits() -> None:
    """No rounding turns a promise into another."""
    assert [share(part) for part in (0.05, 0.005, 1.0, 0.07, 0)] == ["5%", "0.5%", "100%", "7%", "0%"]
    assert money(Decimal("1234.50"), "EUR") == "1,234.50 EUR"
    assert money(Decimal("0.0015"), "EUR") == "0.0015 EUR"
    assert [listed(words) for words in ([], ["a"], ["a", "b", "c"])] == ["", "a", "a, b and c"]


# What git knows


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty repository, and a git that knows nothing of the user's settings."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    folder = tmp_path / "repository"
    (folder / "flows" / "parcels").mkdir(parents=True)
    git(folder, "init", "--quiet")
    return folder


def git(folder: Path, *arguments: str) -> None:
    """Run git there, under a name of its own."""
    who = ("-c", "user.name=A. Author", "-c", "user.email=author@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


def commit(folder: Path, file: str, subject: str) -> Path:
    """Commit a change of a file."""
    path = folder / file
    path.write_text(subject, encoding="utf-8")
    git(folder, "add", file)
    git(folder, "commit", "--quiet", "-m", subject)
    return path


def test_the_history_is_the_folders(repository: Path) -> None:
    """Newest first, with day, author and subject; what happened elsewhere is not in it."""
    commit(repository, "flows/parcels/prompt.md", "First prompt")
    commit(repository, "elsewhere.md", "Something else")
    commit(repository, "flows/parcels/prompt.md", "A better prompt \x1b[31m")
    found = history_of(repository / "flows" / "parcels")
    assert [change.subject for change in found.changes] == ["A better prompt  [31m", "First prompt"]
    assert {change.author for change in found.changes} == {"A. Author"}
    assert all(date.fromisoformat(change.day) and change.commit for change in found.changes)
    assert found.note == ""
    assert "First prompt" in text_of(page(document(history=found)))


def test_a_long_history_is_cut_and_says_so(repository: Path) -> None:
    """The newest are shown, the rest is counted; what is not committed is told."""
    for number in range(SHOWN + 2):
        commit(repository, "flows/parcels/prompt.md", f"Change {number}")
    (repository / "flows" / "parcels" / "new.md").write_text("x", encoding="utf-8")
    found = history_of(repository / "flows" / "parcels")
    assert len(found.changes) == SHOWN
    assert found.changes[0].subject == f"Change {SHOWN + 1}"
    assert found.note == "The folder has changes that are not committed. 2 older changes are in git."


def test_a_folder_without_history_says_why(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No repository, no commit, no commit of it, no folder, no git: the document is made all the same."""
    plain = tmp_path / "plain"
    plain.mkdir()
    folder = repository / "flows" / "parcels"
    assert "in no git repository" in history_of(plain).note
    assert "no commit yet" in history_of(folder).note
    commit(repository, "elsewhere.md", "Something else")
    assert history_of(folder).note == "No commit has touched this folder yet."
    assert "not there" in history_of(repository / "nowhere").note
    monkeypatch.setenv("PATH", str(plain))
    assert history_of(folder) == History(note="The change history is not known: git is not installed.")
    assert "git is not installed" in text_of(page(document(history=history_of(folder))))


def test_a_hooks_repository_does_not_answer_for_another(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a git hook the variables name another repository; the folder's own is asked all the same."""
    commit(repository, "flows/parcels/prompt.md", "First prompt")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other.git"))
    assert [change.subject for change in history_of(repository / "flows" / "parcels").changes] == ["First prompt"]


def test_the_state_of_a_file_is_gits(repository: Path, tmp_path: Path) -> None:
    """Untracked, committed, changed, staged, and unknown with the reason."""
    file = repository / "flows" / "parcels" / "prompt[1]*.md"
    file.write_text("x", encoding="utf-8")
    assert state_of(file) == (FileState.UNTRACKED, "")
    git(repository, "add", "--all")
    assert state_of(file) == (FileState.CHANGED, "")
    git(repository, "commit", "--quiet", "-m", "First")
    assert state_of(file) == (FileState.COMMITTED, "")
    file.write_text("y", encoding="utf-8")
    assert state_of(file) == (FileState.CHANGED, "")
    assert state_of(tmp_path / "plain.md") == (FileState.UNKNOWN, "the folder is in no git repository")
