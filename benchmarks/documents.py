"""How invoice intake does on documents whose truth is known: time, memory, share cleared, how much of that is wrong.

Runs `fulcrum run` as a process of its own in an empty home, so the figures are what an operator gets: the server's
start is `wall_s` less `run_s`. `peak_rss_mb` is the largest process of the command. Last line: one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from fulcrum.cases import Route, case_id_of
from fulcrum.evaluation import same
from fulcrum.ledger import Ledger

ROOT = Path(__file__).resolve().parents[1]
PROCESS = "invoice-intake"


def main() -> None:
    """Run it and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", type=Path, default=ROOT / "flows" / "invoice_intake" / "golden.jsonl")
    dataset = parser.parse_args().dataset
    with tempfile.TemporaryDirectory() as home:
        report, wall, peak = _run(dataset, Path(home))
        cleared = _cleared(Path(home))
    truth = {record["id"]: record["truth"] for record in map(json.loads, dataset.read_text().splitlines())}
    checked = {name: truth[name] for name in cleared if truth[name].get("total") is not None}
    wrong = sum(not same(cleared[name]["total"], true["total"]) for name, true in checked.items())
    figures = {
        "documents": report["taken_in"],
        "cleared": report["cleared"],
        "cleared_share": round(report["cleared"] / max(report["taken_in"], 1), 4),
        "wrong_totals_among_cleared": round(wrong / max(len(checked), 1), 4),
        "in_review": report["in_review"],
        "quarantined": report["quarantined"],
        "still_open": report["still_open"],
        "run_s": report["seconds"],
        "wall_s": round(wall, 2),
        "peak_rss_mb": round(peak / 1024, 1),
    }
    print(json.dumps(figures))


def _run(dataset: Path, home: Path) -> tuple[dict[str, Any], float, int]:
    command = [sys.executable, "-m", "deployments.cli", "run", PROCESS, "--source", str(dataset), "--json"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("FULCRUM_", "PREFECT_"))}
    began = time.monotonic()
    output = home / "report.json"
    with output.open("w") as file:
        process = subprocess.Popen(command, cwd=ROOT, stdout=file, env=environment | {"FULCRUM_HOME": str(home)})
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(process.returncode)
    report = json.loads(output.read_text().splitlines()[-1])
    return report, time.monotonic() - began, usage.ru_maxrss


def _cleared(home: Path) -> dict[str, dict[str, Any]]:
    with Ledger.open(f"sqlite:///{home / 'ledger.db'}") as ledger:
        cases = [case for case in ledger.reading.cases(PROCESS) if case.route is Route.CLEARED]
        return {
            case.external_id: ledger.reading.history(case_id_of(PROCESS, case.external_id)).outcome or {}
            for case in cases
        }


if __name__ == "__main__":
    main()
