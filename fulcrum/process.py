"""What a standard operating procedure says: the definition that every part of Fulcrum reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from fulcrum.cases import Json
from fulcrum.errors import DefinitionError


class Autonomy(StrEnum):
    """How much a process may do alone; later means more."""

    SHADOW = "shadow"
    ASSISTED = "assisted"
    SUPERVISED = "supervised"
    AUTONOMOUS = "autonomous"


LEVELS = tuple(Autonomy)
"""The levels in order, the least first."""


class StepKind(StrEnum):
    """Who or what does a step."""

    AI = "ai"
    HUMAN = "human"
    RULE = "rule"
    SYSTEM = "system"


class Stage(StrEnum):
    """Where a gate stands: before an AI step or after it."""

    INTAKE = "intake"
    OUTCOME = "outcome"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The person who answers for the process."""

    name: str
    email: str
    queue: str
    """The queue of escalated reviews."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deputy:
    """Who stands in for the owner."""

    name: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of the procedure as people speak of it: what is done, and by whom or what."""

    name: str
    kind: StepKind
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Intents:
    """What leadership has said before the work was redesigned, each in a sentence that begins with yes or no."""

    speed_over_accuracy: str
    ownership_open: str
    willing_to_redesign: str


class Basis(StrEnum):
    """Where a figure comes from: an event log that the same code has measured, or somebody's word."""

    MEASURED = "measured"
    DECLARED = "declared"


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """How the process did before the redesign, to be compared with its objectives; `source` says who knows."""

    basis: Basis
    source: str
    cycle_time_p95: timedelta
    cost_per_case: Decimal
    currency: str
    manual_rate: float
    error_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Objectives:
    """What the process promises."""

    cycle_time_p95: timedelta
    cost_per_case: Decimal
    currency: str
    manual_rate: float
    error_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewPolicy:
    """When a proposal needs no person, and what a person gets to see.

    `threshold` is the confidence a cleared proposal needs at least. `audit_share` of what would clear is reviewed
    all the same, with the proposal hidden. `required` are the fields whose confidence counts. `label` makes the
    short label that a review's name shows, of values fit to be shown (process name when it gives none).
    """

    threshold: float
    audit_share: float
    required: tuple[str, ...]
    queue: str
    label: Callable[[Json], str]
    due: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How many of a batch may fail a gate before the whole batch is refused: not more than `share`, or than `least`."""

    share: float = 0.20
    least: int = 5

    def exceeded(self, failed: int, total: int) -> bool:
        """Tell whether the failures of a batch are too many."""
        return failed >= self.least and failed > self.share * total


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One expectation of a gate, with the words a person reads when it is broken.

    `expectation` builds the Great Expectations expectation when the gate runs, because importing that library takes
    seconds. `severity` is its native one: `critical` and `warning` send the row to a person, `info` only records.
    """

    name: str
    reason: str
    expectation: Callable[[], Any]
    severity: str = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One case as a gate sees it: its input, and after an AI step what was proposed."""

    case_id: str
    input: Json
    values: Json = field(default_factory=dict)
    unsound: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateContext:
    """What a gate may know beside the batch.

    `loaded` is what `Process.context` loads once a run (a supplier master). `today` is the run's date. `taken` says,
    by business key, which case holds it already: posted, or in work.
    """

    loaded: Any
    today: date
    taken: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A suite of rules that a batch must meet.

    `table` turns the batch's rows into the columns the rules speak of, one dict a case in the batch's order, each
    with its `case_id`.
    """

    name: str
    stage: Stage
    rules: tuple[Rule, ...]
    table: Callable[[Sequence[Row], GateContext], list[Json]]
    tolerance: Tolerance = Tolerance()


