"""Who a proposal goes to: every combination of autonomy, confidence, threshold and gate, and the audit draw."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.cases import Case, Proposal, ReasonCode, ReviewKind, Route, Status, case_id_of
from fulcrum.halting import EVERY, Halt
from fulcrum.ledger import Cleared
from fulcrum.process import Autonomy
from fulcrum.report import Standing
from fulcrum.routing import ALONE, degraded, draw, out_of_patience, over_budget, quarantined, route, unusable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fulcrum.conftest import Office

POLICY = INVOICE_INTAKE.review
NO_AUDIT = replace(POLICY, audit_share=0.0)
NOW = datetime(2026, 11, 2, tzinfo=UTC)
BROKEN = ("total does not add up", "supplier is not in the master data")
CONFIDENCES = (None, 0.0, 0.5, 0.799999, 0.8, 0.95, 1.0)
THRESHOLDS = (0.0, 0.8, 1.0)


def proposed(confidence: float | None, case_id: str = "c", version: str = "s") -> Proposal:
    return Proposal(case_id=case_id, step="extract", kind="ai", values={}, confidence=confidence, sop_version=version)


def case() -> Case:
    return Case(id="c", process="p", external_id="e", status=Status.CHECKED, received_at=NOW, input={})


def expected(
    autonomy: Autonomy, confidence: float | None, threshold: float, broken: tuple[str, ...], exact: bool
) -> ReasonCode:
    """Say the same in the plainest way: the first thing that stands in the way."""
    obstacles = {
        ReasonCode.GATE: bool(broken),
        ReasonCode.AUTONOMY: autonomy in {Autonomy.SHADOW, Autonomy.ASSISTED},
        ReasonCode.NO_CONFIDENCE: not exact and confidence is None,
        ReasonCode.LOW_CONFIDENCE: not exact and confidence is not None and confidence < threshold,
    }
    return next((code for code, stands in obstacles.items() if stands), ReasonCode.SUFFICIENT)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("broken", [(), BROKEN[:1], BROKEN])
@pytest.mark.parametrize("autonomy", Autonomy)
def test_every_combination_has_its_route_and_its_words(
    autonomy: Autonomy, broken: tuple[str, ...], exact: bool
) -> None:
    """The first obstacle decides; without one the case is cleared. Each route says why."""
    for confidence, threshold in product(CONFIDENCES, THRESHOLDS):
        found = route(proposed(confidence), broken, Standing(autonomy, threshold), NO_AUDIT, exact=exact)
        code = expected(autonomy, confidence, threshold, broken, exact)
        assert found.code is code, (confidence, threshold)
        assert found.route is (Route.CLEARED if code is ReasonCode.SUFFICIENT else Route.REVIEW)
        assert found.kind is ReviewKind.DECIDE
        assert found.reason.strip()
        assert found.queue == ("" if found.route is Route.CLEARED else POLICY.queue)
        assert found.audit_probability == (0.0 if found.route is Route.CLEARED else None)


@pytest.mark.parametrize("scope", ["invoice-intake", EVERY])
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("autonomy", Autonomy)
def test_nothing_clears_while_a_halt_is_in_force(autonomy: Autonomy, exact: bool, scope: str) -> None:
    """Whatever the process may do alone and however sure the AI is: people decide, and nothing is drawn for an audit.

    A broken rule stays the reason, for it is what the person is to look at.
    """
    halt = Halt(scope=scope, by="Ada", reason="odd totals", at=NOW)
    always = replace(POLICY, audit_share=1.0)
    for confidence, threshold in product(CONFIDENCES, THRESHOLDS):
        standing = Standing(autonomy, threshold)
        found = route(proposed(confidence), (), standing, always, exact=exact, halt=halt)
        assert (found.route, found.code, found.reason) == (Route.REVIEW, ReasonCode.HALTED, "halted by Ada")
        assert (found.kind, found.queue, found.audit_probability) == (ReviewKind.DECIDE, POLICY.queue, None)
        broken = route(proposed(confidence), BROKEN, standing, always, exact=exact, halt=halt)
        assert (broken.route, broken.code) == (Route.REVIEW, ReasonCode.GATE)


def test_a_gates_reasons_are_all_told() -> None:
    """Whoever reviews reads each rule that is broken."""
    found = route(proposed(1.0), BROKEN, Standing(Autonomy.SUPERVISED, 0.5), POLICY)
    assert found.reason == "; ".join(BROKEN)


@pytest.mark.parametrize(
    ("confidence", "threshold", "words"),
    [
        (0.5, 0.8, "not sure enough: 0.50, needed 0.80"),
        (0.9, 0.8, "sure enough: 0.90, needed 0.80"),
        (0.8, 0.8, "sure enough: 0.80, needed 0.80"),
        (0.79999, 0.8, "not sure enough: 0.79999, needed 0.80000"),
        (0.796, 0.8, "not sure enough: 0.796, needed 0.800"),
        (0.1 + 0.2, 0.3, "sure enough: 0.30"),
    ],
)
def test_the_figures_in_the_reason_tell_why(confidence: float, threshold: float, words: str) -> None:
    """Two numbers that differ are never printed as the same one."""
    found = route(proposed(confidence), (), Standing(Autonomy.SUPERVISED, threshold), NO_AUDIT)
    assert words in found.reason


confidences = st.none() | st.floats(allow_nan=True, allow_infinity=True)
thresholds = st.floats(0, 1)


@given(confidences, thresholds, st.sampled_from([Autonomy.SHADOW, Autonomy.ASSISTED]), st.booleans(), st.text())
def test_nothing_clears_in_shadow_or_assisted(
    confidence: float | None, threshold: float, autonomy: Autonomy, exact: bool, case_id: str
) -> None:
    """Whatever the confidence, a person decides."""
    given_proposal = proposed(confidence, case_id.encode("utf-8", "replace").decode())
    assert route(given_proposal, (), Standing(autonomy, threshold), POLICY, exact=exact).route is Route.REVIEW


@given(thresholds, st.sampled_from(Autonomy), st.sampled_from([None, float("nan")]))
def test_no_confidence_never_clears(threshold: float, autonomy: Autonomy, confidence: float | None) -> None:
    """None, and what is not a number, go to a person even under a threshold of 0."""
    assert route(proposed(confidence), (), Standing(autonomy, threshold), POLICY).route is Route.REVIEW


@given(confidences, thresholds, st.sampled_from(Autonomy), st.lists(st.text(), min_size=1), st.booleans())
def test_a_broken_rule_never_clears(
    confidence: float | None, threshold: float, autonomy: Autonomy, broken: list[str], exact: bool
) -> None:
    """The gate weighs more than any confidence."""
    found = route(proposed(confidence), broken, Standing(autonomy, threshold), NO_AUDIT, exact=exact)
    assert (found.route, found.code) == (Route.REVIEW, ReasonCode.GATE)


@given(st.floats(0, 1), st.floats(0, 1), thresholds, st.sampled_from(sorted(ALONE)))
def test_more_confidence_never_loses_the_clearance(
    one: float, other: float, threshold: float, autonomy: Autonomy
) -> None:
    """What clears at a confidence clears at every higher one."""
    low, high = sorted((one, other))
    standing = Standing(autonomy, threshold)
    if route(proposed(low), (), standing, NO_AUDIT).route is Route.CLEARED:
        assert route(proposed(high), (), standing, NO_AUDIT).route is Route.CLEARED


def test_the_audit_draw_is_even_and_always_the_same() -> None:
    """Over 20,000 cases the share is near 5%, each tenth of [0, 1) gets its tenth, and a second draw agrees."""
    ids = [case_id_of("invoice-intake", str(number)) for number in range(20_000)]
    drawn = [draw(case_id, "abc") for case_id in ids]
    assert drawn == [draw(case_id, "abc") for case_id in ids]
    assert all(0 <= number < 1 for number in drawn)
    # Four standard deviations: 0.0062 at 5%, 0.0085 at 10%.
    assert abs(sum(number < POLICY.audit_share for number in drawn) / len(drawn) - 0.05) < 0.0062
    for tenth in range(10):
        assert abs(sum(int(number * 10) == tenth for number in drawn) / len(drawn) - 0.1) < 0.0085


def test_another_version_of_the_procedure_draws_anew() -> None:
    """Nobody can keep a case out of the sample for ever."""
    assert draw("c", "v1") != draw("c", "v2")


def test_audited_cases_are_blind_reviews_and_carry_the_draws_probability() -> None:
    """So do the cleared ones, because an estimate weighs both."""
    standing = Standing(Autonomy.SUPERVISED, 0.8)
    routings = [route(proposed(0.9, f"case {n}"), (), standing, POLICY) for n in range(400)]
    audited = [routing for routing in routings if routing.route is Route.REVIEW]
    assert 0 < len(audited) < 60
    assert {(r.kind, r.code, r.queue) for r in audited} == {(ReviewKind.AUDIT, ReasonCode.AUDIT, POLICY.queue)}
    assert {r.audit_probability for r in routings} == {0.05}
    assert all("without the AI's proposal" in r.reason for r in audited)


@pytest.mark.parametrize(("share", "reached"), [(0.0, Route.CLEARED), (1.0, Route.REVIEW)])
def test_the_audits_share_may_be_none_or_all(share: float, reached: Route) -> None:
    """The bounds hold for every case."""
    standing, policy = Standing(Autonomy.AUTONOMOUS, 0.8), replace(POLICY, audit_share=share)
    assert {route(proposed(0.9, f"case {n}"), (), standing, policy).route for n in range(200)} == {reached}


def test_exact_proposals_are_audited_as_well() -> None:
    """What a document's own data says is checked by people as often as what the AI says."""
    standing = Standing(Autonomy.SUPERVISED, 0.8)
    routings = [route(proposed(None, f"case {n}"), (), standing, POLICY, exact=True) for n in range(400)]
    assert {r.kind for r in routings if r.route is Route.REVIEW} == {ReviewKind.AUDIT}


