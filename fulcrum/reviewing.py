"""How the reviewing of a process goes, person by person: speed, edits, agreement. For its owner, in no order (pure)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from fulcrum.cases import Json, ReasonCode, ReviewKind, Verdict

SECOND = frozenset({ReasonCode.FOUR_EYES})
"""Why somebody was asked after somebody else had approved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision as it is measured; `changed` are the fields that it changed of what was proposed or approved."""

    case_id: str
    number: int
    kind: ReviewKind
    code: ReasonCode
    verdict: Verdict
    reviewer: str
    changed: tuple[str, ...]
    opened_at: datetime
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What one person's decisions look like.

    `waited` is the median from queued to decided. `never_edited` is the share of their approvals, audits aside, that
    change nothing. `agreed` of `compared` are the decisions that somebody else's, or in a blind audit the AI's, bears
    out; None where there were none.
    """

    reviewer: str
    decisions: int
    waited: timedelta
    never_edited: float | None
    compared: int
    agreed: float | None

    def row(self) -> tuple[str, ...]:
        """Give it as a line of a table."""
        compared = "" if self.agreed is None else f"{self.agreed:.0%} of {self.compared}"
        unedited = "" if self.never_edited is None else f"{self.never_edited:.0%}"
        return self.reviewer, str(self.decisions), _clock(self.waited), unedited, compared

    def as_json(self) -> Json:
        """Give it for a program; times in seconds."""
        return {
            "reviewer": self.reviewer,
            "decisions": self.decisions,
            "median_seconds": round(self.waited.total_seconds(), 1),
            "never_edited": self.never_edited,
            "compared": self.compared,
            "agreed": self.agreed,
        }


def quality(decisions: Sequence[Decided]) -> list[Quality]:
    """Measure each person's decisions; sorted by name, because this is no ranking."""
    by_person: dict[str, list[Decided]] = defaultdict(list)
    for decision in decisions:
        by_person[decision.reviewer].append(decision)
    bears_out: dict[str, list[bool]] = defaultdict(list)
    for reviewer, same in (*_by_two(decisions), *_in_audits(decisions)):
        bears_out[reviewer].append(same)
    return [_quality(name, by_person[name], bears_out[name]) for name in sorted(by_person)]


def _quality(reviewer: str, decisions: Sequence[Decided], bears_out: Sequence[bool]) -> Quality:
    seen = [one for one in decisions if one.verdict is Verdict.APPROVE and one.kind is ReviewKind.DECIDE]
    return Quality(
        reviewer=reviewer,
        decisions=len(decisions),
        waited=timedelta(seconds=median((one.decided_at - one.opened_at).total_seconds() for one in decisions)),
        never_edited=_share(not one.changed for one in seen),
        compared=len(bears_out),
        agreed=_share(bears_out),
    )


def _by_two(decisions: Iterable[Decided]) -> Iterator[tuple[str, bool]]:
    """Compare what two people decided of one case, the second after the first; each of them is one of the two."""
    ordered = sorted(decisions, key=lambda one: (one.case_id, one.number))
    for first, second in pairwise(ordered):
        if first.case_id == second.case_id and second.code in SECOND and first.verdict is Verdict.APPROVE:
            same = second.verdict is Verdict.APPROVE and not second.changed
            yield first.reviewer, same
            yield second.reviewer, same


def _in_audits(decisions: Iterable[Decided]) -> Iterator[tuple[str, bool]]:
    """Compare what was decided blindly with what the AI had proposed."""
    for one in decisions:
        if one.kind is ReviewKind.AUDIT and one.verdict in {Verdict.APPROVE, Verdict.REJECT}:
            yield one.reviewer, one.verdict is Verdict.APPROVE and not one.changed


def _share(told: Iterable[bool]) -> float | None:
    each = list(told)
    return sum(each) / len(each) if each else None


def _clock(span: timedelta) -> str:
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"