@dataclass(frozen=True, kw_only=True)
class AiStep:
    """A question that the process asks a model for each case."""

    name: str
    outcome: type[BaseModel]
    prompt: Path
    text: Callable[[Json], str]
    """The part of a case's input that the model reads."""
    examples: int = 0
    """How many known outcomes a request shows at most: the nearest of those known before the case arrived."""

    @cached_property
    def prompt_text(self) -> str:
        """Read the prompt's file once."""
        return self.prompt.read_text(encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Process:
    """A redesigned business process: who answers for it, what comes in and goes out, who may do what alone."""

    name: str
    title: str
    purpose: str
    folder: Path
    """Where the procedure lives: its code, prompts and samples."""
    owner: Owner
    deputy: Deputy
    on_call: str
    """Where whoever is on call reads alerts."""
    steps: tuple[Step, ...]
    """The procedure's steps in order."""
    steps_before: tuple[Step, ...]
    """The steps as they were before the redesign."""
    intents: Intents
    case: type[BaseModel]
    outcome: type[BaseModel]
    step: AiStep
    gates: tuple[Gate, ...]
    objectives: Objectives
    baseline: Baseline
    review: ReviewPolicy
    autonomy: Autonomy
    max_autonomy: Autonomy
    """The ceiling that no setting overrides."""
    personal: tuple[str, ...]
    """The fields of case and outcome that say something of a person; empty when there are none."""
    retention: timedelta
    """How long contents are kept once a case is finished."""
    targets: tuple[str, ...]
    """References of target blocks, as `sql-target/erp-postings`."""
    posting: Callable[[Any], BaseModel]
    """The outcome as the target books it."""
    posting_model: type[BaseModel]
    """The model of what is booked; its Decimal fields are amounts."""
    business_key: Callable[[Json], str | None]
    """What may be posted only once, of the outcome's values; None when it cannot be told."""
    unacceptable: Callable[[Json], Sequence[str]] = field(default=lambda _values: ())
    """What is wrong in an outcome's values whatever the document says, in words: not even a person may approve it."""
    known: Callable[[Json], Json | None] = field(default=lambda _input: None)
    """The outcome's values where the input says them exactly (a machine-readable attachment); no model is asked."""
    attachment: Callable[[bytes, str], Json] | None = None
    """Reads what a machine left in a PDF, of its bytes and name: further fields of the case."""
    context: Callable[[], Any] = field(default=lambda: None)
    """Loads, once a run, what the gates check against."""
    model: str = "default"
    """Name of the model-endpoint block."""
    patience: timedelta = timedelta(minutes=30)
    currency: str = "EUR"

    def __post_init__(self) -> None:
        """Raise DefinitionError with the field's name when the definition leaves something out."""
        for name, problem in _gaps(self):
            raise DefinitionError(process=self.name or "without a name", field=name, problem=problem)

    def capped(self, level: Autonomy) -> Autonomy:
        """Keep a level within the process's ceiling."""
        return min(level, self.max_autonomy, key=LEVELS.index)

    @cached_property
    def sop_version(self) -> str:
        """Hash the folder's code and prompts (12 hex digits), so that a record names the procedure it is under."""
        files = sorted(p for p in self.folder.iterdir() if p.suffix in {".py", ".md"})
        return _digest(b"".join(p.name.encode() + b"\0" + p.read_bytes() for p in files))

    @cached_property
    def prompt_version(self) -> str:
        """Hash the prompt's text (12 hex digits)."""
        return _digest(self.step.prompt_text.encode())

    def gate(self, stage: Stage) -> Gate:
        """Find the gate of a stage."""
        return next(gate for gate in self.gates if gate.stage is stage)


MAY_BE_EMPTY = frozenset({"personal"})


def _gaps(process: Process) -> Iterator[tuple[str, str]]:
    """Find what a definition leaves empty, by field, those of its parts among them; and what cannot be."""
    for part in fields(process):
        value = getattr(process, part.name)
        if part.name not in MAY_BE_EMPTY and value in ("", ()):
            yield part.name, "is empty"
        if is_dataclass(value) and not isinstance(value, type):
            yield from ((f"{part.name}.{f.name}", "is empty") for f in fields(value) if getattr(value, f.name) == "")
    known = {*process.case.model_fields, *process.outcome.model_fields}
    if unknown := sorted(set(process.personal) - known):
        yield "personal", f"names {', '.join(unknown)}, which neither case nor outcome has"
    if process.capped(process.autonomy) is not process.autonomy:
        yield "autonomy", f"is {process.autonomy}, above the ceiling {process.max_autonomy}"
    for name in set(process.review.required) - set(process.outcome.model_fields):
        yield "review.required", f"names {name}, which the outcome does not have"


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()[:12]
