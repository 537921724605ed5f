"""What the ledger promises, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select

from fulcrum.cases import Decision, NewCase, Receipt, ReviewKind, Route, Status, Verdict, case_id_of
from fulcrum.due import Due
from fulcrum.errors import (
    AlreadyDecided,
    CaseNotFound,
    DecisionRefused,
    DeliveryFailed,
    DeliveryRefused,
    IllegalTransition,
    LeaseLost,
    LedgerOutdated,
    LedgerUnavailable,
    ReviewNotFound,
)
from fulcrum.ledger import Ledger, Result, migrate
from fulcrum.ledger.migrate import HEAD
from fulcrum.ledger.tables import Base, CaseRow, ContentRow, ProcessStateRow
from fulcrum.process import Autonomy
from fulcrum.report import Standing
from tests.together import AT_ONCE, at_once, several

if TYPE_CHECKING:
    from tests.fulcrum.ledger.conftest import Desk

DAY = timedelta(days=1)
DUE = Due(within=DAY)
PROCESS = "sample"


def status(desk: Desk, case_id: str) -> Status:
    return desk.ledger.reading.history(case_id).case.status


def decide(desk: Desk, review_id: str, verdict: Verdict, reviewer: str = "Ada", **more: Any) -> None:
    decision = Decision(review_id=review_id, verdict=verdict, reviewer=reviewer, **more)
    desk.ledger.reviews.decide(decision, escalate_to="leads", due=DUE)


def test_a_case_is_taken_in_once(desk: Desk) -> None:
    """What a source repeats, in one batch or in a later one, is counted and not repeated."""
    run_id = desk.begin()
    items = [NewCase(external_id=name, input={"text": name}) for name in ("a", "b", "a")]
    first = desk.ledger.intake.take_in(run_id, PROCESS, items)
    second = desk.ledger.intake.take_in(run_id, PROCESS, items[:2])
    assert (len(first.new), first.duplicates, first.changed) == (2, 1, ())
    assert (second.new, second.duplicates, second.changed) == ((), 2, ())


def test_a_known_id_with_other_content_is_noted_and_not_handled(desk: Desk) -> None:
    """The case keeps its first content; its history says that another came."""
    run_id = desk.begin()
    desk.ledger.intake.take_in(run_id, PROCESS, [NewCase(external_id="a", input={"text": "one"})])
    again = desk.ledger.intake.take_in(run_id, PROCESS, [NewCase(external_id="a", input={"text": "two"})])
    history = desk.ledger.reading.history(case_id_of(PROCESS, "a"))
    assert again.changed == (case_id_of(PROCESS, "a"),)
    assert history.case.input == {"text": "one"}
    assert [event["activity"] for event in history.events] == ["receive", "seen again, changed"]


def test_the_same_id_in_two_processes_is_two_cases(desk: Desk) -> None:
    """A case is unique by process and external id together."""
    run_id = desk.begin()
    item = NewCase(external_id="a", input={})
    assert desk.ledger.intake.take_in(run_id, "one", [item]).new
    assert desk.ledger.intake.take_in(run_id, "two", [item]).new


def test_a_claim_takes_the_oldest_that_nobody_holds(desk: Desk) -> None:
    """Claims of two runs never overlap, and a run claims no case twice."""
    desk.begin("run-1")
    desk.begin("run-2")
    desk.take_in("a")
    desk.clock.forward(1)
    desk.take_in("b")
    first, second = desk.claim("run-1", 1), desk.claim("run-2", 5)
    assert first.case_ids == (case_id_of(PROCESS, "a"),)
    assert second.case_ids == (case_id_of(PROCESS, "b"),)
    desk.ledger.leases.release(first)
    assert desk.ledger.leases.claim(PROCESS, "run-1") is None
    assert desk.claim("run-2").case_ids == first.case_ids


def test_a_lapsed_lease_passes_to_another_run(desk: Desk) -> None:
    """After 60 s without a write another run may claim the case, and the first one's token is void."""
    desk.begin("run-1")
    desk.begin("run-2")
    desk.take_in("a")
    held = desk.claim("run-1")
    desk.clock.forward(59)
    assert desk.ledger.leases.claim(PROCESS, "run-2") is None
    assert desk.ledger.leases.held_elsewhere(PROCESS, "run-2")
    desk.clock.forward(2)
    taken = desk.claim("run-2")
    with pytest.raises(LeaseLost):
        desk.check(held)
    desk.check(taken)


