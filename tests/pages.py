"""The pages of the documents: what is code on them, what is prose, and which commands they show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def fenced(page: Path, *kinds: str) -> Iterator[str]:
    """Give the blocks of a page that are fenced as one of these kinds."""
    return (body for kind, body in _FENCE.findall(page.read_text(encoding="utf-8")) if kind in kinds)


def prose(page: Path) -> str:
    """Give a page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def commands(page: Path) -> Iterator[str]:
    """Give the command lines of a page: those after a prompt; all of a block's where it shows none."""
    for body in fenced(page, "console", "bash", "sh", "shell"):
        lines = body.replace("\\\n", " ").splitlines()
        prompted = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        yield from prompted or [line for line in lines if line and not line.startswith("#")]
