"""The names that a new process goes by, and which it may not have."""

from __future__ import annotations

import builtins
import keyword
import re
from dataclasses import dataclass

from fulcrum.errors import NameUnusable, UsageError

LONGEST_NAME = 40
LONGEST_TITLE = 60

OWN_WORDS = frozenset({
    "ahead", "annotations", "ask", "asked", "batch", "check", "cleared", "deliver", "flow", "options", "process_run",
    "proposed", "request_reviews", "route", "run", "source", "take_in",
})  # fmt: skip
"""What a flow is written with: a flow of the same name would hide it."""

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_SIGNS = frozenset(" -,.&'()/")


@dataclass(frozen=True, slots=True)
class Naming:
    """A process's name and title."""

    name: str
    title: str

    @classmethod
    def of(cls, name: str, title: str | None = None) -> Naming:
        """Take a name, and a title where the name does not make one; raise NameUnusable or UsageError."""
        if problem := _problem(name):
            raise NameUnusable(name=name if name.isprintable() else ascii(name), problem=problem)
        told = name.replace("-", " ").capitalize() if title is None else title.strip()
        if not 0 < len(told) <= LONGEST_TITLE or not all(sign.isalnum() or sign in _SIGNS for sign in told):
            raise UsageError(
                problem=f"--title is 1 to {LONGEST_TITLE} letters, digits, spaces and any of - , . & ' ( ) /"
            )
        return cls(name, told)

    @property
    def folder(self) -> str:
        """Name the folder, the module and the flow's function."""
        return _module(self.name)


def _module(name: str) -> str:
    return name.replace("-", "_")


def _problem(name: str) -> str:
    """Say why a process cannot be called so; empty when it can."""
    if not _NAME.fullmatch(name) or not 1 < len(name) <= LONGEST_NAME:
        return f"a name is 2 to {LONGEST_NAME} small letters and digits in words joined by -, and begins with a letter"
    if keyword.iskeyword(_module(name)):
        return "it is a word of Python"
    if hasattr(builtins, _module(name)) or _module(name) in OWN_WORDS:
        return "every flow uses that word already"
    return ""