def test_a_lapsed_lease_that_nobody_took_still_holds(desk: Desk) -> None:
    """A slow run goes on where it was, as long as its token is the case's."""
    desk.begin()
    desk.take_in("a")
    held = desk.claim()
    desk.clock.forward(600)
    desk.check(held)
    assert status(desk, held.case_ids[0]) is Status.CHECKED


def test_a_write_and_a_renewal_extend_the_lease(desk: Desk) -> None:
    """Each transition of an open case, and `renew`, hold it for another minute."""
    desk.begin("run-1")
    desk.begin("run-2")
    desk.take_in("a")
    held = desk.claim("run-1")
    for extend in (lambda: desk.check(held), lambda: desk.ledger.leases.renew(PROCESS, "run-1")):
        desk.clock.forward(50)
        extend()
    desk.clock.forward(50)
    assert desk.ledger.leases.claim(PROCESS, "run-2") is None


def test_a_renewal_takes_nothing_back(desk: Desk) -> None:
    """What another run has taken, and what a run has let go of, is not held by renewing."""
    desk.begin("run-1")
    desk.begin("run-2")
    desk.take_in("a", "b")
    held = desk.claim("run-1")
    desk.ledger.leases.release(held, [held.case_ids[0]])
    desk.ledger.leases.renew(PROCESS, "run-1")
    released = desk.claim("run-2")
    assert released.case_ids == (held.case_ids[0],)
    desk.clock.forward(61)
    desk.begin("run-3")
    taken = desk.claim("run-3")
    for run in ("run-1", "run-2"):
        desk.ledger.leases.renew(PROCESS, run)
    desk.check(taken)


@pytest.mark.parametrize("ledger_urls", ["postgresql"], indirect=True)
def test_a_renewal_waits_for_no_write(desk: Desk) -> None:
    """A case that is being written to is passed over, so that a renewal and a write never wait for each other."""
    desk.begin("run-1")
    desk.take_in("a", "b", "c")
    held = desk.claim("run-1")
    written = held.case_ids[1]
    lease_ends = select(CaseRow.id, CaseRow.lease_until).where(CaseRow.id.in_(held.case_ids))
    with desk.ledger.store.read() as tx:
        before = {row.id: row.lease_until for row in tx.execute(lease_ends)}
    desk.clock.forward(10)
    with desk.ledger.store.write() as writing:
        writing.execute(select(CaseRow.id).where(CaseRow.id == written).with_for_update())
        desk.ledger.leases.renew(PROCESS, "run-1")
    with desk.ledger.store.read() as tx:
        after = {row.id: row.lease_until for row in tx.execute(lease_ends)}
    assert {case_id for case_id in before if after[case_id] == before[case_id]} == {written}


def test_an_illegal_transition_changes_nothing_for_the_whole_batch(desk: Desk) -> None:
    """One case that cannot move keeps all of the transaction from happening."""
    desk.begin()
    desk.take_in("a", "b")
    batch = desk.claim()
    one = batch.only({batch.case_ids[0]})
    desk.check(one)
    with pytest.raises(IllegalTransition):
        desk.check(batch)
    assert status(desk, batch.case_ids[0]) is Status.CHECKED
    assert status(desk, batch.case_ids[1]) is Status.RECEIVED
    assert all(desk.ledger.reading.history(case_id).intact for case_id in batch.case_ids)


def test_an_unknown_case_is_named(desk: Desk) -> None:
    """A change of a case that is not there raises CaseNotFound."""
    with pytest.raises(CaseNotFound):
        desk.ledger.reading.history("nothing")


def test_a_paid_answer_is_found_again(desk: Desk) -> None:
    """Answers are stored under their key; a failed call leaves no answer, and the same key may be asked again."""
    desk.begin()
    desk.take_in("a")
    batch = desk.claim()
    desk.check(batch)
    case_id = batch.case_ids[0]
    desk.ledger.work.record(batch, [desk.call(case_id, "k", None)], [], {})
    assert desk.ledger.work.answers(["k"]) == {}
    desk.ledger.work.record(batch, [desk.call(case_id, "k", '{"value": 1}')], [], {})
    stored, text = desk.ledger.work.answers(["k", "other"])["k"]
    assert text == '{"value": 1}'
    assert (stored.cost, stored.tokens_in, stored.field_confidence) == (Decimal("0.0015"), 10, {"value": 0.9})
    assert desk.ledger.runs.spent("run-1") == Decimal("0.003")


