"""How right the embedded model is on real texts that are not its own, a step below what was measured."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flows.complaint_response.process import CLASSIFY, COMPLAINT_RESPONSE
from flows.ticket_triage.process import TICKET_TRIAGE
from fulcrum.ai import line
from fulcrum.ai.endpoint import Endpoint
from fulcrum.catalogue import from_labels
from fulcrum.evaluation import Record, evaluate
from fulcrum.examples import Known
from fulcrum.process import Process

MESSAGES = Path(__file__).resolve().parents[2] / "../shared/data/messages"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def records(name: str) -> list[dict[str, Any]]:
    """Read a set beside the project in a seeded order."""
    path = MESSAGES / f"{name}.dev.jsonl"
    if not path.exists():
        pytest.skip(f"no {name} beside the project")
    found = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
    random.Random(7).shuffle(found)  # noqa: S311 - an order that is the same each time
    return found


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Close what asked."""
    yield
    line.close()


def accuracy(process: Process, learn: list[dict[str, Any]], test: list[dict[str, Any]], field: str) -> float:
    known = [Known(id=r["id"], input=r, values=r["truth"], since=LONG_AGO) for r in learn]
    asked = [
        Record(r["id"], process.case.model_validate(r).model_dump(mode="json"), process.meant(r["truth"])) for r in test
    ]
    return float(evaluate(process, Endpoint(), asked, known).summary()["fields"][field]["accuracy"])


@pytest.mark.parametrize("half", [0, 1])
def test_the_product_of_a_complaint(half: int) -> None:
    """Each half of the complaints, with the other one as examples."""
    found = records("complaints_cfpb")
    halves = [found[: len(found) // 2], found[len(found) // 2 :]]
    process = replace(COMPLAINT_RESPONSE, ai_steps=(CLASSIFY,), gates=COMPLAINT_RESPONSE.gates[:2])
    assert accuracy(process, halves[half], halves[1 - half], "product") >= 0.78


@pytest.mark.parametrize(("name", "least"), [("banking77", 0.81), ("clinc150", 0.87)])
def test_the_intent_of_a_message(name: str, least: float) -> None:
    """Seven in ten are the examples, and 800 of the others are measured; benchmarks/messages.py runs them all."""
    found = [record for record in records(name) if record["truth"]["label"] != "oos"]
    cut = int(len(found) * 0.7)
    labels = [record["truth"]["label"] for record in found[:cut]]
    catalogue = from_labels("intent", labels, TICKET_TRIAGE.catalogues[0], none=(), facts={"team": "front_desk"})
    assert accuracy(TICKET_TRIAGE.under([catalogue]), found[:cut], found[cut : cut + 800], "intent") >= least
