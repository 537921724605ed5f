"""Measuring the AI steps of a process."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from deployments.cli.display import err, out, print_json, say, table
from deployments.cli.models import endpoint_of
from deployments.cli.opening import with_examples
from fulcrum.evaluation import Evaluation, load
from fulcrum.evaluation import evaluate as measure
from fulcrum.process import Process


def evaluate(
    process: str,
    *,
    dataset: Path,
    predictions: Path | None = None,
    model: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Run the AI steps over records whose truth is known, without changing the ledger.

    A step that is shown examples gets those that the ledger and its catalogues know.

    Args:
        process: Name of the process, as invoice-intake.
        dataset: A JSONL file of records with id, text and truth.
        predictions: Write what was said to this file, a record a line.
        model: Name of a model-endpoint block; the process's own when left out.
        json: Print the figures as one line of JSON.
    """
    definition, known = with_examples(process)
    records = load(dataset, definition)
    endpoint = endpoint_of(model or definition.model, say=say)
    with err.status(f"Asking {endpoint.model} about {len(records)} records"):
        found = measure(definition, endpoint, records, known)
    if predictions is not None:
        _write(predictions, definition, found)
    if json:
        print_json(found.summary())
        return
    told = found.summary()
    rows = [(name, f"{f['accuracy']:.1%}", f"{f['answered']:.1%}", f["n"]) for name, f in told["fields"].items()]
    table(
        f"{definition.title}: {endpoint.model}",
        ("field", "right", "answered", "records"),
        rows,
        right=("right", "answered", "records"),
    )
    out.print(f"{told['records']} records in {told['seconds']:.1f} s, AI cost {found.ai_cost:f} {endpoint.currency}.")


def _write(path: Path, process: Process, found: Evaluation) -> None:
    with path.open("w", encoding="utf-8") as lines:
        for prediction in found.predictions:
            line = {
                "id": prediction.record.id,
                "outcome": prediction.outcome,
                "confidence": prediction.confidence,
                "correct": prediction.correct(process.outcome),
            }
            lines.write(json_module.dumps(line, ensure_ascii=False) + "\n")