def test_a_proposal_carries_what_it_was_made_with(desk: Desk) -> None:
    """Values, confidence and the versions of SOP, prompt and model stay with it."""
    desk.begin()
    desk.take_in("a")
    batch = desk.claim()
    desk.check(batch)
    desk.propose(batch, "42")
    kept = desk.ledger.work.proposals(batch.case_ids)[batch.case_ids[0]]
    assert (kept.values, kept.confidence, kept.model) == ({"value": "42"}, 0.9, "m")
    assert (kept.sop_version, kept.prompt_version) == ("s" * 12, "p" * 12)


def test_the_account_of_a_run_adds_up(desk: Desk) -> None:
    """Taken in + carried over = quarantined + cleared + in review + still open."""
    desk.begin("run-0")
    desk.take_in("old", run_id="run-0")
    desk.begin("run-1")
    desk.take_in("a", "b", "c")
    batch = desk.claim()
    desk.check(batch)
    done = batch.only(set(batch.case_ids[:3]))
    desk.propose(done)
    desk.route(batch.only({done.case_ids[0]}), Route.CLEARED)
    desk.route(batch.only(set(done.case_ids[1:])), Route.REVIEW)
    account = desk.ledger.runs.account("run-1")
    assert (account.taken_in, account.carried_over) == (3, 1)
    assert (account.cleared, account.in_review, account.quarantined, account.still_open) == (1, 2, 0, 1)
    assert (account.model_calls, account.ai_cost, account.reasons) == (3, Decimal("0.0045"), {"low-confidence": 2})


def test_a_cleared_case_is_delivered_once(desk: Desk) -> None:
    """A parcel is held by one worker; its receipt finishes the case, and nothing is due any more."""
    batch = desk.cleared("a")
    parcel = desk.ledger.outbox.claim(PROCESS)
    assert parcel is not None
    assert desk.ledger.outbox.claim(PROCESS) is None
    results = [Result(delivery=d, receipt=Receipt("row 1")) for d in parcel.deliveries]
    desk.ledger.outbox.record(parcel, results, run_id="run-1", queue="q", due=DUE, started_at=desk.clock())
    assert status(desk, batch.case_ids[0]) is Status.DELIVERED
    desk.clock.forward(3600)
    assert desk.ledger.outbox.claim(PROCESS) is None


def test_a_delivery_whose_worker_died_is_claimed_again_under_the_same_key(desk: Desk) -> None:
    """The lease lapses; the late result of the first worker is refused."""
    desk.cleared("a")
    first = desk.ledger.outbox.claim(PROCESS)
    desk.clock.forward(61)
    second = desk.ledger.outbox.claim(PROCESS)
    assert first is not None
    assert second is not None
    assert [d.key for d in first.deliveries] == [d.key for d in second.deliveries]
    late = [Result(delivery=first.deliveries[0], receipt=Receipt("late"))]
    with pytest.raises(LeaseLost):
        desk.ledger.outbox.record(first, late, run_id=None, queue="q", due=DUE, started_at=desk.clock())


def test_a_failed_delivery_is_visible_and_tried_by_the_next_look(desk: Desk) -> None:
    """The case says delivery_failed until a later try succeeds; a look before the failure does not see it."""
    batch = desk.cleared("a")
    began = desk.clock()
    parcel = desk.ledger.outbox.claim(PROCESS)
    assert parcel is not None
    desk.clock.forward(1)
    error = DeliveryFailed(target="erp", reason="away")
    desk.ledger.outbox.record(
        parcel, [Result(delivery=parcel.deliveries[0], error=error)], run_id=None, queue="q", due=DUE, started_at=began
    )
    assert status(desk, batch.case_ids[0]) is Status.DELIVERY_FAILED
    assert desk.ledger.outbox.claim(PROCESS, before=began) is None
    again = desk.ledger.outbox.claim(PROCESS)
    assert again is not None
    assert again.deliveries[0].attempts == 1


