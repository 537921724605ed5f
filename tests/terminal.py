"""What a command said in a terminal, and how it ended."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


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
