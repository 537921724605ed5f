"""A procedure's document in a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table as Grid

from deployments.cli.display import out, table
from fulcrum.process import Step
from fulcrum.sop import Sop
from fulcrum.sop.parts import KIND_WORDS, Facts, Paragraph, Part, StepHead, Steps, Table

NARROW = 24
"""Columns of the names beside facts."""


def show(sop: Sop) -> None:
    """Print the document, section by section."""
    out.print(sop.title, style="bold", markup=False)
    out.print(sop.purpose, markup=False)
    versions = ", ".join(f"{thing} version {version}" for thing, version in sop.versions)
    out.print(f"{sop.name}, {versions}, on {sop.made_on.isoformat()}", markup=False)
    for section in sop.sections:
        out.print()
        out.rule(section.title, align="left", characters="─")
        for part in section.parts:
            _show(part)


def _show(part: Part) -> None:
    match part:
        case Paragraph():
            out.print(part.text, markup=False)
        case Facts():
            _grid(part.rows)
        case Table():
            out.print()
            table(part.caption, part.columns, part.rows)
            out.print()
        case Steps():
            out.print()
            table(part.title, ("", "step", "by", "what"), _rows(part.steps))
        case StepHead():
            out.print()
            out.print(f"{part.number}. {part.step.name} ({KIND_WORDS[part.step.kind]})", style="bold", markup=False)
            out.print(part.step.what, markup=False)


def _rows(steps: Sequence[Step]) -> list[tuple[str, str, str, str]]:
    return [(f"{number}.", step.name, KIND_WORDS[step.kind], step.what) for number, step in enumerate(steps, start=1)]


def _grid(rows: Sequence[tuple[str, str]]) -> None:
    drawn = Grid.grid(padding=(0, 2, 0, 0))
    drawn.add_column(width=NARROW, style="dim")
    drawn.add_column(overflow="fold")
    for name, value in rows:
        drawn.add_row(name, value.replace("[", "\\["))
    out.print(drawn)