def test_a_refused_delivery_goes_to_a_person_and_gets_a_new_key_once_approved(desk: Desk) -> None:
    """The target's reason is the review's; the case's revision counts on, so that the next posting is another one."""
    batch = desk.cleared("a")
    parcel = desk.ledger.outbox.claim(PROCESS)
    assert parcel is not None
    refusal = Result(delivery=parcel.deliveries[0], error=DeliveryRefused(target="erp", reason="duplicate"), final=True)
    desk.ledger.outbox.record(parcel, [refusal], run_id=None, queue="q", due=DUE, started_at=desk.clock())
    review = desk.ledger.reviews.open(PROCESS)[0]
    case = desk.ledger.reading.history(batch.case_ids[0]).case
    assert (case.status, case.revision, review.code) == (Status.IN_REVIEW, 2, "refused")
    assert "duplicate" in review.reason


def test_a_case_with_two_targets_is_delivered_when_both_have_it(desk: Desk) -> None:
    """One receipt is not the whole effect."""
    from fulcrum.ledger.outbox import post

    batch = desk.cleared("a")
    with desk.ledger.store.write() as tx:
        post(tx, [desk.posting(batch.case_ids[0], target="folder-target/out")], now=desk.clock())
    parcel = desk.ledger.outbox.claim(PROCESS, limit=1)
    assert parcel is not None
    for expected in (Status.CLEARED, Status.DELIVERED):
        results = [Result(delivery=d, receipt=Receipt("r")) for d in parcel.deliveries]
        desk.ledger.outbox.record(parcel, results, run_id=None, queue="q", due=DUE, started_at=desk.clock())
        assert status(desk, batch.case_ids[0]) is expected
        parcel = desk.ledger.outbox.claim(PROCESS) or parcel


def test_a_decision_is_a_record(desk: Desk) -> None:
    """Who, what, which fields were corrected, under which versions; the review is closed."""
    batch = desk.in_review("a")
    review = desk.ledger.reviews.open(PROCESS)[0]
    corrections = {"value": {"proposed": "x", "decided": "y"}}
    decide(desk, review.id, Verdict.APPROVE, values={"value": "y"}, corrections=corrections, note="seen")
    history = desk.ledger.reading.history(batch.case_ids[0])
    kept = history.decisions[0]
    assert (kept["reviewer"], kept["verdict"], kept["changed"]) == ("Ada", "approve", ["value"])
    assert (kept["sop_version"], kept["model"]) == ("s" * 12, "m")
    assert kept["content"] == {"note": "seen", "corrections": corrections}
    assert history.outcome == {"value": "y"}
    assert history.case.status is Status.APPROVED
    assert desk.ledger.reviews.open(PROCESS) == []


def test_the_first_decision_wins(desk: Desk) -> None:
    """A second answer is refused with who decided what, and changes nothing."""
    batch = desk.in_review("a")
    review = desk.ledger.reviews.open(PROCESS)[0]
    decide(desk, review.id, Verdict.REJECT, note="no")
    before = desk.ledger.reading.history(batch.case_ids[0])
    with pytest.raises(AlreadyDecided, match="reject by Ada"):
        decide(desk, review.id, Verdict.APPROVE, reviewer="Bob", values={"value": "x"})
    assert desk.ledger.reading.history(batch.case_ids[0]) == before


def test_escalating_asks_somebody_else(desk: Desk) -> None:
    """The review is closed and another one is open in the owner's queue."""
    desk.in_review("a")
    review = desk.ledger.reviews.open(PROCESS)[0]
    decide(desk, review.id, Verdict.ESCALATE)
    following = desk.ledger.reviews.open(PROCESS)
    assert [(r.queue, r.code, r.id != review.id) for r in following] == [("leads", "escalated", True)]


def test_a_decision_that_its_case_does_not_allow_changes_nothing(desk: Desk) -> None:
    """A review of an outcome cannot be answered like a quarantined case."""
    batch = desk.in_review("a")
    review = desk.ledger.reviews.open(PROCESS)[0]
    with pytest.raises(IllegalTransition):
        decide(desk, review.id, Verdict.REPAIR, values={})
    assert status(desk, batch.case_ids[0]) is Status.IN_REVIEW
    assert len(desk.ledger.reviews.open(PROCESS)) == 1


