"""How ticket triage does on messages whose intent is known: accuracy, what clears, how many messages a second.

A seeded 70% of the records are loaded as examples and their labels become the catalogue; the other 30% are run, with
`fulcrum` as processes of their own in an empty home, so the figures are what an operator gets. `messages_per_s` counts
the whole run: intake, both gates, the model, routing, delivery to the sample help desk, reviews. `out_of_scope_kept`
is the share of messages that fit no intent which are not among the surest 70% of all. Last line: one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from fulcrum.catalogue import NONE_OF_THESE
from fulcrum.ledger import Ledger

ROOT = Path(__file__).resolve().parents[1]
PROCESS = "ticket-triage"
CLEARED = 0.70
"""The share of messages that is looked at as if it cleared: the surest ones."""
OUT_OF_SCOPE = "oos"

Row = tuple[float, str, str]
"""How sure the model is of a message's intent (-1: none of these, which never clears), what it says, what is true."""


def main() -> None:
    """Run it and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", type=Path, default=ROOT / "flows" / "ticket_triage" / "golden.jsonl")
    parser.add_argument("--seed", type=int, default=7)
    chosen = parser.parse_args()
    records = [_labelled(line) for line in chosen.dataset.read_text(encoding="utf-8").splitlines()]
    random.Random(chosen.seed).shuffle(records)  # noqa: S311 - a split that is the same each time
    cut = int(len(records) * 0.7)
    with tempfile.TemporaryDirectory() as home:
        report = _run(Path(home), records[:cut], records[cut:])
        rows = _rows(Path(home), {record["id"]: record["truth"]["label"] for record in records[cut:]})
    print(json.dumps(_figures(chosen.dataset.stem, cut, report, rows)))


def _labelled(line: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(line)
    truth = record["truth"]
    return {"id": record["id"], "text": record["text"], "truth": {"label": truth.get("label", truth.get("intent"))}}


def _run(home: Path, examples: list[dict[str, Any]], messages: list[dict[str, Any]]) -> dict[str, Any]:
    known, source = (home / name for name in ("examples.jsonl", "messages.jsonl"))
    for file, records in ((known, examples), (source, messages)):
        file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    _fulcrum(home, "examples", "load", PROCESS, str(known))
    _fulcrum(home, "catalogue", "import", PROCESS)
    report: dict[str, Any] = json.loads(_fulcrum(home, "run", PROCESS, "--source", str(source), "--json"))
    return report


def _fulcrum(home: Path, *arguments: str) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("FULCRUM_", "PREFECT_"))}
    environment |= {"FULCRUM_HOME": str(home), "FULCRUM_PORT": "0", "FULCRUM_DESK_PORT": "0"}
    command = [sys.executable, "-m", "deployments.cli", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]


def _rows(home: Path, truth: dict[str, str]) -> list[Row]:
    """Read what was proposed for each message, the surest first."""
    with Ledger.open(f"sqlite:///{home / 'ledger.db'}") as ledger:
        cases = {case.id: case.external_id for case in ledger.reading.cases(PROCESS)}
        proposals = ledger.work.proposals(cases)
    rows = [
        (-1.0 if said == NONE_OF_THESE else proposals[case_id].confidence or 0.0, said, _true(truth[external_id]))
        for case_id, external_id in cases.items()
        if (said := proposals[case_id].values["intent"])
    ]
    return sorted(rows, reverse=True)


def _true(label: str) -> str:
    return NONE_OF_THESE if label == OUT_OF_SCOPE else label


def _figures(name: str, examples: int, report: dict[str, Any], rows: list[Row]) -> dict[str, Any]:
    inside = [said == true for _, said, true in rows if true != NONE_OF_THESE]
    surest = rows[: int(len(rows) * CLEARED)]
    outside = len(rows) - len(inside)
    passed = sum(true == NONE_OF_THESE for _, _, true in surest)
    return {
        "dataset": name,
        "examples": examples,
        "messages": report["taken_in"],
        "accuracy_in_scope": round(sum(inside) / len(inside), 4),
        "cleared_share": round(report["cleared"] / report["taken_in"], 4),
        "accuracy_of_surest_70": round(sum(said == true for _, said, true in surest) / len(surest), 4),
        "out_of_scope": outside,
        "out_of_scope_kept": round(1 - passed / outside, 4) if outside else None,
        "messages_per_s": round(report["taken_in"] / report["seconds"], 1),
        "run_s": report["seconds"],
    }


if __name__ == "__main__":
    main()
