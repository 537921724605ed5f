"""What people decide is what the next run is shown, so that ticket triage gets better at the work it does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.learning import learn

MESSAGES = Path(__file__).resolve().parents[2] / "../shared/data/messages/banking77.dev.jsonl"


def test_accuracy_rises_and_the_review_rate_falls(
    prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From three examples an intent on, with each review answered with the truth; benchmarks/learning.py runs more."""
    from fulcrum.ledger import migrate
    from fulcrum.settings import Settings

    if not MESSAGES.exists():
        pytest.skip("no labelled messages beside the project")
    migrate(Settings(home=tmp_path).ledger_url)
    monkeypatch.setenv("FULCRUM_HOME", str(tmp_path))
    monkeypatch.setenv("PREFECT_API_URL", prefect_server.url)
    told = learn(MESSAGES, 7, tmp_path, runs=3, messages=150, held_out=400)
    accuracy = [told["held_out_at_first"], *(run["held_out"] for run in told["runs"])]
    assert accuracy == sorted(accuracy)
    assert accuracy[-1] >= accuracy[0] + 0.05
    rates = [run["review_rate"] for run in told["runs"]]
    assert rates[-1] < rates[0]