def test_an_unknown_review_is_named(desk: Desk) -> None:
    """Neither a wrong id nor a beginning that fits several decides anything."""
    desk.in_review("a", "b")
    with pytest.raises(ReviewNotFound):
        decide(desk, "nothing-1", Verdict.APPROVE)
    with pytest.raises(ReviewNotFound):
        desk.ledger.reviews.find("")


def test_a_quarantined_case_is_a_review_too(desk: Desk) -> None:
    """Repairing it puts it back among the open ones with its new input; another run takes it up."""
    from fulcrum.cases import ReasonCode, Routing

    desk.begin()
    desk.take_in("a")
    batch = desk.claim()
    routing = Routing(
        case_id=batch.case_ids[0],
        route=Route.QUARANTINED,
        code=ReasonCode.UNSOUND,
        reason="blank",
        kind=ReviewKind.REPAIR,
    )
    desk.ledger.work.quarantine(batch, [routing], gate="documents", due=DUE, started_at=desk.clock())
    review = desk.ledger.reviews.open(PROCESS)[0]
    assert review.kind is ReviewKind.REPAIR
    decide(desk, review.id, Verdict.REPAIR, values={"id": "a", "text": "mended"})
    desk.begin("run-2")
    again = desk.claim("run-2")
    found = desk.ledger.work.cases(again)[0]
    assert (found.status, found.input["text"], found.route, found.revision) == (Status.RECEIVED, "mended", None, 2)


def test_reopening_reverses_and_asks_again(desk: Desk) -> None:
    """The reversal is a delivery of its own; a later posting waits until it is done."""
    from fulcrum.cases import Delivery, Effect

    batch = desk.cleared("a")
    case_id = batch.case_ids[0]
    parcel = desk.ledger.outbox.claim(PROCESS)
    assert parcel is not None
    done = [Result(delivery=d, receipt=Receipt("row 1")) for d in parcel.deliveries]
    desk.ledger.outbox.record(parcel, done, run_id=None, queue="q", due=DUE, started_at=desk.clock())
    standing = desk.ledger.reviews.standing_effects(case_id)[0]
    undo = Delivery(
        key=f"{standing.key}:reversed", case_id=case_id, external_id="-", process=PROCESS, target=standing.target,
        effect=Effect.REVERSAL, revision=1, posting={}, reverses=standing.key,
    )  # fmt: skip
    desk.ledger.reviews.reopen(case_id, by="Ada", reason="wrong", reversals=[undo], queue="q", due=DUE)
    review = desk.ledger.reviews.open(PROCESS)[0]
    decision = Decision(review_id=review.id, verdict=Verdict.APPROVE, reviewer="Ada", values={"value": "z"})
    desk.ledger.reviews.decide(decision, deliveries=[desk.posting(case_id, revision=2)], due=DUE)
    first = desk.ledger.outbox.claim(PROCESS)
    assert first is not None
    assert [d.effect for d in first.deliveries] == [Effect.REVERSAL]
    undone = [Result(delivery=d, receipt=Receipt("row 2")) for d in first.deliveries]
    desk.ledger.outbox.record(first, undone, run_id=None, queue="q", due=DUE, started_at=desk.clock())
    assert desk.ledger.reviews.standing_effects(case_id) == []
    second = desk.ledger.outbox.claim(PROCESS)
    assert second is not None
    assert [(d.effect, d.revision) for d in second.deliveries] == [(Effect.POSTING, 2)]


def test_a_case_that_is_not_finished_cannot_be_reopened(desk: Desk) -> None:
    """Reopening is for delivered, closed and discarded cases."""
    batch = desk.in_review("a")
    with pytest.raises(IllegalTransition):
        desk.ledger.reviews.reopen(batch.case_ids[0], by="Ada", reason="x", reversals=[], queue="q", due=DUE)


