"""The figures of a real log are those that an independent library computes: incident management, UCI 498."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from fulcrum.kpis.figures import cases_of, measure
from fulcrum.kpis.importing import Reading, Row, rows
from fulcrum.kpis.log import EventLog

ROOT = Path(__file__).parents[3]
INCIDENTS = ROOT.parent / "shared" / "data" / "event_logs" / "incidents_uci.csv"

pytestmark = pytest.mark.skipif(not INCIDENTS.exists(), reason="the shared data set is not here")


@pytest.fixture(scope="module")
def theirs() -> dict[str, Any]:
    """Let pm4py compute."""
    script = Path(__file__).with_name("with_pm4py.py")
    done = subprocess.run(
        [sys.executable, str(script), str(INCIDENTS)],
        capture_output=True, text=True, check=True, env=os.environ | {"MPLBACKEND": "Agg"},
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def log() -> EventLog:
    reading = Reading(time_format="%d-%m-%Y %H:%M", missing=frozenset({"", "?"}))
    with INCIDENTS.open(encoding="utf-8", newline="") as lines:
        return EventLog.of(row.event for row in rows(lines, reading) if isinstance(row, Row))


def test_cases_events_and_cycle_times(log: EventLog, theirs: dict[str, Any]) -> None:
    """Every case takes the same time to the second, and the quantiles are its nearest ranks."""
    figures = measure(log, now=log.until)
    assert (figures.cases, figures.events) == (theirs["cases"], theirs["events"])
    times = cases_of(log, now=log.until, costs=None, currency="EUR").times
    assert times.seconds.tolist() == theirs["durations"]
    ordered = sorted(theirs["durations"])
    for share, found in ((0.50, figures.cycle_p50), (0.90, figures.cycle_p90), (0.95, figures.cycle_p95)):
        assert found is not None
        assert found.total_seconds() == ordered[-(-len(ordered) * share // 1).__int__() - 1]


def test_rework(log: EventLog, theirs: dict[str, Any]) -> None:
    """As many cases repeat each activity, and the share is of those that repeat any."""
    ours: Counter[str] = Counter()
    again = set()
    for case, group in groupby(zip(log.case.tolist(), log.activity.tolist(), strict=True), key=lambda pair: pair[0]):
        for activity, times in Counter(number for _, number in group).items():
            if times > 1:
                ours[log.activities[activity]] += 1
                again.add(case)
    assert dict(ours) == theirs["rework"]
    figures = measure(log, now=log.until)
    assert figures.rework == pytest.approx(len(again) / figures.cases)


def test_handovers(log: EventLog, theirs: dict[str, Any]) -> None:
    """As many changes from one named person to another."""
    figures = measure(log, now=log.until)
    assert figures.handovers == pytest.approx(theirs["handovers"] / figures.cases, rel=1e-9)
