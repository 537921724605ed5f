"""The page about a new process holds: its commands, in order, on a copy of the checkout, show what it says."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployments.stack import api, running
from fulcrum.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "new-process.md"

REFUSED = {"fulcrum readiness": 1, "fulcrum autonomy set": 2}
"""How the commands that a scaffold is not ready for are to end."""

_CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Shown:
    """A command of the page, and the lines that it shows below it."""

    command: str
    lines: tuple[str, ...]


def shown() -> Iterator[Shown]:
    """Read the page's commands in order."""
    for block in _CONSOLE.findall(PAGE.read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *lines = part.splitlines()
            yield Shown(command, tuple(lines))


def missing(lines: tuple[str, ...], told: str) -> list[str]:
    """Give the lines that were not told, after those before them; `...` stands for anything, in a line too."""
    rest = [" ".join(line.split()) for line in told.splitlines()]
    absent = []
    for line in lines:
        pattern = ".*".join(re.escape(" ".join(piece.split())) for piece in line.split("..."))
        at = next((i for i, one in enumerate(rest) if re.fullmatch(pattern.replace(r"\ .*", ".*"), one)), None)
        if at is None:
            absent.append(line)
        elif line != "...":
            rest = rest[at + 1 :]
    return absent


@pytest.fixture
def checkout(tmp_path: Path, migrated_database: Path) -> Path:
    """Copy what git has here or would take, as a repository with one commit."""
    tree = tmp_path / "checkout"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    # The tests that run in there need not migrate a server's database again.
    kept = tree / ".pytest_cache" / "d" / "fulcrum"
    kept.mkdir(parents=True)
    shutil.copy(migrated_database, kept)
    return tree


@pytest.fixture
def environment(checkout: Path, make_home: Callable[[Path], Path], tmp_path: Path) -> dict[str, str]:
    """Make the environment of somebody with this Python in that checkout, and nothing of the tester's."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("FULCRUM_", "PREFECT_"))}
    git = {f"GIT_{who}_{what}": "ada@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return {
        **inherited,
        **git,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        # Before the editable install, so that the copy is what runs.
        "PYTHONPATH": str(checkout),
        "FULCRUM_HOME": str(make_home(tmp_path / "home")),
        "FULCRUM_PORT": "0",
        "FULCRUM_DESK_PORT": "0",
        "COLUMNS": "80",
    }


def test_the_page_shows_commands() -> None:
    """The search for commands finds what it is to run, so that the page cannot hold by showing none."""
    commands = [one.command for one in shown()]
    assert commands[0].startswith("fulcrum new ")
    assert {start for start in REFUSED if any(command.startswith(start) for command in commands)} == set(REFUSED)
    assert len(commands) > 12


@pytest.mark.timeout(900)
def test_the_page_holds(checkout: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """From the new process to the change of its autonomy, each command ends and says as the page shows it.

    The first run has no server and gets one; after it one stays, as with `make up`, so that not every command waits.
    """
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("FULCRUM_HOME", environment["FULCRUM_HOME"])

    def run(command: str) -> subprocess.CompletedProcess[str]:
        words = ["sh", "-c", command]
        return subprocess.run(words, cwd=checkout, env=environment, check=False, capture_output=True, text=True)

    for command in ("git init --quiet .", "git add --all", "git commit --quiet --message before"):
        assert run(command).returncode == 0
    with ExitStack() as stays:
        for one in shown():
            done = run(one.command)
            told = f"$ {one.command}\n{done.stdout}{done.stderr}"
            expected = next((code for start, code in REFUSED.items() if one.command.startswith(start)), 0)
            assert done.returncode == expected, told
            assert missing(one.lines, done.stdout + done.stderr) == [], told
            if one.command.startswith("fulcrum run") and running() is None:
                stays.enter_context(api(Settings(port=0, desk_port=0)))
    assert run("git status --porcelain").stdout == ""
    with closing(sqlite3.connect(Path(environment["FULCRUM_HOME"]) / "prefect" / "prefect.db")) as server:
        assert ("parcel-claims",) in server.execute("SELECT name FROM deployment").fetchall()
    assert not (ROOT / "flows" / "parcel_claims").exists()