def test_release_puts_back_only_what_its_batch_dragged_along(desk: Desk) -> None:
    """Sound cases of a refused batch are open again; the unsound stay set aside."""
    from fulcrum.cases import ReasonCode, Routing

    desk.begin()
    desk.take_in("bad", "good")
    batch = desk.claim()
    codes = dict(zip(batch.case_ids, (ReasonCode.UNSOUND, ReasonCode.BATCH_REFUSED), strict=True))
    routings = [
        Routing(case_id=c, route=Route.QUARANTINED, code=code, reason="r", kind=ReviewKind.REPAIR)
        for c, code in codes.items()
    ]
    desk.ledger.work.quarantine(batch, routings, gate="documents", due=DUE, started_at=desk.clock())
    assert desk.ledger.reviews.release(PROCESS, by="Ada", reason="source mended") == 1
    assert [status(desk, c) for c in batch.case_ids] == [Status.QUARANTINED, Status.RECEIVED]
    withdrawn = f"{batch.case_ids[1]}-1"
    with pytest.raises(DecisionRefused):
        decide(desk, withdrawn, Verdict.REPAIR, values={})


def test_business_keys_that_are_taken_name_their_case(desk: Desk) -> None:
    """A key counts as taken once its case has, or will have, its effect."""
    batch = desk.cleared("a")
    key = f"key-{batch.case_ids[0]}"
    assert desk.ledger.work.keys_taken(PROCESS, [key, "free"]) == {key: batch.case_ids[0]}


def test_autonomy_is_on_record(desk: Desk) -> None:
    """Each change says who, when and why; the last one holds."""
    assert desk.ledger.runs.standing(PROCESS) is None
    desk.ledger.runs.set_standing(PROCESS, Standing(Autonomy.SHADOW, 0.9), by="Ada", reason="start")
    desk.ledger.runs.set_standing(PROCESS, Standing(Autonomy.ASSISTED, 0.8), by="Bob", reason="earned")
    assert desk.ledger.runs.standing(PROCESS) == Standing(Autonomy.ASSISTED, 0.8)
    with desk.ledger.store.read() as tx:
        kept = tx.execute(select(ProcessStateRow.set_by, ProcessStateRow.reason).order_by(ProcessStateRow.seq)).all()
    assert [tuple(row) for row in kept] == [("Ada", "start"), ("Bob", "earned")]


def test_first_runs_at_once_say_once_what_a_process_may(desk: Desk) -> None:
    """Whoever is first writes down what the definition says; the others, and who comes later, read it."""
    defined = Standing(Autonomy.SUPERVISED, 0.9)

    def first_run(ledger: Ledger, _number: int = 0) -> Standing:
        return ledger.runs.first_standing(PROCESS, defined, by="Ada", reason="as the process is defined")

    with several(desk.ledger.store.url, desk.clock) as ledgers:
        assert at_once(ledgers, first_run) == [defined] * AT_ONCE
    assert len(desk.ledger.runs.standings(PROCESS)) == 1
    desk.ledger.runs.set_standing(PROCESS, Standing(Autonomy.SHADOW, 0.8), by="Bob", reason="careful")
    assert first_run(desk.ledger) == Standing(Autonomy.SHADOW, 0.8)


def test_a_crashed_run_is_over_once_somebody_says_so(desk: Desk) -> None:
    """One that has said itself how it ended stays as it said; a retry of the same run goes on."""
    versions = {"sop_version": "s", "prompt_version": "p", "standing": Standing(Autonomy.SHADOW, 0.9)}
    for run_id in ("killed", "ended"):
        desk.ledger.runs.begin(run_id, PROCESS, **versions)
    desk.ledger.runs.end("ended", {})
    for run_id in ("killed", "ended", "nobody's"):
        desk.ledger.runs.crashed(run_id, "no sign of life")
    assert [desk.ledger.runs.state(run_id) for run_id in ("killed", "ended", "nobody's")] == [
        "failed",
        "completed",
        None,
    ]
    desk.ledger.runs.begin("killed", PROCESS, **versions)
    assert desk.ledger.runs.state("killed") == "running"


def test_two_who_change_autonomy_at_once_are_both_on_record(desk: Desk) -> None:
    """Neither is lost and neither is refused; the last one holds."""

    def change(ledger: Ledger, _number: int) -> None:
        ledger.runs.set_standing(PROCESS, Standing(Autonomy.SHADOW, 0.9), by="Ada", reason="careful")

    with several(desk.ledger.store.url, desk.clock) as ledgers:
        at_once(ledgers, change)
    assert [row["seq"] for row in desk.ledger.runs.standings(PROCESS)] == list(range(AT_ONCE, 0, -1))


