"""What a standard operating procedure says: the definition that every part of Fulcrum reads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from fulcrum.cases import Json
from fulcrum.catalogue import Catalogue, Catalogues, bounded
from fulcrum.due import ONE_DAY, Due
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


class Priority(StrEnum):
    """How soon a person should look at a case."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


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
    """Where a figure comes from: an event log that the same code has measured, somebody's word, or a sample history."""

    MEASURED = "measured"
    DECLARED = "declared"
    SAMPLE = "sample"


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
    predictability: float | None = None
    """The 95th percentile of the cycle time over its median; None where nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objectives:
    """What the process promises."""

    cycle_time_p95: timedelta
    cost_per_case: Decimal
    currency: str
    manual_rate: float
    error_rate: float
    predictability: float | None = None
    """The 95th percentile of the cycle time over its median, at most; None promises nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a case costs besides AI, in the process's currency: an hour of the people's time, and a fixed amount."""

    person_per_hour: Decimal
    fixed_per_case: Decimal = Decimal(0)


def one_person(_values: Json) -> int:
    """Let one person's approval be enough, whatever the values."""
    return 1


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
    due: Due = ONE_DAY
    approvals: Callable[[Json], int] = one_person
    """How many different people must approve an outcome's values before they take effect."""
    entered_by: Callable[[Json], str | None] = field(default=lambda _input: None)
    """Who entered a case, as its input says; where several must approve, they cannot be among them."""
    verified: Callable[[Json], bool] | None = None
    """Asks for a reviewer's code where several must approve, where many are decided at once, and where it says so of
    the values. None: this process asks for none."""
    priority: Callable[[Json], Priority] = field(default=lambda _values: Priority.NORMAL)
    """How soon a case should be looked at, of the proposed values."""
    amount: Callable[[Json], Decimal | None] = field(default=lambda _values: None)
    """The amount at stake, in the process's currency, of the proposed values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promises:
    """Rates that are watched case by case, besides the error rate that the objectives promise.

    `gate_failures` and `degraded` are shares of all cases. `overrides` is the share of what people decide after one
    reason that they change or refuse; None promises what it was when the process's autonomy was granted.
    """

    gate_failures: float = 0.25
    degraded: float = 0.05
    overrides: float | None = None


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
    by business key, which case holds it already: posted, or in work. `catalogues` are those in force.
    """

    loaded: Any
    today: date
    taken: Mapping[str, str] = field(default_factory=dict)
    catalogues: Catalogues = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A suite of rules that a batch must meet.

    `table` turns the batch's rows into the columns the rules speak of, one dict a case in the batch's order, each
    with its `case_id`. An outcome gate stands after the AI step that `after` names, after the last one where it names
    none.
    """

    name: str
    stage: Stage
    rules: tuple[Rule, ...]
    table: Callable[[Sequence[Row], GateContext], list[Json]]
    tolerance: Tolerance = Tolerance()
    after: str = ""


@dataclass(frozen=True, kw_only=True)
class AiStep:
    """A question that the process asks a model for each case."""

    name: str
    answer: type[BaseModel]
    """What the model is asked for; its values join those of the steps before it."""
    prompt: Path
    text: Callable[[Json, Json], str]
    """What the model reads: of the case's input, and of the values that are there already."""
    examples: int = 0
    """How many known outcomes a request shows at most: the nearest of those known before the case arrived."""

    @cached_property
    def prompt_text(self) -> str:
        """Read the prompt's file once."""
        return self.prompt.read_text(encoding="utf-8")

    @cached_property
    def prompt_version(self) -> str:
        """Hash the prompt's text (12 hex digits)."""
        return _digest(self.prompt_text.encode())


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
    ai_steps: tuple[AiStep, ...]
    """The questions that a model is asked, in order."""
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
    derived: Callable[[Json, Json, Catalogues], Json] = field(default=lambda _input, _values, _catalogues: {})
    """What follows by rule from the input and the values so far, as values; recomputed when a person corrects those."""
    catalogues: tuple[Catalogue, ...] = ()
    """The options of fields that are data: as shipped, until others are in force."""
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
    costs: Costs | None = None
    """What people's time costs; None where nobody has said, so that the cost of a case leaves it out and says so."""
    promises: Promises = Promises()
    segment: Callable[[Json, Json], str] = field(default=lambda _input, _values: "")
    """The kind of case, of input and outcome's values, as a word that is no content: what overrides are compared by."""

    def __post_init__(self) -> None:
        """Raise DefinitionError with the field's name when the definition leaves something out."""
        for name, problem in _gaps(self):
            raise DefinitionError(process=self.name or "without a name", field=name, problem=problem)

    def capped(self, level: Autonomy) -> Autonomy:
        """Keep a level within the process's ceiling."""
        return min(level, self.max_autonomy, key=LEVELS.index)

    @cached_property
    def sop_version(self) -> str:
        """Hash the procedure (12 hex digits): the folder's code and texts, samples aside, and the catalogues in force.

        So a record names the procedure that it is under.
        """
        parts = [name.encode() + b"\0" + path.read_bytes() for name, path in sorted(_procedure(self.folder))]
        return _digest(b"".join(parts) + "".join(catalogue.version for catalogue in self.catalogues).encode())

    @cached_property
    def prompt_version(self) -> str:
        """Hash the prompts' texts (12 hex digits)."""
        return _digest(b"\0".join(step.prompt_text.encode() for step in self.ai_steps))

    @cached_property
    def options(self) -> Catalogues:
        """Give the catalogues by the field that each is named for."""
        return {catalogue.field: catalogue for catalogue in self.catalogues}

    def bounded(self, model: type[BaseModel]) -> type[BaseModel]:
        """Let the fields of a model that have a catalogue take its options alone."""
        return bounded(model, self.options)

    def under(self, catalogues: Iterable[Catalogue]) -> Process:
        """Give the process with other catalogues in force, in place of those of the same fields."""
        others = {catalogue.field: catalogue for catalogue in catalogues}
        kept = tuple(others.get(catalogue.field, catalogue) for catalogue in self.catalogues)
        return self if kept == self.catalogues else replace(self, catalogues=kept)

    def place(self, step: str) -> int:
        """Say which of the AI steps one is, counted from 0; an empty name is the last."""
        names = [each.name for each in self.ai_steps]
        return names.index(step) if step else len(names) - 1

    def required_of(self, step: AiStep) -> list[str]:
        """List the required fields that a step answers: those whose confidence counts."""
        return [name for name in self.review.required if name in step.answer.model_fields]

    def text(self, case_input: Json) -> str:
        """Give a case's text, as the first AI step reads it."""
        return self.ai_steps[0].text(case_input, {})

    def complete(self, case_input: Json, values: Json, *, but: Collection[str] = ()) -> Json:
        """Add to values what follows from them by rule, fields of `but` aside."""
        follows = self.derived(case_input, values, self.options)
        return values | {name: value for name, value in follows.items() if name not in but}

    def meant(self, values: Json) -> Json:
        """Read labelled values: `label` means the one field that has a catalogue, an alias the option's own name."""
        told = dict(values)
        if "label" in told and len(self.catalogues) == 1:
            told.setdefault(self.catalogues[0].field, told["label"])
        for name, catalogue in self.options.items():
            option = catalogue.find(told.get(name))
            told |= {name: option.name} if option else {}
        return told


