"""How ticket triage learns: from 3 examples an intent, over five runs whose reviews are answered with the truth.

Each run takes in 300 new messages. Whatever it puts before a person is decided there and then with the true intent, so
the next run is shown what people have decided; what clears is never corrected. Runs the real flow on a Prefect server
of its own, in an empty home. Last line: one JSON object. `held_out` is the model's accuracy on 1,000 messages that are
the same after each run and are never shown; `accuracy` that on the run's own 300, `review_rate` the share of them that
went to a person, `wrong_cleared` the share of the others that is wrong.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.loopback.home import own_home

ROOT = Path(__file__).resolve().parents[1]
if TYPE_CHECKING:
    from fulcrum.ledger import Ledger

PROCESS = "ticket-triage"
FIRST, RUNS, MESSAGES, HELD_OUT = 3, 5, 300, 1_000
"""Examples an intent to begin with; runs; messages a run; messages that are only measured."""

Record = dict[str, Any]


def main() -> None:
    """Run it and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", type=Path, default=ROOT / "../shared/data/messages/banking77.dev.jsonl")
    parser.add_argument("--seed", type=int, default=7)
    chosen = parser.parse_args()
    if not chosen.dataset.exists():
        print(json.dumps({"skipped": "no data; give --dataset a JSONL file of id, text and truth.label"}))
        return
    with own_home() as home:
        print(json.dumps(learn(chosen.dataset, chosen.seed, home)))


def learn(
    dataset: Path, seed: int, home: Path, *, runs: int = RUNS, messages: int = MESSAGES, held_out: int = HELD_OUT
) -> dict[str, Any]:
    """Teach and measure; the settings' home is `home`."""
    first, later = _split(dataset, seed)
    measured, coming = later[:held_out], later[held_out:]
    from deployments.stack import api

    told = []
    with api():
        from fulcrum.ledger import Ledger

        with Ledger.open(f"sqlite:///{home / 'ledger.db'}") as ledger:
            _begin(ledger, first)
            before = _accuracy(ledger, measured)
            for number in range(runs):
                some = coming[number * messages : (number + 1) * messages]
                told.append(_run(ledger, some, home / f"{number}.jsonl") | {"held_out": _accuracy(ledger, measured)})
    return {"dataset": dataset.stem, "examples_at_first": len(first), "held_out_at_first": before, "runs": told}


def _split(dataset: Path, seed: int) -> tuple[list[Record], list[Record]]:
    """Draw the first examples of each intent; the others are the messages to come."""
    records: list[Record] = [json.loads(line) for line in dataset.read_text(encoding="utf-8").splitlines()]
    random.Random(seed).shuffle(records)  # noqa: S311 - a split that is the same each time
    seen: Counter[str] = Counter()
    first, later = [], []
    for record in records:
        label = record["truth"]["label"]
        seen[label] += 1
        (first if seen[label] <= FIRST else later).append(record)
    return first, later


def _begin(ledger: Ledger, first: list[Record]) -> None:
    from flows.ticket_triage.process import TICKET_TRIAGE
    from fulcrum.catalogue import from_labels
    from fulcrum.examples import NewExample

    shipped = TICKET_TRIAGE.catalogues[0]
    labels = [record["truth"]["label"] for record in first]
    facts = {"team": "front_desk", "priority": "normal"}
    found = from_labels(shipped.field, labels, shipped, none=(), facts=facts)
    ledger.catalogues.put(PROCESS, found, by="benchmark", reason="the labels of the data")
    ledger.examples.load(PROCESS, [NewExample(id=r["id"], input=r, values=r["truth"]) for r in first])


def _accuracy(ledger: Ledger, records: list[Record]) -> float:
    """Ask the model about messages as it would be asked now, without changing the ledger."""
    from flows.ticket_triage.process import TICKET_TRIAGE
    from fulcrum.ai.endpoint import Endpoint
    from fulcrum.evaluation import Record as Labelled
    from fulcrum.evaluation import evaluate

    process = ledger.catalogues.bind(TICKET_TRIAGE)
    labelled = [Labelled(r["id"], r, process.meant(r["truth"])) for r in records]
    found = evaluate(process, Endpoint(), labelled, ledger.examples.known(PROCESS, ledger.store.now()))
    return float(found.summary()["fields"]["intent"]["accuracy"])


def _run(ledger: Ledger, records: list[Record], source: Path) -> dict[str, Any]:
    from flows.ticket_triage.flow import ticket_triage
    from fulcrum.cases import case_id_of

    source.write_text("".join(json.dumps({"id": r["id"], "text": r["text"]}) + "\n" for r in records), encoding="utf-8")
    report = ticket_triage(str(source))
    truth = {case_id_of(PROCESS, record["id"]): record["truth"]["label"] for record in records}
    proposals = ledger.work.proposals(truth)
    right = {case_id for case_id, said in proposals.items() if said.values["intent"] == truth[case_id]}
    reviewed = _answer(ledger, truth)
    cleared = set(truth) - reviewed
    return {
        "accuracy": round(len(right) / len(records), 4),
        "review_rate": round(len(reviewed) / len(records), 4),
        "wrong_cleared": round(len(cleared - right) / max(len(cleared), 1), 4),
        "seconds": report.seconds,
    }


def _answer(ledger: Ledger, truth: dict[str, str]) -> set[str]:
    """Decide every open review with the truth; return the cases."""
    from flows.ticket_triage.process import TICKET_TRIAGE
    from fulcrum.cases import Verdict
    from fulcrum.deciding import Said, decide
    from fulcrum.reviewers import Reviewer, Role

    process = ledger.catalogues.bind(TICKET_TRIAGE)
    ledger.reviewers.add(Reviewer(name="the truth", role=Role.REVIEWER), by="the benchmark", replace=True)
    reviews = ledger.reviews.open(PROCESS)
    for review in reviews:
        changes = {"intent": truth[review.case_id]}
        decide(ledger, process, review.id, Said(verdict=Verdict.APPROVE, reviewer="the truth", changes=changes))
    return {review.case_id for review in reviews}


if __name__ == "__main__":
    main()
