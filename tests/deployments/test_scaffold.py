"""`fulcrum new`: what it refuses, that it makes all or nothing, and that what it makes is sound as it is."""

from __future__ import annotations

import ast
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from deployments.cli import main
from deployments.scaffold import Naming, scaffold
from deployments.scaffold.files import rendered
from fulcrum.errors import FulcrumError, NameUnusable, ScaffoldFailed, ScaffoldRefused, UsageError

ROOT = Path(__file__).resolve().parents[2]
CODE = ("blocks", "deployments", "flows", "fulcrum", "tasks")
PARCEL = Naming.of("parcel-claims")

LONGEST = Naming.of("a234567890-b234567890-c234567890-d234567", "W" * 60)
"""The longest name and title there may be: no line of what is made may be too long for them."""

SHORTEST = Naming.of("no", "R&D (it's)/No. 1, Rückgaben")
"""The shortest, of which YAML would make something else than a text."""

WAITS_FOR_A_PERSON = {"owner and on-call", "golden set", "prompt", "objectives", "baseline"}
"""The lines of the checklist that nobody but a person can fill."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a checkout that has this one's deployments, and no process."""
    (tmp_path / "flows").mkdir()
    shutil.copy(ROOT / "prefect.yaml", tmp_path)
    return tmp_path


def tree(root: Path) -> dict[str, bytes | None]:
    """Read every file and folder."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None for path in sorted(root.rglob("*"))
    }


@pytest.mark.parametrize(
    "name",
    ["", "x", "Parcel", "parcel_claims", "parcel claims", "-parcel", "parcel-", "parcel--claims", "1st", "über",
     "parcel.claims", "../parcel", "parcel\n", "p" * 41, "import", "class", "list", "filter", "flow", "take-in"],
)  # fmt: skip
def test_a_name_is_refused(name: str) -> None:
    """A name is words in small letters and digits, and none that Python or a flow means something else by."""
    with pytest.raises(NameUnusable, match="cannot be the name of a process") as refused:
        Naming.of(name)
    assert refused.value.exit_code == 2
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("title", ["", "  ", "T" * 61, 'Say "yes"', "two\nlines", "a\\b", "{{ name }}", "#1: x"])
def test_a_title_is_refused(title: str) -> None:
    """A title is a line that Python, YAML and Markdown all read as it is."""
    with pytest.raises(UsageError, match="--title"):
        Naming.of("parcel-claims", title)


def test_a_name_makes_a_title() -> None:
    """Without a title the name makes one; a given one is taken as it is."""
    assert PARCEL.title == "Parcel claims"
    assert Naming.of("parcel-claims", " Claims about parcels ").title == "Claims about parcels"


def test_no_name_hides_what_a_flow_is_written_with() -> None:
    """Whatever a flow's code names, a process of that name is refused, for its own function would hide it."""
    code = ast.parse(rendered(PARCEL)["flows/parcel_claims/flow.py"])
    used = {node.id for node in ast.walk(code) if isinstance(node, ast.Name)}
    used |= {alias.name for node in ast.walk(code) if isinstance(node, ast.ImportFrom) for alias in node.names}
    could_be = sorted(word for word in used if word.islower() and len(word) > 1)
    assert "request_reviews" in could_be
    for word in could_be:
        with pytest.raises(NameUnusable):
            Naming.of(word.replace("_", "-"))


def test_what_is_made(root: Path) -> None:
    """The folder, the test and the stanza are made, and every file is one that is told."""
    before = set(tree(root))
    made = scaffold(root, PARCEL)
    now = {path for path, content in tree(root).items() if content is not None}
    assert now - before == {path for path in made.files if path != "prefect.yaml"}
    assert made.files[-1] == "prefect.yaml"
    assert (root / made.source / "two.jsonl").is_file()


