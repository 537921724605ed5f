"""The documents say what the code does: commands, tables, names, links."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from inspect import isclass
from itertools import dropwhile, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fulcrum import errors
from fulcrum.cases import Status
from fulcrum.ledger.states import TRANSITIONS
from fulcrum.ledger.tables import Base
from fulcrum.settings import Settings
from tests.pages import commands, fenced, prose

if TYPE_CHECKING:
    from prefect.blocks.core import Block

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in DOCS]
ARCHITECTURE, OPERATORS, MODELS = (ROOT / "docs" / f"{name}.md" for name in ("architecture", "operators", "models"))

_ASSIGNED = re.compile(r"[A-Z_]+=")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_PATH = re.compile(
    r"`((?:fulcrum|tasks|flows|blocks|deployments|tests|docs|benchmarks)/[\w./-]*"
    r"|[\w-]+\.(?:toml|yaml)|(?:process|gates|prompt|flow)\.(?:py|md))`"
)


def _arguments(line: str) -> list[str] | None:
    """Give the arguments of the `fulcrum` command in a line of shell, None where it has none."""
    words = list(dropwhile(_ASSIGNED.match, shlex.split(line, comments=True)))
    if not words or Path(words[0]).name != "fulcrum":
        return None
    rest = words[1:]
    end = next((i for i, word in enumerate(rest) if word in {"|", ">", "<", ">>", "&&", "||", ";", "&"}), len(rest))
    return rest[:end]


COMMANDS = [(name, line) for page, name in zip(DOCS, NAMES, strict=True) for line in commands(page)]
FULCRUM = [(name, line) for name, line in COMMANDS if _arguments(line) is not None]


def _table(page: Path, heading: str, *columns: str) -> list[list[str]]:
    """Read the rows of the first table with these columns below a heading."""
    lines = iter(page.read_text(encoding="utf-8").splitlines())
    next(line for line in lines if line.startswith("#") and line.lstrip("# ") == heading)
    next(line for line in lines if _cells(line)[: len(columns)] == list(columns))
    next(lines)
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append(_cells(line))
    return rows


def _cells(line: str) -> list[str]:
    return [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]


def test_the_pages_show_commands() -> None:
    """The search for commands finds what it is to check, so that it cannot pass by finding nothing."""
    assert len(FULCRUM) > 20
    assert {name for name, _ in FULCRUM} >= {"docs/operators.md", "docs/models.md"}


@pytest.mark.parametrize(("page", "line"), FULCRUM, ids=[f"{name}: {line}" for name, line in FULCRUM])
def test_a_command_is_one_that_there_is(page: str, line: str) -> None:
    """Every `fulcrum` command line parses with the real command: its name, options, types and what is required."""
    from deployments.cli import app

    command, bound, ignored = app.parse_args(_arguments(line), exit_on_error=False, print_error=False)
    assert callable(command)
    assert not ignored
    bound.signature.bind(*bound.args, **bound.kwargs)


@pytest.mark.parametrize("page", NAMES)
def test_a_make_target_is_one_that_there_is(page: str) -> None:
    """Every `make x` that a page names is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|^\$ |^)make ([a-z]+)", text, re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize("page", NAMES)
def test_links_lead_somewhere(page: str) -> None:
    """Every link within the project leads to a file that is there, and to a heading that it has."""
    links = [link for link in _LINK.findall(prose(ROOT / page)) if not re.match(r"[a-z]+:", link)]
    assert [link for link in links if not _leads(ROOT / page, link)] == []


