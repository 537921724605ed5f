"""One line of the checklist."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a check says; what nobody has measured holds nothing up."""

    PASSED = "passed"
    FAILED = "failed"
    UNMEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Line:
    """A check, its verdict, why, and how to mend it; the remedy is empty where nothing needs one."""

    check: str
    verdict: Verdict
    why: str
    remedy: str = ""


def passed(check: str, why: str) -> Line:
    """Say that a check is met."""
    return Line(check, Verdict.PASSED, why)


def judged(check: str, problems: list[str], *, met: str, remedy: str) -> Line:
    """Fail a check for the problems found, else pass it."""
    return Line(check, Verdict.FAILED, "; ".join(problems), remedy) if problems else passed(check, met)