def test_the_ledger_keeps_the_draws_probability(office: Office, an_invoice: Callable[..., dict[str, object]]) -> None:
    """It stands in the event of the audited case and of the cleared one, and in the case's row."""
    from sqlalchemy import select

    from fulcrum.ledger.tables import CaseRow

    batch = office.proposed(an_invoice(), an_invoice(document_number="2"))
    standing = Standing(Autonomy.SUPERVISED, 0.8)
    shares = dict(zip(batch.case_ids, (1.0, 1e-9), strict=True))
    routings = [
        route(proposed(0.9, case_id), (), standing, replace(POLICY, audit_share=share))
        for case_id, share in shares.items()
    ]
    assert [routing.route for routing in routings] == [Route.REVIEW, Route.CLEARED]
    cleared = {batch.case_ids[1]: Cleared(values=an_invoice())}
    office.ledger.work.route(batch, routings, cleared, gate="routing", due=POLICY.due, started_at=office.clock())
    for case_id, share in shares.items():
        assert office.history(case_id).events[-1]["facts"]["audit_probability"] == share
    with office.ledger.store.read() as tx:
        assert dict(tx.execute(select(CaseRow.id, CaseRow.audit_probability)).fetchall()) == shares
    assert [review.kind for review in office.ledger.reviews.open()] == [ReviewKind.AUDIT]