def _leads(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return target.exists() and (not anchor or anchor in _anchors(target))


def _anchors(page: Path) -> set[str]:
    """Name a page's headings as GitHub links them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", NAMES)
def test_files_that_are_named_are_there(page: str) -> None:
    """A path of the project that a page names in code style exists."""
    places = (ROOT, ROOT / "flows" / "invoice_intake")
    missing = [
        path for path in _PATH.findall(prose(ROOT / page)) if not any((place / path).exists() for place in places)
    ]
    assert not missing


def test_tests_that_are_named_are_there() -> None:
    """A test that a page names exists."""
    code = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    named = {test for page in DOCS for test in re.findall(r"`(test_\w+)`", page.read_text(encoding="utf-8"))}
    assert named
    assert {test for test in named if f"def {test}(" not in code} == set()


@pytest.mark.parametrize("page", NAMES)
def test_nothing_of_this_machine_is_on_a_page(page: str) -> None:
    """No page names a path of the machine it was written on, or a home folder."""
    text = (ROOT / page).read_text(encoding="utf-8")
    assert not re.findall(r"(?<![\w.])/(?:work|home|root|tmp|Users|mnt)/\S*", text)
    assert str(ROOT) not in text


def test_the_state_table_is_the_state_machine() -> None:
    """The table of transitions in the architecture is TRANSITIONS, no more and no less."""
    told: dict[str, dict[Status, Status]] = {}
    for name, before, reached, _ in _table(ARCHITECTURE, "What may happen to a case", "transition", "from", "to"):
        moves = told.setdefault(name, {})
        for status in list(Status) if before == "any" else [Status(word) for word in before.split(", ")]:
            assert status not in moves
            moves[status] = status if reached == "the same" else Status(reached)
    assert told == {name: dict(moves) for name, moves in TRANSITIONS.items()}


def test_the_tables_are_the_ledgers() -> None:
    """The list of tables in the architecture is the ledger's."""
    told = [row[0] for row in _table(ARCHITECTURE, "The ledger's tables", "table", "a row is")]
    assert sorted(told) == sorted(Base.metadata.tables)


def test_the_folders_are_the_projects() -> None:
    """The house in the architecture names every folder of code that the project has at its top."""
    told = {row[0] for row in _table(ARCHITECTURE, "The house", "folder", "what is in it")}
    there = {f"{path.parent.name}/" for path in ROOT.glob("[a-z]*/__init__.py")}
    assert there <= told


def test_the_variables_are_the_settings() -> None:
    """The operators' list of FULCRUM_ variables is the settings', with the defaults that have a figure."""
    rows = _table(OPERATORS, "Variables", "variable", "meaning", "default")
    fields = Settings.model_fields
    assert {row[0] for row in rows} == {f"FULCRUM_{name.upper()}" for name in fields}
    figures = {row[0]: int(row[2]) for row in rows if row[2].isdigit()}
    assert figures == {f"FULCRUM_{n.upper()}": f.default for n, f in fields.items() if isinstance(f.default, int)}


@pytest.mark.parametrize(
    ("page", "heading", "block"),
    [
        (MODELS, "The block", "ModelEndpoint"),
        (OPERATORS, "Blocks", "CaseLedger"),
        (OPERATORS, "Blocks", "SqlTarget"),
        (OPERATORS, "Blocks", "FolderTarget"),
    ],
)
def test_a_blocks_fields_are_explained(page: Path, heading: str, block: str) -> None:
    """Each field of a block is in a table of the page that explains it."""
    kind: type[Block] = getattr(importlib.import_module("blocks"), block)
    text = page.read_text(encoding="utf-8")
    section = text[text.index(f"\n## {heading}\n") :]
    told = re.findall(r"^\| `(\w+)` \|", section[: section.index("\n## ", 1)], re.MULTILINE)
    own = [name for name in kind.model_fields if not name.startswith("_")]
    assert [name for name in told if name in own][: len(own)]
    assert set(own) <= set(told)


def test_an_endpoints_defaults_are_told() -> None:
    """The defaults in the table of the model's block are the endpoint's."""
    from fulcrum.ai.endpoint import Endpoint

    rows = _table(MODELS, "The block", "field", "meaning", "default")
    assert [row[0] for row in rows] == [name for name in Endpoint.model_fields if name != "name"]
    assert {row[0]: row[2] for row in rows} == {row[0]: _printed(Endpoint.model_fields[row[0]].default) for row in rows}


def _printed(default: object) -> str:
    if isinstance(default, bool):
        return "on" if default else "off"
    return "" if default is None else f"{default:g}" if isinstance(default, float) else str(default)


def test_errors_that_are_named_are_there() -> None:
    """What an operator may meet is named as the code names it."""
    rows = _table(OPERATORS, "When a run fails", "message", "what it touches", "what to do")
    named = {name.strip(" `") for row in rows for name in row[0].split(",")}
    kinds = {name for name, value in vars(errors).items() if isclass(value)}
    assert named <= kinds
    assert "GateFailed" in named


@pytest.mark.parametrize("page", NAMES)
def test_python_on_a_page_is_python_of_this_project(page: str) -> None:
    """Python blocks parse, and what they import from the project is there."""
    for body in fenced(ROOT / page, "python"):
        for node in ast.walk(ast.parse(body)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in {"fulcrum", "blocks", "tasks"}:
                module = importlib.import_module(str(node.module))
                assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


def test_decisions_are_numbered_and_dated() -> None:
    """Decisions are numbered without a gap, and each says when it was taken and whether it holds."""
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [int(page.name[:4]) for page in pages]
    assert numbers[0] == 1
    assert all(after == before + 1 for before, after in pairwise(numbers))
    for page in pages:
        heading, _, dated = page.read_text(encoding="utf-8").splitlines()[:3]
        assert heading.startswith(f"# {page.name[:4]}: ")
        assert re.fullmatch(r"\d{4}-\d\d-\d\d, (accepted|replaced by \[.+\]\(.+\))\.", dated)


def test_the_newest_change_is_the_release() -> None:
    """The change log's newest version is the package's."""
    import tomllib

    release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    log = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## \[(\d+\.\d+\.\d+)\]", log, re.MULTILINE)[0] == release
