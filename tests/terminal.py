"""What a command said in a terminal, and how it ended."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True)
class Told:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Read the last line of standard output."""
        return json.loads(self.out.splitlines()[-1])

    @property
    def words(self) -> str:
        """Give all that was said with single spaces, whatever the line breaks."""
        return " ".join(f"{self.out} {self.err}".split())


Command = Callable[..., Told]


def called(*arguments: str) -> Told:
    """Call the `fulcrum` command in this process, where no test's own capture is at hand."""
    from deployments.cli import main

    out, err, code = StringIO(), StringIO(), 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main(list(arguments))
        except SystemExit as end:
            code = int(end.code or 0)
    return Told(code, out.getvalue(), err.getvalue())


def in_process(capfd: pytest.CaptureFixture[str]) -> Command:
    """Give the `fulcrum` command, called in this process."""
    from deployments.cli import main

    def call(*arguments: object) -> Told:
        capfd.readouterr()
        code = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
        said = capfd.readouterr()
        return Told(code, said.out, said.err)

    return call
