"""The sample history: its files, and the four weeks after, replayed through the real steps."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from deployments.history.clerks import COLUMNS
from deployments.history.make import AFTER, BEFORE, main
from deployments.history.people import CLERKS
from deployments.history.replay import read_history, replay
from flows.invoice_intake.process import INVOICE_INTAKE, OFFICE
from fulcrum.cases import Route, Status
from fulcrum.errors import HistoryCutShort
from fulcrum.ledger import Ledger

MONDAY = datetime(2026, 10, 26, tzinfo=UTC)
"""The end of the history's first week."""
TABLES = {
    "events": "case_id, seq, activity, resource, actor, run_id, started_at, ended_at, cost, status",
    "runs": "id, state, started_at, ended_at",
    "reviews": "id, kind, reason_code, reason, queue, state, assignee, opened_at, due_at",
    "decisions": "review_id, verdict, reviewer, changed, verified, decided_at",
    "deliveries": "key, state, attempts, delivered_at",
}
"""What two replays have in common; salts, secrets and hashes are drawn anew."""


def test_the_files_are_made_again(tmp_path: Path) -> None:
    """The generator gives the shipped files, byte for byte."""
    main(tmp_path)
    assert [path.name for path in (BEFORE, AFTER) if path.read_bytes() != (tmp_path / path.name).read_bytes()] == []


@pytest.fixture(scope="module")
def before() -> list[dict[str, Any]]:
    """Read the event log of the four weeks before."""
    with BEFORE.open(encoding="utf-8", newline="") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    return [row | {name: datetime.fromisoformat(row[name]) for name in ("start", "end")} for row in rows]


def test_the_log_before_is_of_about_three_hundred_cases(before: list[dict[str, Any]]) -> None:
    """Each case begins with its receipt and ends with its posting, all moments are in UTC and none ends early."""
    cases = defaultdict(list)
    for row in before:
        cases[row["case"]].append(row)
    assert tuple(before[0]) == COLUMNS
    assert 280 <= len(cases) <= 360
    assert {(rows[0]["activity"], rows[-1]["activity"]) for rows in cases.values()} == {("receive", "post")}
    assert all(row["start"] <= row["end"] and row["end"].utcoffset() == timedelta(0) for row in before)
    assert 0.1 < sum(any(r["activity"] == "correct it" for r in rows) for rows in cases.values()) / len(cases) < 0.4


def test_a_clerk_does_one_thing_at_a_time_within_working_hours(before: list[dict[str, Any]]) -> None:
    """No clerk's stretches of work overlap, and none is at night or at a weekend; no one checks their own typing."""
    by_clerk = defaultdict(list)
    typed: dict[str, str] = {}
    for row in before:
        if row["resource"] == "human":
            by_clerk[row["actor"]].append((row["start"], row["end"]))
            assert OFFICE.after(row["start"], timedelta(0)) == row["start"]
        typed |= {row["case"]: row["actor"]} if row["activity"] == "type it in" else {}
        assert row["activity"] != "check it" or row["actor"] != typed[row["case"]]
    for stretches in by_clerk.values():
        assert all(one[1] <= other[0] for one, other in pairwise(sorted(stretches)))


def test_the_documents_after_are_small_and_different() -> None:
    """About as many documents as before, each under an id of its own, in the order of their arrival."""
    arrivals = read_history(AFTER, INVOICE_INTAKE)
    assert AFTER.stat().st_size < 500_000
    assert 300 <= len(arrivals) <= 360
    assert len({each.case.external_id for each in arrivals}) == len(arrivals)
    assert [each.at for each in arrivals] == sorted(each.at for each in arrivals)


def test_no_document_after_is_one_of_the_inbox() -> None:
    """Whoever has run the samples can replay the history into the same ledger: nothing is a duplicate of theirs."""
    golden = (BEFORE.parents[2] / "golden.jsonl").read_text(encoding="utf-8").splitlines()
    known = {json.loads(line)["truth"].get("document_number") for line in golden}
    told = [each.told.get("truth", {}).get("document_number") for each in read_history(AFTER, INVOICE_INTAKE)]
    assert not known & {number for number in told if number}


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ledger, datetime, Path]]:
    """Replay the first week; give its ledger, the clock's end and the folder."""
    folder = tmp_path_factory.mktemp("week")
    url = f"sqlite:///{folder / 'ledger.db'}"
    end = replay(url, folder=folder, until=MONDAY)
    with Ledger.open(url, clock=lambda: end) as ledger:
        yield ledger, end, folder


def test_the_first_week_leaves_nothing_behind(week: tuple[Ledger, datetime, Path]) -> None:
    """What is not finished waits for a person or for Monday's run, and no lease stands."""
    ledger, end, _ = week
    cases = list(ledger.reading.cases(INVOICE_INTAKE.name))
    assert end == MONDAY
    assert len(cases) == sum(each.at < MONDAY for each in read_history(AFTER, INVOICE_INTAKE)) > 50
    done = {Status.DELIVERED, Status.CLOSED, Status.DISCARDED}
    waiting = [case for case in cases if case.status not in done]
    reviews = {review.case_id for review in ledger.reviews.open()}
    unrun = {case.id for case in waiting if case.status is Status.RECEIVED}
    assert {case.id for case in waiting} == reviews | unrun
    assert all(case.received_at > datetime(2026, 10, 23, 14, tzinfo=UTC) for case in cases if case.id in unrun)
    assert ledger.leases.held_elsewhere(INVOICE_INTAKE.name, "") == {}


