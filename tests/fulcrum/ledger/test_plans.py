"""Every statement that the ledger's verbs make is answered from an index, however many cases there are."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from flows.ticket_triage.process import TICKET_TRIAGE
from fulcrum.cases import (
    Decision,
    Delivery,
    Effect,
    NewCase,
    ReasonCode,
    Receipt,
    ReviewKind,
    Route,
    Routing,
    Status,
    Verdict,
    case_id_of,
)
from fulcrum.catalogue import Catalogue, Option
from fulcrum.due import Due, Urgency
from fulcrum.errors import DeliveryFailed, DeliveryRefused
from fulcrum.examples import NewExample
from fulcrum.ledger import Result
from fulcrum.process import Autonomy
from fulcrum.report import Standing, report_of
from fulcrum.reviewers import Reviewer, Role
from tests.query_plans import DESKS, Recorder, Seen, fill, plan

if TYPE_CHECKING:
    from tests.fulcrum.ledger.conftest import Desk

DAY = timedelta(days=1)
DUE = Due(within=DAY)
PROCESS = "sample"

ALLOWED = {
    ("reading.counts", "cases"): "a person asks for the whole of one process: one pass over an index, without its rows",
    ("reading.cases", "cases"): "the newest of each status, in the index's order: the limit ends it",
    ("examples.known", "decisions"): "what people have decided in a process, all of it, is what is asked for",
    ("examples.nearest", "decisions"): "the same",
    ("examples.nearest_decided", "decisions"): "the same",
    ("reading.decisions", "decisions"): "the same",
}
"""The verbs that may read all of a table, or of a process in it, each with why."""

STATEMENTS = 60
"""So many distinct statements are seen at least; fewer would mean that the recording misses them."""


def exercise(desk: Desk) -> None:
    """Use every verb of the ledger, on cases in every state."""
    _look(desk)
    _work(desk)
    _deliver(desk)
    _queue(desk)
    _decide(desk)
    _learn(desk)
    _look(desk)


def _work(desk: Desk) -> None:
    ledger = desk.ledger
    for run_id in ("run-0", "run-1"):
        desk.begin(run_id)
    desk.take_in(*(f"case {number}" for number in range(40)))
    ledger.intake.take_in("run-1", PROCESS, [NewCase(external_id="case 0", input={"text": "other"})])
    away, batch, bad, review = (desk.claim("run-1", 8) for _ in range(4))
    ledger.leases.renew(PROCESS, "run-1")
    ledger.leases.held_elsewhere(PROCESS, "run-0")
    for each in (batch, review):
        desk.check(each)
        desk.propose(each)
        ledger.work.behind(each, 0)
        ledger.work.keys_taken(PROCESS, [f"key-{case_id}" for case_id in each.case_ids])
    ledger.work.answers([f"{case_id}-key" for case_id in batch.case_ids])
    aside = [_routing(case_id, Route.QUARANTINED, ReasonCode.BATCH_REFUSED) for case_id in bad.case_ids]
    ledger.work.quarantine(bad, aside, gate="documents", due=DUE, started_at=desk.clock())
    desk.route(batch, Route.CLEARED)
    desk.route(review, Route.REVIEW)
    ledger.leases.release(away)
    ledger.runs.progress("run-1")


def _deliver(desk: Desk) -> None:
    outbox = desk.ledger.outbox
    parcel = outbox.claim(PROCESS, case_ids=[case.id for case in desk.ledger.reading.cases(PROCESS)], limit=2)
    assert parcel is not None
    errors = [DeliveryRefused(target="erp", reason="no"), DeliveryFailed(target="erp", reason="away")]
    for some in (parcel, outbox.claim(PROCESS)):
        assert some is not None
        results = [
            Result(delivery=d, error=errors.pop(), final=not errors)
            if errors
            else Result(delivery=d, receipt=Receipt("r"))
            for d in some.deliveries
        ]
        outbox.record(some, results, run_id="run-1", queue="q", due=DUE, started_at=desk.clock())


def _queue(desk: Desk) -> None:
    reviewers, queue = desk.ledger.reviewers, desk.ledger.queue
    for name in ("Ada", "Bela"):
        reviewers.add(Reviewer(name=name, role=Role.REVIEWER), by="a test")
    reviewers.enroll("Ada", "sealed")
    for step in (None, 1):
        reviewers.check("Ada", lambda _sealed, step=step: step)
    assert (len(reviewers.all()), reviewers.find("Cleo")) == (2, None)
    waiting = [review.id for review in desk.ledger.reviews.open(PROCESS)]
    queue.assign({waiting[0]: "Bela"})
    assert reviewers.load() == {"Bela": 1}
    queue.hand_on(waiting[0], to="Ada", by="Bela", note="away")
    queue.press(waiting[1], Urgency.ESCALATED, queue="leads")
    bundle = queue.bundle(PROCESS, Verdict.APPROVE, waiting[:2], reviewer="Ada")
    queue.find_bundle(bundle.id)
    queue.close_bundle(bundle.id)
    reviewers.leave("Bela")


def _decide(desk: Desk) -> None:
    reviews = desk.ledger.reviews
    waiting = reviews.open(PROCESS, unpublished=True)
    reviews.published({review.id: "flow-run" for review in waiting[:4]})
    reviews.withdraw_publication([waiting[3].id])
    asked = [review for review in reviews.open() if review.kind is ReviewKind.DECIDE]
    second = _routing(asked[0].case_id, Route.REVIEW, ReasonCode.FOUR_EYES)
    _say(desk, asked[0].id, Verdict.APPROVE, second=second)
    _say(
        desk,
        reviews.find(asked[0].case_id).id,
        Verdict.APPROVE,
        deliveries=[desk.posting(asked[0].case_id, revision=9)],
    )
    _say(desk, asked[1].id, Verdict.ESCALATE)
    reviews.dossiers(reviews.open(PROCESS))
    _say(desk, next(r.id for r in waiting if r.kind is ReviewKind.REPAIR), Verdict.REPAIR)
    reviews.release(PROCESS, by="Ada", reason="mended")
    reviews.decision(asked[0].id)
    reviews.is_open(asked[0].id)
    for name in (asked[0].id, asked[0].case_id, asked[0].case_id[:5], f"{asked[1].case_id}-"):
        reviews.find(name)
    done = desk.ledger.reading.cases(PROCESS, status=Status.DELIVERED)[0].id
    reversals = [_reversal(standing) for standing in reviews.standing_effects(done)]
    reviews.reopen(done, by="Ada", reason="wrong", reversals=reversals, queue="q", due=DUE)


def _learn(desk: Desk) -> None:
    ledger, now = desk.ledger, desk.clock() + DAY
    for _ in range(2):
        ledger.examples.load(PROCESS, [NewExample(id="e", input={"text": "t"}, values={"value": "x"})])
    ledger.examples.known(PROCESS, now)
    ledger.examples.nearest(PROCESS, lambda _input, _before: "text", now)
    ledger.examples.nearest_decided(PROCESS, lambda _input, _before: "text", now)
    ledger.catalogues.put(PROCESS, Catalogue("value", (Option(name="x"),)), by="Ada", reason="new")
    ledger.catalogues.in_force(PROCESS)
    ledger.catalogues.bind(TICKET_TRIAGE)
    ledger.runs.first_standing(PROCESS, Standing(Autonomy.SHADOW, 0.9), by="Ada", reason="start")
    ledger.runs.set_standing(PROCESS, Standing(Autonomy.SHADOW, 0.9), by="Ada", reason="start")


def _look(desk: Desk) -> None:
    ledger = desk.ledger
    for status in (None, Status.DELIVERED):
        ledger.reading.cases(PROCESS, status=status, limit=5)
    ledger.reading.decisions(PROCESS)
    ledger.reading.counts(PROCESS)
    if not ledger.reading.counts(PROCESS):
        return
    for name in (case_id_of(PROCESS, "case 1"), case_id_of(PROCESS, "case 1")[:9], "case 1"):
        ledger.reading.history(ledger.reading.find(name))
    ledger.work.cases(desk.claim("run-0", 3), Status.RECEIVED)
    ledger.work.proposals([case_id_of(PROCESS, "case 1")])
    ledger.runs.spent("run-1")
    report = report_of(
        ledger.runs.account("run-1"),
        run_id="run-1",
        process=PROCESS,
        duplicates=0,
        changed=0,
        currency="EUR",
        seconds=1,
    )
    ledger.runs.state("run-1")
    ledger.runs.failure(PROCESS)
    ledger.runs.crashed("another", "killed")
    ledger.runs.end("run-1", report.model_dump(mode="json"))
    ledger.runs.report("run-1")
    desk.begin("run-1")
    for ask in (ledger.runs.standing, ledger.runs.standings, ledger.runs.newest, ledger.catalogues.changes):
        ask(PROCESS)


def _say(desk: Desk, review_id: str, verdict: Verdict, **more: Any) -> None:
    step = int(review_id.rpartition("-")[2])
    decision = Decision(review_id=review_id, verdict=verdict, reviewer="Ada", values={"value": "y"}, code_step=step)
    desk.ledger.reviews.decide(decision, escalate_to="leads", due=DUE, **more)


def _routing(case_id: str, route: Route, code: ReasonCode) -> Routing:
    kind = ReviewKind.REPAIR if route is Route.QUARANTINED else ReviewKind.DECIDE
    return Routing(case_id=case_id, route=route, code=code, reason="because", kind=kind)


def _reversal(standing: Delivery) -> Delivery:
    return Delivery(
        key=f"{standing.key}:reversed", case_id=standing.case_id, external_id="-", process=PROCESS,
        target=standing.target, effect=Effect.REVERSAL, revision=1, posting={}, reverses=standing.key,
    )  # fmt: skip


@pytest.fixture
def recorder(desk: Desk) -> Recorder:
    recorder = Recorder(desk.ledger)
    exercise(desk)
    return recorder


def test_no_statement_reads_all_of_what_grows(desk: Desk, recorder: Recorder) -> None:
    """Each comes to its rows by an index that it restricts by more than the process; a person's questions aside."""
    whole = []
    if not desk.ledger.store.sqlite:
        with desk.ledger.store.write() as tx:
            fill(tx)
    with desk.ledger.store.read() as tx:
        if tx.dialect.name == "postgresql":
            # A scan that is left where the planner avoids them has no index that fits; the same of a whole index,
            # which the other joins read from end to end.
            for setting in ("enable_seqscan", "enable_hashjoin", "enable_mergejoin"):
                tx.exec_driver_sql(f"SET LOCAL {setting} = off")
        for seen in recorder.seen.values():
            bad = [a for a in plan(tx, seen) if a.whole and (seen.verb, a.table) not in ALLOWED]
            whole += [f"{seen.verb}: {access.said}\n    {seen.statement}" for access in bad]
    assert not whole, "\n".join(["no index serves", *whole])
    assert len(recorder.seen) >= STATEMENTS


def test_every_verb_was_exercised(desk: Desk, recorder: Recorder) -> None:
    """A verb that is added has to be used above, so that its statements are looked at as well."""
    verbs = {
        f"{name}.{verb}"
        for name in DESKS
        for verb in vars(type(getattr(desk.ledger, name)._desk))
        if not verb.startswith("_")
    }
    assert verbs - recorder.verbs == set()
    assert {verb for verb, _ in ALLOWED} <= verbs


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT id FROM cases WHERE reason = 'x'",
        "SELECT id FROM cases WHERE process = 'sample' AND reason = 'x'",
        "SELECT count(*) FROM events",
        "SELECT e.seq FROM cases c JOIN events e ON e.activity = c.reason WHERE c.id = 'x'",
    ],
)
def test_a_statement_without_an_index_is_caught(desk: Desk, statement: str) -> None:
    """Reading a table, or all of a process in it, shows in the plan."""
    with desk.ledger.store.read() as tx:
        if tx.dialect.name == "postgresql":
            tx.exec_driver_sql("SET LOCAL enable_seqscan = off")
        assert any(access.whole for access in plan(tx, Seen("", statement, ())))
