"""Loading and counting what a process's outcomes are known of: the examples that its AI step is shown."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from deployments.cli.display import out, print_json, table
from deployments.cli.opening import in_force, open_ledger
from flows.registry import process as find
from fulcrum.errors import UsageError
from fulcrum.evaluation import Record
from fulcrum.evaluation import load as read
from fulcrum.examples import Known, NewExample, choice
from fulcrum.process import Process
from fulcrum.sources.records import MAX_ID
from fulcrum.sources.text import storable_id, storable_value


def load(process: str, file: Path, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Load labelled records as examples; what was loaded before stays as it is.

    Args:
        process: Name of the process, as invoice-intake.
        file: A JSONL file of records with id, text and truth; known_at, where given, says since when it is known.
        json: Print the counts as one line of JSON.
    """
    definition = find(process)
    items = [_example(record, definition) for record in read(file, definition)]
    with open_ledger() as ledger:
        loaded = ledger.examples.load(definition.name, items)
    if json:
        print_json({"process": definition.name, "new": loaded.new, "known": loaded.known, "changed": loaded.changed})
        return
    out.print(f"{loaded.new} examples are new, {loaded.known} were known before.")
    if loaded.changed:
        first = ", ".join(loaded.changed[:5])
        out.print(
            f"{len(loaded.changed)} of these now say otherwise, the first: {first}. They stay as they were loaded; "
            "give a correction an id of its own.",
            markup=False,
        )
    if not any(step.examples for step in definition.ai_steps):
        out.print("No AI step of it is shown examples (examples=0), so these change nothing.")


def listed(process: str, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Count the examples that hold now: those loaded, and the cases that a person approved.

    Args:
        process: Name of the process, as invoice-intake.
        json: Print the counts as one JSON object.
    """
    with open_ledger() as ledger:
        definition = in_force(ledger, process)
        now = ledger.store.now()
        known = [each for each in ledger.examples.known(definition.name, now) if each.until is None]
    field = _counted_by(definition)
    labels = _labels(definition, known, field) if field else {}
    decided = sum(each.decided for each in known)
    if json:
        counts = {"examples": len(known), "loaded": len(known) - decided, "decided": decided}
        print_json({"process": definition.name, **counts, "field": field, "labels": labels})
        return
    if labels:
        table(f"{definition.title}: examples", (str(field), "examples"), list(labels.items()), right=("examples",))
    shows = f"a request shows at most {max(step.examples for step in definition.ai_steps)}"
    out.print(f"{len(known)} examples, {decided} of them decided in a review; {shows}.")


def _example(record: Record, process: Process) -> NewExample:
    """Make an example of a record; raise UsageError where it could never be shown."""
    fields = [name for step in process.ai_steps for name in step.answer.model_fields]
    if not set(fields) & set(record.truth):
        problem = (
            f"the truth of record {record.id} has none of the fields that the AI is asked for: {', '.join(fields)}"
        )
        raise UsageError(problem=problem)
    if len(record.id) > MAX_ID:
        raise UsageError(problem=f"the id that begins with {record.id[:40]} is longer than {MAX_ID} characters")
    return NewExample(
        id=storable_id(record.id),
        input=storable_value(record.input),
        values=storable_value(record.truth),
        known_at=record.known_at,
    )


def _counted_by(process: Process) -> str | None:
    """Name the field that examples are counted by: that of the first catalogue, else the first step's one choice."""
    return next(iter(process.options), None) or choice(process.ai_steps[0].answer)


def _labels(process: Process, known: list[Known], field: str) -> dict[str, int]:
    said: list[Any] = [process.meant(each.values).get(field) for each in known]
    counts = Counter("none" if label is None else str(label) for label in said)
    return dict(sorted(counts.items(), key=lambda count: (-count[1], count[0])))