def test_the_gates_clear_most_and_ask_people_about_some(week: tuple[Ledger, datetime, Path]) -> None:
    """The real gates and the embedded model decide: most clear, and a good part goes to people for several reasons."""
    ledger, _, _ = week
    cases = [case for case in ledger.reading.cases(INVOICE_INTAKE.name) if case.route is not None]
    routes = Counter(case.route for case in cases)
    assert routes[Route.CLEARED] > 0.5 * len(cases)
    assert routes[Route.REVIEW] > 0.1 * len(cases)
    assert {"gate", "low-confidence"} <= {case.reason_code for case in cases}


def test_every_chain_of_the_first_week_is_intact(week: tuple[Ledger, datetime, Path]) -> None:
    """The events are the ledger's own, hash by hash, and none begins after it ends."""
    ledger, _, _ = week
    histories = [ledger.reading.history(case.id) for case in ledger.reading.cases(INVOICE_INTAKE.name)]
    assert all(history.intact for history in histories)
    assert all(event["started_at"] <= event["ended_at"] for history in histories for event in history.events)


def test_cases_take_hours_by_the_replays_clock(week: tuple[Ledger, datetime, Path]) -> None:
    """A document waits for the next run, and one in review for a person: hours, and for some over a night."""
    ledger, _, _ = week
    histories = [ledger.reading.history(case.id) for case in ledger.reading.cases(INVOICE_INTAKE.name)]
    done = [h.events for h in histories if h.events[-1]["status"] in {"delivered", "closed", "discarded"}]
    hours = [(events[-1]["ended_at"] - events[0]["ended_at"]) / timedelta(hours=1) for events in done]
    assert 1 < median(hours) < 12
    assert max(hours) > 14


def test_people_decide_one_case_after_another(week: tuple[Ledger, datetime, Path]) -> None:
    """Registered clerks decide in sittings within working hours, with a minute or more between two decisions."""
    _, _, folder = week
    decided = _read(folder, "SELECT reviewer, decided_at FROM decisions ORDER BY decided_at")
    by_clerk: dict[str, list[datetime]] = defaultdict(list)
    for name, at in decided:
        moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
        by_clerk[name].append(moment)
        assert OFFICE.after(moment, timedelta(0)) == moment
    assert set(by_clerk) == set(CLERKS)
    gaps = [after - before for times in by_clerk.values() for before, after in pairwise(times)]
    assert min(gaps) >= timedelta(seconds=59)
    assert median(gap for gap in gaps if gap < timedelta(minutes=15)) < timedelta(minutes=6)


def test_what_is_decided_is_in_the_erp(week: tuple[Ledger, datetime, Path]) -> None:
    """Each finished case that was not set aside has its row in the target, by the replay's clock."""
    ledger, end, folder = week
    finished = {
        case.id
        for case in ledger.reading.cases(INVOICE_INTAKE.name)
        if case.status in {Status.DELIVERED, Status.CLOSED}
    }
    with closing(sqlite3.connect(folder / "erp.db")) as erp:
        rows = erp.execute("SELECT case_id, delivered_at FROM erp_postings").fetchall()
    assert {case_id for case_id, _ in rows} == finished
    assert all(datetime.fromisoformat(at).replace(tzinfo=UTC) <= end for _, at in rows)


def test_a_replay_is_the_same_each_time(week: tuple[Ledger, datetime, Path], tmp_path: Path) -> None:
    """A second replay gives the same events, runs, reviews, decisions and deliveries, to the second."""
    replay(f"sqlite:///{tmp_path / 'ledger.db'}", folder=tmp_path, until=MONDAY)
    for table, columns in TABLES.items():
        query = f"SELECT {columns} FROM {table} ORDER BY {columns}"  # noqa: S608 - constants of ours
        assert _read(tmp_path, query) == _read(week[2], query)


def test_a_ledger_that_has_the_history_is_left_as_it_is(
    week: tuple[Ledger, datetime, Path],
) -> None:
    """A second replay adds nothing and says when the clock ended; a longer one than the first is refused."""
    _, end, folder = week
    url, count = f"sqlite:///{folder / 'ledger.db'}", "SELECT count(*) FROM events"
    before = _read(folder, count)
    assert replay(url, folder=folder, until=MONDAY) == end
    with pytest.raises(HistoryCutShort):
        replay(url, folder=folder)
    assert _read(folder, count) == before


def test_without_an_end_it_ends_in_the_last_afternoon(tmp_path: Path) -> None:
    """The clock stops when the last day's run is over; what arrives later is left out, and is not missed after that."""
    source = tmp_path / "days.jsonl"
    lines = AFTER.read_text(encoding="utf-8").splitlines(keepends=True)
    first_day = [line for line in lines if json.loads(line)["arrives_at"] < "2026-10-20"]
    source.write_text("".join(first_day), encoding="utf-8")
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    ends = [replay(url, folder=tmp_path, source=source) for _ in range(2)]
    assert [end.isoformat() for end in ends] == ["2026-10-19T16:10:00+02:00"] * 2


def _read(folder: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(folder / "ledger.db")) as ledger:
        return ledger.execute(query).fetchall()
