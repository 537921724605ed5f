"""Which decided cases are like the one at hand: a reviewer sees what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fulcrum.cases import Json
from fulcrum.ledger import Dossier, Ledger
from fulcrum.process import Process

SHOWN = 3
"""How many a reviewer sees."""

NEAR = 0.25
"""From which similarity on two texts are alike (0 to 1); another document of the same sender reaches it."""


@dataclass(frozen=True, slots=True)
class Alike:
    """A decided case: its id at the source, when it was decided, what was approved, and how near it is (0 to 1)."""

    external_id: str
    decided_at: datetime
    values: Json
    similarity: float


def alike(ledger: Ledger, process: Process, dossiers: Sequence[Dossier]) -> list[tuple[Alike, ...]]:
    """Find for each case, in order, the ones decided by now whose texts are nearest; itself is none of them."""
    now, step = ledger.store.now(), process.ai_steps[0]
    index = ledger.examples.nearest_decided(process.name, step.text, now) if dossiers else None
    if index is None:
        return [() for _ in dossiers]
    # One more each, so that leaving out the case itself leaves enough.
    found = index.find([process.text(each.case.input) for each in dossiers], [now] * len(dossiers), SHOWN + 1)
    return [
        tuple(
            Alike(one.example.id, one.example.since, one.example.values, one.similarity)
            for one in near
            if one.similarity >= NEAR and one.example.id != dossier.case.external_id
        )[:SHOWN]
        for near, dossier in zip(found, dossiers, strict=True)
    ]
