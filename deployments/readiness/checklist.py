"""The checklist of a process: its definition read, its surroundings gathered, every check asked."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from deployments.readiness.checks import CHECKS
from deployments.readiness.subject import Score, Subject, target_types
from flows.registry import process as find
from fulcrum.cases import Json
from fulcrum.errors import FulcrumError, UnknownProcess
from fulcrum.process import Process
from fulcrum.readiness.lines import Line, Verdict, passed
from fulcrum.settings import project_root

DEFINITION = "definition"


@dataclass(frozen=True, slots=True)
class Readiness:
    """A process's checklist; `ready` when no line fails."""

    process: str
    lines: tuple[Line, ...]

    @property
    def ready(self) -> bool:
        """Tell whether the process may be deployed."""
        return all(line.verdict is not Verdict.FAILED for line in self.lines)

    def to_json(self) -> Json:
        """Give the list as JSON values."""
        return {"process": self.process, "ready": self.ready, "lines": [asdict(line) for line in self.lines]}


def readiness(name: str, *, measure: Callable[[Process], Score] | None = None) -> Readiness:
    """Check a process by its name; `measure` asks its model about its golden set.

    A definition that cannot be imported is a line that fails. Raises UnknownProcess.
    """
    try:
        process = find(name)
    except UnknownProcess:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a definition raises, it is not ready
        return Readiness(name, (unsound(error),))
    subject = Subject.of(process, root=project_root(), targets=target_types(), measure=measure)
    return checklist(subject)


def checklist(subject: Subject) -> Readiness:
    """Ask every check about what was gathered."""
    sound = passed(DEFINITION, f"complete, version {subject.process.sop_version}")
    return Readiness(subject.process.name, (sound, *(check(subject) for check in CHECKS)))


def unsound(error: Exception) -> Line:
    """Say why a definition cannot be imported."""
    if isinstance(error, FulcrumError):
        return Line(DEFINITION, Verdict.FAILED, str(error), "mend it in its process.py")
    at = traceback.extract_tb(error.__traceback__)[-1]
    why = f"cannot be imported: {type(error).__name__} at {Path(at.filename).name}:{at.lineno}"
    return Line(DEFINITION, Verdict.FAILED, why, "mend it there")
