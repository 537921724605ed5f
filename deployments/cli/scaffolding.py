"""Making a new process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from deployments.cli.display import out, print_json

if TYPE_CHECKING:
    from deployments.scaffold import Scaffold

WIDTH = 80


def new(process: str, *, title: str | None = None, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Make a new process: its folder, its test and its stanza in prefect.yaml. It runs at once, in shadow.

    Args:
        process: Its name in small letters and hyphens, as parcel-claims.
        title: What people call it; made of the name when left out.
        json: Print what was made as one line of JSON.
    """
    from deployments.scaffold import Naming, scaffold  # noqa: PLC0415 - see deployments/cli/__init__.py
    from flows.registry import FOLDER  # noqa: PLC0415 - the same

    root = FOLDER.parent
    made = scaffold(root, Naming.of(process, title))
    commands = _next(made)
    if json:
        next_ones = [" ".join(words) for words in commands]
        print_json({"process": process, "title": made.naming.title, "files": made.files, "next": next_ones})
        return
    _show(made, root, commands)


def _next(made: Scaffold) -> list[tuple[str, ...]]:
    """Give the next commands, each in pieces that a line may end after."""
    name = made.naming.name
    return [
        (f"fulcrum run {name}", f"--source {made.source}"),
        ("fulcrum reviews",),
        (f"fulcrum readiness {name}",),
    ]


def _show(made: Scaffold, root: Path, commands: list[tuple[str, ...]]) -> None:
    *new_files, declared = made.files
    _say(f"Made {made.naming.title}.", "It runs at once, in shadow: people decide every case.", "", "New files:")
    _say(*(f"  {file}" for file in new_files))
    _say("Changed:", f"  {declared}, a stanza at its end", "")
    here = "" if Path.cwd() == root else f", in {root}"
    _say(f"Next{here}:", *(_line(words) for words in commands))


def _line(words: tuple[str, ...]) -> str:
    """Write a command on one line, or on as many as it takes."""
    line = f"  {' '.join(words)}"
    return line if len(line) <= WIDTH else "  " + " \\\n    ".join(words)


def _say(*lines: str) -> None:
    for line in lines:
        # A path stays in one piece, also in a narrow window: it is there to be copied.
        out.print(line, markup=False, soft_wrap=True)