@pytest.mark.parametrize("naming", [PARCEL, LONGEST, SHORTEST], ids=lambda naming: naming.name)
def test_the_stanza_stands_at_the_end_as_those_before_it(root: Path, naming: Naming) -> None:
    """What stood in prefect.yaml stands there still, letter by letter; the stanza shares its anchors."""
    before = (root / "prefect.yaml").read_text(encoding="utf-8")
    mode = (root / "prefect.yaml").stat().st_mode
    made = scaffold(root, naming)
    after = (root / "prefect.yaml").read_text(encoding="utf-8")
    assert after.startswith(before)
    assert (root / "prefect.yaml").stat().st_mode == mode
    model, *_, new = yaml.safe_load(after)["deployments"]
    assert set(new) == set(model)
    assert new["name"] == naming.name
    assert new["entrypoint"] == f"flows.{naming.folder}.flow.{naming.folder}"
    assert new["tags"] == ["process", naming.name]
    assert new["parameters"] == {"source": made.source}
    assert {part: new[part] for part in ("version", "work_pool")} == {p: model[p] for p in ("version", "work_pool")}


def _file(path: str, text: str = "") -> Callable[[Path], None]:
    def make(root: Path) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")

    return make


STANZA = "deployments:\n  - name: parcel-claims\n    entrypoint: a.b\n"
ANCHORS = "definitions:\n  v: &version 1\n  p: &process {}\n"


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (_file("flows/parcel_claims/notes.txt"), "flows/parcel_claims is there already"),
        (_file("flows/parcel_claims.py"), "flows/parcel_claims.py is there already"),
        (_file("tests/flows/test_parcel_claims.py"), "tests/flows/test_parcel_claims.py is there already"),
        (_file("prefect.yaml", STANZA), "prefect.yaml has a stanza of that name"),
        (_file("prefect.yaml", "deployments: {"), "prefect.yaml takes no stanza at its end"),
        (_file("prefect.yaml", "deployments:\n  - name: other\n"), "prefect.yaml takes no stanza at its end"),
        (_file("prefect.yaml", "name: x\n"), "prefect.yaml has no list of deployments"),
        (
            _file("prefect.yaml", f"{ANCHORS}deployments:\n  - name: other\nafterwards:\n  - name: one\n"),
            "prefect.yaml does not end with its deployments",
        ),
        (lambda root: (root / "prefect.yaml").unlink(), "has no prefect.yaml beside its flows"),
        (lambda root: (root / "flows").rmdir(), "has no prefect.yaml beside its flows"),
    ],
)
def test_what_is_there_already_is_not_touched(root: Path, found: Callable[[Path], None], problem: str) -> None:
    """Where something is in the way, nothing is written, however often it is asked for."""
    found(root)
    before = tree(root)
    for _ in range(2):
        with pytest.raises(ScaffoldRefused, match=problem) as refused:
            scaffold(root, PARCEL)
        assert refused.value.exit_code == 2
        assert tree(root) == before


def test_a_second_time_is_refused(root: Path) -> None:
    """A process is made once; the second time changes nothing of what may have been edited meanwhile."""
    scaffold(root, PARCEL)
    (root / "flows" / "parcel_claims" / "prompt.md").write_text("edited", encoding="utf-8")
    before = tree(root)
    with pytest.raises(ScaffoldRefused):
        scaffold(root, PARCEL)
    assert tree(root) == before