@pytest.mark.parametrize(
    ("found", "code", "words"),
    [
        (degraded(case(), "rate_limited", POLICY), ReasonCode.DEGRADED, "no answer in time (rate limited)"),
        (unusable(case(), "it does not fit", POLICY), ReasonCode.DEGRADED, "unusable: it does not fit"),
        (over_budget(case(), POLICY), ReasonCode.BUDGET, "budget for AI was spent"),
    ],
)
def test_a_case_without_a_proposal_goes_to_a_person_with_words(found: object, code: ReasonCode, words: str) -> None:
    """Each way of having no answer has its code and its reason."""
    assert isinstance(found, type(over_budget(case(), POLICY)))
    assert (found.route, found.code, found.kind, found.queue) == (Route.REVIEW, code, ReviewKind.DECIDE, POLICY.queue)
    assert words in found.reason


@pytest.mark.parametrize(("minutes", "out"), [(0, False), (29.99, False), (30, True), (600, True)])
def test_patience_ends_to_the_minute(minutes: float, out: bool) -> None:
    """A case without an answer waits as long as its process lets it."""
    assert out_of_patience(case(), NOW + timedelta(minutes=minutes), timedelta(minutes=30)) is out


@pytest.mark.parametrize("refused", [False, True])
def test_an_intake_gate_sets_aside_the_broken_and_a_refused_batch_whole(refused: bool) -> None:
    """The sound ones of a refused batch say that nothing is wrong with themselves."""
    routings = quarantined(["a", "b"], {"a": "has no text"}, POLICY, gate="documents", refused=refused)
    found = {r.case_id: (r.code, r.reason) for r in routings}
    assert found["a"] == (ReasonCode.UNSOUND, "has no text")
    assert ("b" in found) is refused
    if refused:
        assert found["b"][0] is ReasonCode.BATCH_REFUSED
        assert "documents" in found["b"][1]
    assert {(r.route, r.kind, r.queue) for r in routings} == {(Route.QUARANTINED, ReviewKind.REPAIR, POLICY.queue)}
