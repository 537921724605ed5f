"""What the document is made of; the page and the terminal each know how to show these and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from fulcrum.process import Step, StepKind


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of plain text."""

    kind: ClassVar[str] = "paragraph"
    text: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts with their names."""

    kind: ClassVar[str] = "facts"
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its caption; each row has a cell for each column, and its first cell names it."""

    kind: ClassVar[str] = "table"
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Steps:
    """Steps in order, to be drawn; `id` is unique in the document."""

    kind: ClassVar[str] = "steps"
    id: str
    title: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class StepHead:
    """The heading of what is said about one step."""

    kind: ClassVar[str] = "step"
    number: int
    step: Step


Part: TypeAlias = Paragraph | Facts | Table | Steps | StepHead


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the document under a heading; `id` is unique in the document."""

    id: str
    title: str
    parts: tuple[Part, ...]


KIND_WORDS = {
    StepKind.AI: "AI",
    StepKind.HUMAN: "Person",
    StepKind.RULE: "Rule",
    StepKind.SYSTEM: "System",
}
"""Who or what does a step, as the document says it."""
