"""This machine: Python and the parts that are installed, and room on its disks."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from deployments.doctor.lines import Line, ok, unchecked, wrong
from fulcrum.settings import Settings, project_root

OLDEST = (3, 11)
ROOM = 1_000_000_000
"""Bytes that have to be free: with less, a day's work may find the disk full."""

_LOCKED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")


def look_at_machine(settings: Settings) -> Iterator[Line]:
    """Look at Python, at the parts, and at the disks under the home and the ledger."""
    running = sys.version.split()[0]
    if sys.version_info >= OLDEST:
        yield ok("Python", running)
    else:
        yield wrong("Python", f"{running} is too old", "make setup PYTHON=python3.11, or later")
    yield parts(project_root() / "requirements.txt")
    yield room("disk of the home", settings.home)
    ledger = sqlite_file(settings.ledger_url)
    if ledger is not None and ledger.parent != settings.home:
        yield room("disk of the ledger", ledger)


def parts(lock: Path) -> Line:
    """Compare what is installed of the parts that Fulcrum names with the lock."""
    if not lock.is_file():
        return unchecked("parts", "there is no requirements.txt here to compare with")
    locked: dict[str, set[str]] = {}
    for name, number in _LOCKED.findall(lock.read_text(encoding="utf-8")):
        locked.setdefault(_normal(name), set()).add(number)
    named = [name for name in _named() if name in locked]
    others = [said for name in named if (said := _other(name, locked[name]))]
    if others:
        return wrong("parts", "; ".join(others), "make setup")
    return ok("parts", f"all {len(named)} that Fulcrum names are as the lock has them")


def room(check: str, path: Path) -> Line:
    """Look how much is free on the disk that a path lies on, or would lie on."""
    there = next(each for each in (path, *path.parents) if each.exists())
    free = shutil.disk_usage(there).free
    said = f"{free / 1e9:.1f} GB free"
    return (
        ok(check, said) if free >= ROOM else wrong(check, said, "make room; SQLite and the server stop when it is full")
    )


def sqlite_file(url: str) -> Path | None:
    """Name the file of a ledger on SQLite; None where it is elsewhere, or the URL is none."""
    scheme, slashes, file = url.partition(":///")
    return Path(file.partition("?")[0]) if slashes and scheme.startswith("sqlite") and file else None


def _named() -> Iterator[str]:
    """Name the parts that Fulcrum itself asks for, those of its extras aside."""
    for line in requires("fulcrum") or ():
        name = _NAME.match(line)
        if name and "extra ==" not in line:
            yield _normal(name[0])


def _other(name: str, locked: set[str]) -> str:
    """Say how a part differs from the lock; nothing where it does not."""
    wanted = " or ".join(sorted(locked))
    try:
        found = version(name)
    except PackageNotFoundError:
        return f"{name} is missing, {wanted} is wanted"
    return "" if found in locked else f"{name} is {found}, {wanted} is wanted"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
