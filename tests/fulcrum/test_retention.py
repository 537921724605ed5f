"""How long a process keeps what it holds: its own retention counts, and an original goes with its last case."""

from __future__ import annotations

import os
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fulcrum.cases import NewCase, Receipt
from fulcrum.ledger import Result
from fulcrum.retention import JUST_KEPT, erase, remove_originals
from fulcrum.sources import Originals

if TYPE_CHECKING:
    from tests.fulcrum.conftest import Office

DAY = timedelta(days=1)
LONGEST = timedelta(days=5000)


@pytest.fixture
def originals(tmp_path: Path) -> Originals:
    return Originals(tmp_path / "originals")


def kept(office: Office, originals: Originals, content: bytes) -> str:
    """Keep an original long ago, by the office's clock."""
    digest = originals.keep(content, ".pdf")
    moment = (office.clock.now - 2 * JUST_KEPT).timestamp()
    os.utime(originals.path(digest), (moment, moment))
    return digest


def came_in(office: Office, name: str, original: str) -> str:
    """Take a case in that came in an original."""
    item = NewCase(external_id=name, input={"id": name, "text": name}, original=original)
    return office.ledger.intake.take_in(office.begin(), office.process.name, [item]).new[0]


def end(office: Office) -> None:
    """Discard every case that is open, as a person would."""
    from fulcrum.cases import Decision, ReasonCode, ReviewKind, Route, Routing, Verdict

    batch = office.claim()
    due = office.process.review.due
    aside = [
        Routing(case_id=c, route=Route.QUARANTINED, code=ReasonCode.UNSOUND, reason="blank", kind=ReviewKind.REPAIR)
        for c in batch.case_ids
    ]
    office.ledger.work.quarantine(batch, aside, gate="documents", due=due, started_at=office.clock())
    for review in office.ledger.reviews.open(office.process.name):
        office.ledger.reviews.decide(Decision(review_id=review.id, verdict=Verdict.DISCARD, reviewer="Ada"), due=due)


def removed(office: Office, originals: Originals) -> int:
    return remove_originals(office.ledger, originals, longest=LONGEST)


def there(originals: Originals) -> set[str]:
    return {digest for digest, _ in originals.kept()}


def test_a_process_keeps_contents_as_long_as_it_says(any_office: Office) -> None:
    """Not a day less, and not a day more."""
    office = any_office
    (case_id,) = office.cleared()
    parcel = office.ledger.outbox.claim(office.process.name)
    assert parcel is not None
    results = [Result(delivery=delivery, receipt=Receipt("r")) for delivery in parcel.deliveries]
    policy = office.process.review
    office.ledger.outbox.record(parcel, results, run_id=None, queue="q", due=policy.due, started_at=office.clock())
    office.clock.forward((office.process.retention - DAY).total_seconds())
    assert erase(office.ledger, office.process).cases == 0
    office.clock.forward(2 * DAY.total_seconds())
    would = erase(office.ledger, office.process, dry_run=True)
    assert office.ledger.retention.erased([case_id]) == set()
    done = erase(office.ledger, office.process)
    assert (would.cases, would.contents, would.due) == (done.cases, done.contents, done.due) == (1, 4, [case_id])
    assert office.ledger.retention.erased([case_id]) == {case_id}
    assert erase(office.ledger, office.process).cases == 0


def test_an_original_goes_with_the_last_case_that_came_in_it(any_office: Office, originals: Originals) -> None:
    """Two cases of the same bytes: it stays while one of them is younger or unfinished."""
    office = any_office
    digest = kept(office, originals, b"%PDF of two")
    came_in(office, "first", digest)
    end(office)
    office.clock.forward(office.process.retention.total_seconds() + 1)
    came_in(office, "second", digest)
    assert erase(office.ledger, office.process).cases == 1
    assert removed(office, originals) == 0
    end(office)
    office.clock.forward(office.process.retention.total_seconds() - 60)
    assert erase(office.ledger, office.process).cases == 0
    assert removed(office, originals) == 0
    office.clock.forward(120)
    would = erase(office.ledger, office.process, dry_run=True)
    counted = remove_originals(office.ledger, originals, longest=LONGEST, due=would.due, dry_run=True)
    assert (counted, there(originals)) == (1, {digest})
    erase(office.ledger, office.process)
    assert (removed(office, originals), there(originals)) == (1, set())
    assert removed(office, originals) == 0


def test_an_original_that_was_just_kept_again_is_left_for_its_case(office: Office, originals: Originals) -> None:
    """The same bytes came in anew a moment ago: their case is about to be taken in."""
    digest = kept(office, originals, b"%PDF again")
    came_in(office, "first", digest)
    end(office)
    office.clock.forward(office.process.retention.total_seconds() + 60)
    erase(office.ledger, office.process)
    now = office.clock.now.timestamp()
    os.utime(originals.path(digest), (now, now))
    assert removed(office, originals) == 0
    office.clock.forward(JUST_KEPT.total_seconds() + 60)
    assert removed(office, originals) == 1


def test_keeping_the_same_bytes_again_counts_as_keeping_them_now(originals: Originals) -> None:
    """So that the one above holds for what a run takes in."""
    digest = originals.keep(b"same", ".pdf")
    os.utime(originals.path(digest), (1, 1))
    originals.keep(b"same", ".txt")
    ((found, at),) = originals.kept()
    assert (found, at.year > 2000) == (digest, True)


def test_an_original_without_a_case_goes_when_nobody_keeps_anything_that_long(
    office: Office, originals: Originals
) -> None:
    """A run that was killed before it took the case in may be run again, and finds it; in the end it goes."""
    digest = kept(office, originals, b"%PDF of nobody")
    assert removed(office, originals) == 0
    office.clock.forward(LONGEST.total_seconds())
    assert there(originals) == {digest}
    assert removed(office, originals) == 1


def test_what_is_no_original_is_left_alone(office: Office, originals: Originals) -> None:
    """A file half written, and whatever else somebody has put there."""
    for name in ("ab/tmpx1.part", "ab/readme.txt", f"zz/{sha256(b'x').hexdigest()}.pdf"):
        path = originals.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        os.utime(path, (1, 1))
    office.clock.forward(LONGEST.total_seconds())
    assert (removed(office, originals), there(originals)) == (0, set())
