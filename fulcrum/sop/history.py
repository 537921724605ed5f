"""What git knows of a procedure: who changed it when, and whether what lies in the folder is what was committed."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

SHOWN = 30
"""Changes that a history shows; git has them all."""

_BETWEEN, _END = "\x1f", "\x1e"
_PATIENCE_S = 30
_OWN_WORLD = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
"""Variables that a git hook leaves behind and that would answer for another repository."""


@dataclass(frozen=True, slots=True)
class Change:
    """One commit: the day it was written (ISO 8601), its author, its subject, the first digits of its id."""

    day: str
    author: str
    subject: str
    commit: str


@dataclass(frozen=True, slots=True)
class History:
    """The changes of a folder, the newest first; `note` says what is missing and why, and is empty when nothing is."""

    changes: tuple[Change, ...] = ()
    note: str = ""


class FileState(StrEnum):
    """What git knows of a file."""

    COMMITTED = "committed as it is"
    CHANGED = "changed since its last commit"
    UNTRACKED = "not in the repository"
    UNKNOWN = "unknown to git"


class _GitSilent(Exception):
    """Git has no answer; the message says why."""


def history_of(folder: Path) -> History:
    """Read the commits that touched a folder; without git or a repository the note says so."""
    told = _END + _BETWEEN.join(("%as", "%an", "%s", "%h"))
    try:
        lines = _git(folder, "log", f"--format={told}", "--", ".").split(_END)[1:]
        dirty = bool(_git(folder, "status", "--porcelain", "--", "."))
        cut = _git(folder, "rev-parse", "--is-shallow-repository").strip() == "true"
    except _GitSilent as silent:
        return History(note=f"The change history is not known: {silent}.")
    changes = tuple(Change(*(_printable(part) for part in line.split(_BETWEEN))) for line in lines)
    notes = (
        "No commit has touched this folder yet." if not changes else "",
        "The folder has changes that are not committed." if dirty else "",
        "This copy of the repository is cut: older changes are not in it." if cut else "",
        f"{len(changes) - SHOWN} older changes are in git." if len(changes) > SHOWN else "",
    )
    return History(changes[:SHOWN], " ".join(note for note in notes if note))


def state_of(file: Path) -> tuple[FileState, str]:
    """Say whether a file lies as it was committed; and why git cannot tell, where it cannot."""
    try:
        if not _git(file.parent, "ls-files", "--", file.name):
            return FileState.UNTRACKED, ""
        changed = _git(file.parent, "status", "--porcelain", "--", file.name)
    except _GitSilent as silent:
        return FileState.UNKNOWN, str(silent)
    return (FileState.CHANGED if changed else FileState.COMMITTED), ""


def _git(folder: Path, *arguments: str) -> str:
    git = shutil.which("git")
    if git is None:
        raise _GitSilent("git is not installed")
    if not folder.is_dir():
        raise _GitSilent("the folder is not there")
    environment = {name: value for name, value in os.environ.items() if name not in _OWN_WORLD}
    try:
        done = subprocess.run(  # noqa: S603 - git alone, with arguments of our own
            [git, "-C", str(folder), "--literal-pathspecs", *arguments],
            capture_output=True,
            check=False,
            env=environment | {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"},
            timeout=_PATIENCE_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _GitSilent(f"git does not answer ({type(error).__name__})") from None
    if done.returncode:
        raise _GitSilent(_reason(done.stderr.decode(errors="replace")))
    return done.stdout.decode(errors="replace")


def _reason(complaint: str) -> str:
    """Say in words why git refused; its own message may name paths of this machine."""
    if "not a git repository" in complaint:
        return "the folder is in no git repository"
    if "does not have any commits" in complaint:
        return "the repository has no commit yet"
    if "dubious ownership" in complaint:
        return "the repository belongs to another user, and git does not trust it"
    return "git refused to read the repository"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
