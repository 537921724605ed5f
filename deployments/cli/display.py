"""How things look in a terminal: tables that fit 80 columns, JSON that a program reads."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table

out = Console(highlight=False, soft_wrap=False)
err = Console(stderr=True, highlight=False)


def say(line: str) -> None:
    """Tell the user something that is not the command's result."""
    err.print(line, markup=False)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """Print a table; `right` names the columns of numbers."""
    drawn = Table(header_style="bold", box=None, pad_edge=False)
    for name in columns:
        drawn.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(_plain(_words(cell)) for cell in row))
    out.print(title, style="bold", markup=False)
    out.print(drawn)


def print_json(value: Any) -> None:
    """Print JSON on one line of standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")


def _words(cell: object) -> str:
    """Write a cell for people: nothing for None, the entries of a list one below the other."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(cell, list | tuple):
        return "\n".join(_words(entry) for entry in cell)
    if isinstance(cell, dict):
        return ", ".join(_words(value) for value in cell.values() if value is not None)
    return str(cell)


def _plain(text: str) -> str:
    """Keep a case's own text from speaking to the terminal: no control characters, no markup."""
    shown = "".join(char if char.isprintable() or char == "\n" else " " for char in text)
    return shown.replace("[", "\\[")