MAY_BE_EMPTY = frozenset({"personal", "catalogues"})


def _gaps(process: Process) -> Iterator[tuple[str, str]]:
    """Find what a definition leaves empty, by field, those of its parts among them; then what cannot be."""
    for part in fields(process):
        value = getattr(process, part.name)
        if part.name not in MAY_BE_EMPTY and value in ("", ()):
            yield part.name, "is empty"
        if is_dataclass(value) and not isinstance(value, type):
            yield from ((f"{part.name}.{f.name}", "is empty") for f in fields(value) if getattr(value, f.name) == "")
    yield from _contradictions(process)


def _contradictions(process: Process) -> Iterator[tuple[str, str]]:
    """Find what a definition says that cannot be, by field."""
    known = {*process.case.model_fields, *process.outcome.model_fields}
    if unknown := sorted(set(process.personal) - known):
        yield "personal", f"names {', '.join(unknown)}, which neither case nor outcome has"
    if process.capped(process.autonomy) is not process.autonomy:
        yield "autonomy", f"is {process.autonomy}, above the ceiling {process.max_autonomy}"
    for name in set(process.review.required) - set(process.outcome.model_fields):
        yield "review.required", f"names {name}, which the outcome does not have"
    for name in set(process.options) - set(process.outcome.model_fields):
        yield "catalogues", f"has options for {name}, which the outcome does not have"
    names = [step.name for step in process.ai_steps]
    if len(set(names)) < len(names):
        yield "ai_steps", "names a step twice"
    for gate in process.gates:
        if gate.after and gate.after not in names:
            yield "gates", f"has {gate.name} after {gate.after}, which is no AI step"


def _procedure(folder: Path) -> Iterator[tuple[str, Path]]:
    """Find the files that make a procedure: code and texts, also in folders, those of samples aside."""
    for path in folder.rglob("*"):
        within = path.relative_to(folder)
        if path.suffix in {".py", ".md"} and within.parts[0] != "samples":
            yield within.as_posix(), path


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()[:12]