def test_moments_keep_their_zone_and_naive_ones_are_refused(desk: Desk) -> None:
    """Times come back in UTC, to the microsecond."""
    case = desk.cleared("a")
    received = desk.ledger.reading.history(case.case_ids[0]).case.received_at
    assert received == desk.clock()
    assert received.tzinfo is UTC
    row = {"digest": "d", "case_id": case.case_ids[0], "kind": "x", "created_at": datetime(2026, 1, 1)}  # noqa: DTZ001
    with desk.ledger.store.read() as tx, pytest.raises(Exception, match="time zone"):
        tx.execute(insert(ContentRow), [row])


def test_erasing_content_leaves_the_chain_valid(desk: Desk) -> None:
    """Facts are hashed as they stand, content by a salted digest, so that it can go and the proof stays."""
    batch = desk.cleared("a")
    case_id = batch.case_ids[0]
    with desk.ledger.store.write() as tx:
        tx.execute(ContentRow.__table__.update().where(ContentRow.case_id == case_id).values(body=None, salt=None))
    history = desk.ledger.reading.history(case_id)
    assert history.intact
    assert history.case.input == {}


@pytest.mark.parametrize("column", ["activity", "actor", "facts", "status", "content"])
def test_a_changed_event_breaks_the_chain(desk: Desk, column: str) -> None:
    """Whatever column of the log is tampered with shows."""
    from fulcrum.ledger.tables import EventRow

    batch = desk.cleared("a")
    value = {"x": 1} if column == "facts" else "tampered"
    with desk.ledger.store.write() as tx:
        table = EventRow.__table__
        tx.execute(table.update().where(table.c.case_id == batch.case_ids[0], table.c.seq == 2).values({column: value}))
    assert not desk.ledger.reading.history(batch.case_ids[0]).intact


def test_a_missing_last_event_shows_by_the_head(desk: Desk) -> None:
    """The case keeps the head and the count of its chain."""
    from fulcrum.ledger.tables import EventRow

    batch = desk.cleared("a")
    with desk.ledger.store.write() as tx:
        table = EventRow.__table__
        last = desk.ledger.reading.history(batch.case_ids[0]).events[-1]["seq"]
        tx.execute(table.delete().where(table.c.case_id == batch.case_ids[0], table.c.seq == last))
    assert not desk.ledger.reading.history(batch.case_ids[0]).intact


