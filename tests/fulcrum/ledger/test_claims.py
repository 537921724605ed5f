"""Several processes at one ledger: no case is held twice, nothing is decided twice, whatever the database."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from fulcrum.cases import case_id_of

if TYPE_CHECKING:
    from tests.fulcrum.ledger.conftest import Desk

CLAIMER = """
import sys
from fulcrum.ledger import Ledger
with Ledger.open(sys.argv[1]) as ledger:
    print("ready", flush=True)
    sys.stdin.readline()
    while batch := ledger.leases.claim("sample", sys.argv[2], 3):
        ledger.work.pass_gate(batch, batch.case_ids, "gate", "v", ledger.store.now())
        print(*batch.case_ids, flush=True)
"""

DECIDER = """
import sys
from datetime import timedelta
from fulcrum.cases import Decision, Verdict
from fulcrum.due import Due
from fulcrum.errors import AlreadyDecided
from fulcrum.ledger import Ledger
with Ledger.open(sys.argv[1]) as ledger:
    print("ready", flush=True)
    sys.stdin.readline()
    decision = Decision(review_id=sys.argv[2], verdict=Verdict.APPROVE, reviewer=sys.argv[3], values={"value": "x"})
    try:
        ledger.reviews.decide(decision, due=Due(within=timedelta(days=1)))
        print("won")
    except AlreadyDecided as error:
        print("told", error)
"""


def _together(program: str, *arguments: list[str]) -> list[str]:
    """Run one process for each list of arguments, start their work at the same time, and give what each prints."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, *each], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for each in arguments
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return said


def test_two_processes_claim_every_case_once(desk: Desk, ledger_url: str) -> None:
    """Two claimers at once share the open cases between them, none twice and none left."""
    for run_id in ("run-1", "run-2", "run-3"):
        desk.begin(run_id)
    names = [f"case {number}" for number in range(60)]
    desk.take_in(*names)
    said = _together(CLAIMER, [ledger_url, "run-2"], [ledger_url, "run-3"])
    claimed = [case_id for output in said for case_id in output.split()]
    assert sorted(claimed) == sorted(case_id_of("sample", name) for name in names)
    assert all(desk.ledger.reading.history(case_id).intact for case_id in claimed[:5])


def test_of_two_processes_that_decide_at_once_one_wins(desk: Desk, ledger_url: str) -> None:
    """The others are told who decided, and the ledger has one decision."""
    batch = desk.in_review("a")
    review = desk.ledger.reviews.open("sample")[0]
    said = _together(DECIDER, *([ledger_url, review.id, name] for name in ("Ada", "Bob", "Cid")))
    assert sorted(output.split()[0] for output in said) == ["told", "told", "won"]
    assert len(desk.ledger.reading.history(batch.case_ids[0]).decisions) == 1


def test_a_killed_process_loses_its_lease_and_nothing_else(desk: Desk, ledger_url: str) -> None:
    """After kill -9 the case is where its last committed write left it, and is claimed by the next run."""
    desk.begin("run-1")
    desk.begin("run-2")
    desk.take_in("a")
    program = CLAIMER.replace("print(*batch", "import time; print('held', flush=True); time.sleep(60); print(*batch")
    process = subprocess.Popen(
        [sys.executable, "-c", program, ledger_url, "run-1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    process.stdout.readline()
    process.stdin.write("go\n")
    process.stdin.flush()
    process.stdout.readline()
    process.kill()
    process.communicate()
    desk.clock.now = desk.ledger.reading.history(case_id_of("sample", "a")).events[-1]["ended_at"]
    assert desk.ledger.leases.claim("sample", "run-2") is None
    desk.clock.forward(61)
    again = desk.claim("run-2")
    assert [case.status for case in desk.ledger.work.cases(again)] == ["checked"]
