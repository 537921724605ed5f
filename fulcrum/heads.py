"""The heads of all cases' chains, published outside the ledger: what a chain per case cannot say of itself (pure).

A chain that has lost its last events, or a case that is gone with all of them, looks whole from inside. So each run
adds a line to a file that is only ever appended to: the heads that have moved since the line before, and a digest over
that line and this. Later every published head must still stand in its case's chain.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from fulcrum.cases import Json
from fulcrum.ledger.chain import START
from fulcrum.ledger.columns import canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One publication: `heads` are by case how many events it has, and the last one's hash."""

    at: datetime
    ledger: str
    run: str
    heads: Mapping[str, tuple[int, str]]
    previous: str = START

    @property
    def digest(self) -> str:
        """Digest the line together with the one before it; SHA-256, hex."""
        return sha256(canonical(self._said()).encode()).hexdigest()

    def written(self) -> str:
        """Write it as a line of JSON."""
        return canonical(self._said() | {"digest": self.digest})

    def _said(self) -> Json:
        return {
            "at": self.at.isoformat(),
            "ledger": self.ledger,
            "run": self.run,
            "heads": {case_id: list(head) for case_id, head in self.heads.items()},
            "previous": self.previous,
        }


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something that is not as it was written: where, and what of it, in words."""

    where: str
    what: str


def read(written: Iterable[str]) -> tuple[list[Line], list[Flaw]]:
    """Read published lines, and name those that were changed, removed, or put elsewhere."""
    lines: list[Line] = []
    flaws: list[Flaw] = []
    previous = START
    for number, text in enumerate(written, start=1):
        line = line_of(text)
        if line is None:
            # Cut off by a crash, it was never published; scrambled later, the line after it says so.
            continue
        if json.loads(text).get("digest") != line.digest:
            flaws.append(Flaw(f"line {number}", "was changed after it was written"))
        if line.previous != previous:
            flaws.append(Flaw(f"line {number}", "does not follow the line before it: one was removed or moved"))
        previous = line.digest
        lines.append(line)
    return lines, flaws


def published(lines: Iterable[Line]) -> dict[tuple[str, int], str]:
    """Collect what was published: by case and number of events, the hash that stood there."""
    return {(case, count): head for line in lines for case, (count, head) in line.heads.items()}


def missing(heads: Mapping[tuple[str, int], str], standing: Mapping[tuple[str, int], str]) -> Iterator[Flaw]:
    """Name what was published and does not stand in the ledger any more."""
    cases = {case for case, _ in standing}
    for (case, count), head in sorted(heads.items()):
        found = standing.get((case, count))
        if found == head:
            continue
        if case not in cases:
            what = "is gone: it was published with its history, and the ledger has nothing of it"
        elif found is None:
            what = f"has lost event {count}, and what followed it"
        else:
            what = f"has another event {count} than was published"
        yield Flaw(f"case {case}", what)


def line_of(text: str) -> Line | None:
    """Read one line; None where it is none, or not whole."""
    try:
        told = json.loads(text)
        heads = {str(case): (int(count), str(head)) for case, (count, head) in told["heads"].items()}
        return Line(
            at=datetime.fromisoformat(told["at"]),
            ledger=told["ledger"], run=told["run"], heads=heads, previous=told["previous"],
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