def test_the_migrations_make_exactly_the_tables(desk: Desk) -> None:
    """What Alembic builds and what the classes declare do not differ."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from fulcrum.ledger.migrate import VERSION_TABLE

    with desk.ledger.store.read() as tx:
        context = MigrationContext.configure(tx, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_twice_changes_nothing(desk: Desk, ledger_url: str) -> None:
    """A second migration finds the newest revision."""
    desk.cleared("a")
    assert migrate(ledger_url) == HEAD
    assert len(desk.ledger.reading.cases(PROCESS)) == 1


def test_the_newest_migration_is_the_one_that_the_code_needs() -> None:
    """The constant that start-up compares with is the head of the migrations' folder."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    import fulcrum.ledger

    config = Config()
    config.set_main_option("script_location", str(Path(fulcrum.ledger.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_a_ledger_without_schema_says_what_to_do(ledger_url: str) -> None:
    """Opening it names the remedy."""
    with pytest.raises(LedgerOutdated, match="fulcrum migrate"):
        Ledger.open(ledger_url)


def test_a_database_that_is_away_is_said_without_its_password() -> None:
    """The error names where it looked, never the secret."""
    with pytest.raises(LedgerUnavailable) as caught:
        Ledger.open("postgresql+psycopg://user:s3cret@127.0.0.1:1/none")
    assert "s3cret" not in str(caught.value)


def test_queries_that_runs_repeat_use_an_index(desk: Desk) -> None:
    """What a run claims is found without reading finished work."""
    if not desk.ledger.store.sqlite:
        pytest.skip("PostgreSQL plans by table size; tiny tables are scanned")
    query = (
        "EXPLAIN QUERY PLAN SELECT id FROM cases WHERE process = 'p' AND open_since IS NOT NULL ORDER BY open_since, id"
    )
    with desk.ledger.store.read() as tx:
        plan = " ".join(str(row) for row in tx.exec_driver_sql(query))
    assert "ix_cases_open" in plan
    assert CaseRow.__tablename__ in plan


def test_the_account_says_which_faults_keep_cases_open(desk: Desk) -> None:
    """Each open case counts under the last fault that it met; an answered one under none."""
    desk.begin()
    desk.take_in("a", "b")
    batch = desk.claim()
    desk.check(batch)
    desk.ledger.work.record(batch, [desk.call(case_id, f"k-{case_id}", None) for case_id in batch.case_ids], [], {})
    desk.propose(batch.only({batch.case_ids[0]}))
    desk.route(batch.only({batch.case_ids[0]}), Route.REVIEW)
    assert desk.ledger.runs.account("run-1").faults == {"timeout": 1}


def test_a_late_answer_to_a_case_finds_the_review_that_was_decided(desk: Desk) -> None:
    """Named by its case, a decided review is found, so that the second reviewer is told who was first."""
    batch = desk.in_review("a")
    review = desk.ledger.reviews.open(PROCESS)[0]
    decide(desk, review.id, Verdict.REJECT, note="no")
    assert desk.ledger.reviews.find(batch.case_ids[0]).id == review.id
    assert desk.ledger.reviews.find(batch.case_ids[0][:6]).id == review.id


def test_an_open_audit_keeps_the_proposal_from_whoever_looks(desk: Desk) -> None:
    """A case's history shows what was proposed only once the blind review is decided."""
    from fulcrum.cases import ReasonCode, Routing

    desk.begin()
    desk.take_in("a")
    batch = desk.claim()
    desk.check(batch)
    desk.propose(batch)
    routing = Routing(
        case_id=batch.case_ids[0], route=Route.REVIEW, code=ReasonCode.AUDIT, reason="audit", kind=ReviewKind.AUDIT
    )
    desk.ledger.work.route(batch, [routing], {}, gate="g", due=DUE, started_at=desk.clock())
    assert desk.ledger.reading.history(batch.case_ids[0]).proposal is None
    decide(desk, desk.ledger.reviews.open(PROCESS)[0].id, Verdict.REJECT, note="no")
    assert desk.ledger.reading.history(batch.case_ids[0]).proposal == {"value": "x"}


def test_what_was_decided_before_is_what_is_proposed_anew(desk: Desk) -> None:
    """A reopened case starts from the person's values, not from those that the person had corrected."""
    batch = desk.in_review("a")
    case_id = batch.case_ids[0]
    decision = Decision(
        review_id=desk.ledger.reviews.open(PROCESS)[0].id,
        verdict=Verdict.APPROVE,
        reviewer="Ada",
        values={"value": "y"},
    )
    desk.ledger.reviews.decide(decision, deliveries=[desk.posting(case_id)], due=DUE)
    parcel = desk.ledger.outbox.claim(PROCESS)
    assert parcel is not None
    done = [Result(delivery=d, receipt=Receipt("row 1")) for d in parcel.deliveries]
    desk.ledger.outbox.record(parcel, done, run_id=None, queue="q", due=DUE, started_at=desk.clock())
    desk.ledger.reviews.reopen(case_id, by="Ada", reason="wrong", reversals=[], queue="q", due=DUE)
    proposal = desk.ledger.reviews.dossiers(desk.ledger.reviews.open(PROCESS))[0].proposal
    assert proposal is not None
    assert (proposal.values, proposal.kind) == ({"value": "y"}, "human")


def test_beside_others_a_run_takes_less_towards_the_end(desk: Desk) -> None:
    """Alone it takes all it may; with others at work its parts shrink with what is left, down to the smallest batch."""
    for run in ("run-1", "run-2", "run-3"):
        desk.begin(run)
    desk.take_in(*(str(number) for number in range(1600)))
    assert len(desk.claim("run-1", 200).case_ids) == 200
    sizes = [len(desk.claim(run, 500).case_ids) for run in ("run-2", "run-1", "run-2", "run-1")]
    assert sizes == [350, 263, 197, 148]
    assert len(desk.claim("run-3", 500).case_ids) == 74
    rest = []
    while batch := desk.ledger.leases.claim(PROCESS, "run-2", 500):
        rest.append(len(batch.case_ids))
    assert rest == sorted(rest, reverse=True)
    assert (rest[0], rest[-1] <= 50, sum(rest)) == (62, True, 1600 - 200 - sum(sizes) - 74)