@pytest.mark.parametrize("name", ["operations", "registry", "invoice-intake", "review-case"])
def test_what_this_checkout_has_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command refuses a process and a module of its own checkout, with 2 and in words."""
    with pytest.raises(SystemExit) as ended:
        main(["new", name])
    assert ended.value.code == 2
    assert "Nothing was written" in capsys.readouterr().err


@pytest.mark.parametrize("room", [0, 1_000, 4_000, 10_000])
def test_nothing_is_left_when_the_disk_is_full(root: Path, room: int) -> None:
    """Where a file has no room, be it the first or the last, those before it are removed and nothing is changed."""
    with (root / "prefect.yaml").open("a", encoding="utf-8") as deployments:
        deployments.write("# the largest file of all\n" * 500)
    before = tree(root)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        with pytest.raises(ScaffoldFailed, match=r"cannot be written \(File too large\)"):
            scaffold(root, PARCEL)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert tree(root) == before


def test_nothing_is_left_when_the_test_has_no_place(root: Path) -> None:
    """Where `tests` is no folder, the process's folder is removed again."""
    _file("tests", "a file")(root)
    before = tree(root)
    with pytest.raises(FulcrumError):
        scaffold(root, PARCEL)
    assert tree(root) == before


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the code of this checkout."""
    copy = tmp_path_factory.mktemp("scaffold") / "checkout"
    for folder in CODE:
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "prefect.yaml"):
        shutil.copy(ROOT / file, copy)
    # What mypy knows of the libraries: it looks at them for a minute where it does not.
    if (ROOT / ".mypy_cache").exists():
        shutil.copytree(ROOT / ".mypy_cache", copy / ".mypy_cache")
    return copy


def run(checkout: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a program of this Python on the copy."""
    program, *arguments = command
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("FULCRUM_", "PREFECT_"))}
    places = {"PYTHONPATH": str(checkout), "FULCRUM_HOME": str(checkout / "home"), "COLUMNS": "80"}
    beside = str(Path(sys.executable).parent / program)
    return subprocess.run(
        [beside, *arguments], cwd=checkout, env=ours | places, check=False, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def told(checkout: Path) -> dict[str, str]:
    """Make the processes by the command; give what it said, by their names."""
    said = {}
    for naming in (PARCEL, LONGEST, SHORTEST):
        done = run(checkout, "fulcrum", "new", naming.name, "--title", naming.title)
        assert (done.returncode, done.stderr) == (0, "")
        said[naming.name] = done.stdout
    return said


def test_what_is_told(told: dict[str, str], checkout: Path) -> None:
    """The command tells every file and the next three commands, in 80 columns."""
    assert max(len(line) for said in told.values() for line in said.splitlines()) <= 80
    lines = told[PARCEL.name].splitlines()
    made = {line.strip() for line in lines if line.startswith("  ")}
    assert made >= set(rendered(PARCEL))
    assert all((checkout / path).is_file() for path in rendered(PARCEL))
    assert lines[lines.index("Next:") + 1 :] == [
        "  fulcrum run parcel-claims --source flows/parcel_claims/samples/inbox",
        "  fulcrum reviews",
        "  fulcrum readiness parcel-claims",
    ]


def test_what_a_program_is_told(checkout: Path) -> None:
    """With --json the same is one line."""
    done = run(checkout, "fulcrum", "new", "lost-keys", "--json")
    said = json.loads(done.stdout)
    assert set(said) == {"process", "title", "files", "next"}
    assert said["title"] == "Lost keys"
    assert said["files"] == [*rendered(Naming.of("lost-keys")), "prefect.yaml"]
    assert len(said["next"]) == 3


def test_what_is_made_is_clean(told: dict[str, str], checkout: Path) -> None:
    """Lint, formatter and types have nothing to say of it, whatever the length of its name."""
    places = [f"flows/{Naming.of(name).folder}" for name in told]
    tests = [f"tests/flows/test_{Naming.of(name).folder}.py" for name in told]
    for command in (("ruff", "check"), ("ruff", "format", "--check"), ("mypy",)):
        done = run(checkout, *command, *places, *tests)
        assert done.returncode == 0, done.stdout


def test_only_what_a_person_knows_is_missing(told: dict[str, str], checkout: Path) -> None:
    """Of the checklist fail those lines that nobody but a person can fill, and each of these does."""
    done = run(checkout, "fulcrum", "readiness", PARCEL.name, "--json")
    assert done.returncode == 1
    (found,) = json.loads(done.stdout.splitlines()[-1])
    assert {line["check"] for line in found["lines"] if line["verdict"] == "failed"} == WAITS_FOR_A_PERSON
