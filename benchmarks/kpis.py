"""How long a large event log takes to import and to be turned into all figures, and what memory that needs.

The log is one of purchase to pay with 338,247 events; both steps are the real commands, each a process of its own in an
empty home. Then the log is compared with a half of itself, which draws 2,000 resamples of all its cases. Last line: one
JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "event_logs" / "purchase_to_pay_bpic2019_variants.csv.gz"
NAME = "baseline:invoice-intake"

COMPARE = """
from flows.invoice_intake.process import INVOICE_INTAKE as process
from fulcrum.kpis.comparing import compare
from fulcrum.ledger import Ledger
from fulcrum.settings import settings

with Ledger.open(settings().ledger_url) as ledger:
    kept = ledger.logs.kept("baseline:invoice-intake")
found = compare(kept.log, kept.log, now=kept.log.until, objectives=process.objectives, costs=process.costs)
print(len(found))
"""


def main() -> None:
    """Run it and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, default=DATA)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        imported, import_s = _timed(
            home, "-m", "deployments.cli", "import-log", str(chosen.log), "--as", NAME, "--json"
        )
        told, kpis_s = _timed(home, "-m", "deployments.cli", "kpis", "invoice-intake", "--json")
        _, compare_s = _timed(home, "-c", COMPARE)
    found, before = json.loads(imported), json.loads(told)["before"]
    figures = {
        "events": found["events"],
        "cases": before["cases"],
        "import_s": round(import_s, 1),
        "kpis_s": round(kpis_s, 1),
        "total_s": round(import_s + kpis_s, 1),
        "compare_s": round(compare_s, 1),
        # Linux counts in kilobytes, and gives the largest of all the children.
        "peak_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
    }
    print(json.dumps(figures))


def _timed(home: str, *arguments: str) -> tuple[str, float]:
    environment: dict[str, Any] = os.environ | {"FULCRUM_HOME": home}
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout, time.perf_counter() - began


if __name__ == "__main__":
    main()
