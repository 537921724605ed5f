"""What a person's answer means: what is recorded, what is refused, and that a refused answer changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fulcrum.answering import corrections_of
from fulcrum.cases import Receipt, ReviewKind, Status, Verdict
from fulcrum.deciding import Said, decide, reopen
from fulcrum.errors import AlreadyDecided, CaseNotFound, DecisionRefused, IllegalTransition, ReviewNotFound
from fulcrum.ledger import Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from fulcrum.cases import Decision, Json, Review
    from tests.fulcrum.conftest import Office

ASKED = [ReviewKind.DECIDE, ReviewKind.AUDIT]


def say(
    office: Office, review: Review, verdict: Verdict, *, reviewer: str = "Ada", note: str | None = None, **changes: Any
) -> Decision:
    said = Said(verdict=verdict, reviewer=reviewer, note=note, changes=changes or None)
    return decide(office.ledger, office.process, review.id, said)


def refused(office: Office, review: Review, verdict: Verdict, match: str, **said: Any) -> None:
    """Check that an answer is refused in these words and that nothing at all has changed."""
    before = office.history(review.case_id)
    with pytest.raises(DecisionRefused, match=match):
        say(office, review, verdict, **said)
    assert office.history(review.case_id) == before
    assert office.ledger.reviews.find(review.id) == review


def deliver_all(office: Office) -> None:
    """Let the targets take everything."""
    while parcel := office.ledger.outbox.claim(office.process.name):
        results = [Result(delivery=delivery, receipt=Receipt("row")) for delivery in parcel.deliveries]
        due = office.process.review.due
        office.ledger.outbox.record(parcel, results, run_id=None, queue="q", due=due, started_at=office.clock())


def test_an_approval_without_changes_takes_the_proposal(office: Office, an_invoice: Callable[..., Json]) -> None:
    """The outcome is the proposal, there is nothing corrected, and a posting waits under the reviewer's name."""
    review = office.in_review()
    decision = say(office, review, Verdict.APPROVE, reviewer="  Ada  ")
    assert (decision.values, decision.corrections, decision.reviewer) == (an_invoice(), {}, "Ada")
    history = office.history(review.case_id)
    assert (history.case.status, history.outcome) == (Status.APPROVED, an_invoice())
    assert [(d["effect"], d["decided_by"], d["state"]) for d in history.deliveries] == [("posting", "Ada", "pending")]
    assert history.deliveries[0]["business_key"] == office.process.business_key(an_invoice())


def test_changes_are_recorded_field_by_field(office: Office) -> None:
    """Each corrected field with what was proposed and what was made of it; the others are not named."""
    review = office.in_review()
    changes = {"total": "131.00", "tax": "31.00", "supplier_name": "Acme Ltd", "due_on": "2024-04-01"}
    decision = say(office, review, Verdict.APPROVE, note=" as printed ", **changes)
    assert decision.corrections == {
        "total": {"proposed": "121.00", "decided": "131.00"},
        "tax": {"proposed": "21.00", "decided": "31.00"},
        "due_on": {"proposed": None, "decided": "2024-04-01"},
    }
    history = office.history(review.case_id)
    assert history.decisions[0]["content"] == {"note": "as printed", "corrections": decision.corrections}
    assert history.decisions[0]["changed"] == ["due_on", "tax", "total"]
    assert history.deliveries[0]["content"]["posting"]["total"] == "131.00"


@pytest.mark.parametrize("written", ["121.00", "121", "121.0", 121, 121.0])
def test_another_way_to_write_an_amount_is_no_correction(office: Office, written: object) -> None:
    """A form that turns 121.00 into 121 has corrected nothing."""
    assert say(office, office.in_review(), Verdict.APPROVE, total=written).corrections == {}


def test_a_field_can_be_emptied(office: Office) -> None:
    """What the document does not say is None, and that is a correction."""
    decision = say(office, office.in_review(), Verdict.APPROVE, document_number=None)
    assert decision.corrections == {"document_number": {"proposed": "2024-17", "decided": None}}


def test_corrections_name_what_either_side_leaves_out() -> None:
    """A field that only one of the two has is a difference to None; equal ones are left out."""
    found = corrections_of({"a": 1, "b": 2, "gone": 3}, {"a": 1, "b": 4, "new": 5})
    assert found == {
        "b": {"proposed": 2, "decided": 4},
        "new": {"proposed": None, "decided": 5},
        "gone": {"proposed": 3, "decided": None},
    }


@pytest.mark.parametrize("note", [None, "", "  \n"])
def test_a_rejection_needs_its_reason(office: Office, note: str | None) -> None:
    """A blank note is none."""
    refused(office, office.in_review(), Verdict.REJECT, "needs its reason in the note", note=note)


def test_a_rejection_is_told_to_the_target(office: Office) -> None:
    """It has the reason and books nothing; the case closes once the target knows."""
    review = office.in_review()
    say(office, review, Verdict.REJECT, note="not ours")
    history = office.history(review.case_id)
    assert history.case.status is Status.REJECTED
    assert [(d["effect"], d["content"]) for d in history.deliveries] == [
        ("rejection", {"posting": {}, "note": "not ours"})
    ]
    deliver_all(office)
    assert office.history(review.case_id).case.status is Status.CLOSED


@pytest.mark.parametrize("reviewer", ["", "   ", "\t\n"])
@pytest.mark.parametrize("verdict", [Verdict.APPROVE, Verdict.REJECT, Verdict.ESCALATE])
def test_nobody_decides_nothing(office: Office, verdict: Verdict, reviewer: str) -> None:
    """Every verdict needs a name."""
    refused(office, office.in_review(), verdict, "reviewer is missing", reviewer=reviewer, note="because")


@pytest.mark.parametrize("kind", ASKED)
@pytest.mark.parametrize("verdict", [Verdict.REPAIR, Verdict.DISCARD])
def test_an_outcome_is_not_repaired(office: Office, kind: ReviewKind, verdict: Verdict) -> None:
    """The verdicts of a quarantined case are refused, and the allowed ones are named."""
    match = f"can be approve, reject, escalate, hand_on, not {verdict}"
    refused(office, office.in_review(kind=kind), verdict, match, note="because")


@pytest.mark.parametrize("verdict", [Verdict.APPROVE, Verdict.REJECT, Verdict.ESCALATE])
def test_a_quarantined_case_is_not_decided(office: Office, verdict: Verdict) -> None:
    """Its input is repaired first, or it is discarded."""
    refused(office, office.quarantined(), verdict, f"can be repair, discard, hand_on, not {verdict}", note="because")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("total", "a lot"),
        ("total", "1.005"),
        ("total", "NaN"),
        ("issued_on", "yesterday"),
        ("currency", "euro"),
        ("document_kind", "parcel"),
        ("document_kind", None),
        ("iban", "IBAN"),
        ("line_items", "two"),
        ("supplier_name", "  "),
    ],
)
def test_an_invalid_value_names_its_field(office: Office, field: str, value: object) -> None:
    """The message says where and what, and the case waits on as it was."""
    refused(office, office.in_review(), Verdict.APPROVE, f"{field}: ", **{field: value})


def test_what_is_wrong_with_several_fields_is_told_at_once(office: Office) -> None:
    """Nobody has to send a form three times, and what they wrote is not repeated."""
    review = office.in_review()
    with pytest.raises(DecisionRefused) as caught:
        say(office, review, Verdict.APPROVE, total="s3cret", issued_on="s3cret")
    assert "total: " in str(caught.value)
    assert "issued_on: " in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("kind", ASKED)
def test_an_unknown_field_is_refused(office: Office, kind: ReviewKind) -> None:
    """A slip of the pen does not vanish."""
    refused(office, office.in_review(kind=kind), Verdict.APPROVE, "totl is no field", totl="1.00")


@pytest.mark.parametrize("field", ["supplier_name", "issued_on", "currency", "total"])
def test_a_required_field_cannot_be_left_empty(office: Office, field: str) -> None:
    """What the process needs has to be there before it is approved."""
    refused(office, office.in_review(), Verdict.APPROVE, f"{field} must be filled in", **{field: None})


AUDITED: dict[str, Any] = {
    "document_kind": "invoice",
    "supplier_name": "Acme Ltd",
    "issued_on": "2024-03-01",
    "currency": "EUR",
    "total": "131.00",
}


def test_an_audits_values_are_wholly_the_persons(office: Office) -> None:
    """What the hidden proposal says and the person leaves out is not in the outcome; what differs is a correction."""
    review = office.in_review(kind=ReviewKind.AUDIT)
    decision = say(office, review, Verdict.APPROVE, **AUDITED)
    assert decision.values is not None
    assert (decision.values["total"], decision.values["net"], decision.values["document_number"]) == (
        "131.00",
        None,
        None,
    )
    assert decision.corrections == {
        "total": {"proposed": "121.00", "decided": "131.00"},
        "net": {"proposed": "100.00", "decided": None},
        "tax": {"proposed": "21.00", "decided": None},
        "document_number": {"proposed": "2024-17", "decided": None},
    }


@pytest.mark.parametrize("changes", [{}, {"total": "121.00"}])
def test_an_audit_is_not_approved_unseen(office: Office, changes: Json) -> None:
    """Saying yes to a hidden proposal would measure nothing."""
    refused(office, office.in_review(kind=ReviewKind.AUDIT), Verdict.APPROVE, "document_kind", **changes)


def test_an_audit_can_be_rejected_or_escalated(office: Office) -> None:
    """Neither needs values; who it is escalated to sees the proposal."""
    review = office.in_review(kind=ReviewKind.AUDIT)
    say(office, review, Verdict.ESCALATE)
    following = office.ledger.reviews.open()[0]
    assert following.kind is ReviewKind.DECIDE
    say(office, following, Verdict.REJECT, note="a copy")
    assert office.history(review.case_id).case.status is Status.REJECTED


def test_a_case_without_a_proposal_is_filled_in_by_the_person(office: Office) -> None:
    """Nothing was proposed, so every value is a correction of nothing."""
    review = office.in_review(blank=True)
    decision = say(office, review, Verdict.APPROVE, **AUDITED)
    assert {name: change["decided"] for name, change in decision.corrections.items() if change["decided"]} == AUDITED
    assert {change["proposed"] for change in decision.corrections.values()} == {None}
    kept = office.history(review.case_id)
    assert (kept.case.status, kept.decisions[0]["model"], kept.proposal) == (Status.APPROVED, None, None)


def test_a_case_without_a_proposal_is_not_approved_blank(office: Office) -> None:
    """The fields that are needed are named."""
    review = office.in_review(blank=True)
    refused(office, review, Verdict.APPROVE, "document_kind: ")
    refused(office, review, Verdict.APPROVE, "supplier_name, issued_on, currency, total must", document_kind="receipt")


def test_a_repaired_case_is_open_again_with_its_new_input(office: Office) -> None:
    """What the person changed is recorded, the reason is gone, and another run takes it up."""
    review = office.quarantined()
    decision = say(office, review, Verdict.REPAIR, text="Invoice 1")
    assert decision.corrections == {"text": {"proposed": "", "decided": "Invoice 1"}}
    again = office.ledger.work.cases(office.claim())[0]
    assert (again.status, again.input["text"], again.unsound, again.route) == (Status.RECEIVED, "Invoice 1", None, None)
    assert office.history(review.case_id).deliveries == []


def test_a_repair_is_checked_like_any_input(office: Office) -> None:
    """A value that the case's model does not take, and a field it does not have, are refused."""
    review = office.quarantined()
    refused(office, review, Verdict.REPAIR, "received_on: ", received_on="soon")
    refused(office, review, Verdict.REPAIR, "txt is no field", txt="Invoice 1")


def test_a_discarded_case_is_done(office: Office) -> None:
    """No effect follows."""
    review = office.quarantined()
    say(office, review, Verdict.DISCARD, note="spam")
    history = office.history(review.case_id)
    assert (history.case.status, history.deliveries) == (Status.DISCARDED, [])


@pytest.mark.parametrize("second", [Verdict.APPROVE, Verdict.REJECT, Verdict.ESCALATE])
def test_the_first_answer_wins(office: Office, second: Verdict) -> None:
    """A second one is told who decided what and how to undo it, and changes nothing."""
    review = office.in_review()
    say(office, review, Verdict.APPROVE)
    before = office.history(review.case_id)
    with pytest.raises(AlreadyDecided, match=rf"approve by Ada.*fulcrum reopen {review.case_id}"):
        say(office, review, second, reviewer="Bob", note="late", total="1.00")
    assert office.history(review.case_id) == before


def test_a_review_is_found_by_the_case_and_by_a_beginning(office: Office) -> None:
    """The open one; what fits none is named."""
    review = office.in_review()
    said = Said(verdict=Verdict.APPROVE, reviewer="Ada")
    with pytest.raises(ReviewNotFound, match="no open review zzz"):
        decide(office.ledger, office.process, "zzz", said)
    assert decide(office.ledger, office.process, review.case_id[:6], said).review_id == review.id


def test_escalating_asks_the_owner(office: Office) -> None:
    """The case waits in the owner's queue, with who sent it there and what was the matter before."""
    review = office.in_review()
    say(office, review, Verdict.ESCALATE)
    following = office.ledger.reviews.open()
    assert [(r.queue, r.code, r.case_id) for r in following] == [
        (office.process.owner.queue, "escalated", review.case_id)
    ]
    assert "Ada" in following[0].reason
    assert review.reason in following[0].reason
    with pytest.raises(AlreadyDecided, match="escalate by Ada"):
        say(office, review, Verdict.APPROVE)
    say(office, following[0], Verdict.APPROVE, reviewer="Lea")
    assert office.history(review.case_id).case.status is Status.APPROVED


def test_reopening_takes_the_amounts_back(office: Office) -> None:
    """The reversal repeats the posting with negated amounts, and comes before whatever is decided next."""
    review = office.in_review()
    say(office, review, Verdict.APPROVE)
    deliver_all(office)
    assert reopen(office.ledger, office.process, review.case_id, by=" Bob ", reason=" wrong total ") == 1
    history = office.history(review.case_id)
    assert (history.case.status, history.case.revision) == (Status.IN_REVIEW, 2)
    undone = history.deliveries[-1]
    assert (undone["effect"], undone["reverses"], undone["decided_by"]) == (
        "reversal",
        history.deliveries[0]["key"],
        "Bob",
    )
    posting = undone["content"]["posting"]
    assert (posting["net"], posting["tax"], posting["total"]) == ("-100.00", "-21.00", "-121.00")
    assert (posting["rounding"], posting["document_number"]) == (None, "2024-17")
    say(office, office.ledger.reviews.open()[0], Verdict.APPROVE, total="131.00", tax="31.00")
    deliver_all(office)
    done = office.history(review.case_id)
    assert [(d["effect"], d["state"], d["content"]["posting"]["total"]) for d in done.deliveries] == [
        ("posting", "delivered", "121.00"),
        ("reversal", "delivered", "-121.00"),
        ("posting", "delivered", "131.00"),
    ]
    assert (done.case.status, done.intact) == (Status.DELIVERED, True)


def test_reopening_twice_undoes_each_effect_once(office: Office) -> None:
    """What is reversed already is not reversed again."""
    review = office.in_review()
    for total in ("121.00", "131.00"):
        say(office, office.ledger.reviews.open()[0], Verdict.APPROVE, total=total)
        deliver_all(office)
        assert reopen(office.ledger, office.process, review.case_id, by="Bob", reason="again") == 1
    deliver_all(office)
    booked = [float(d["content"]["posting"]["total"]) for d in office.history(review.case_id).deliveries]
    assert sum(booked) == 0
    assert len(booked) == 4


@pytest.mark.parametrize(("by", "reason"), [("", "x"), ("Bob", " ")])
def test_reopening_needs_a_name_and_a_reason(office: Office, by: str, reason: str) -> None:
    """Without them nothing happens."""
    review = office.in_review()
    say(office, review, Verdict.APPROVE)
    deliver_all(office)
    before = office.history(review.case_id)
    with pytest.raises(DecisionRefused, match="a name and a reason"):
        reopen(office.ledger, office.process, review.case_id, by=by, reason=reason)
    assert office.history(review.case_id) == before


def test_only_a_finished_case_is_reopened(office: Office) -> None:
    """One that waits for a person, or that nobody knows, is refused by name."""
    review = office.in_review()
    with pytest.raises(IllegalTransition, match=f"{review.case_id} is in_review"):
        reopen(office.ledger, office.process, review.case_id, by="Bob", reason="x")
    with pytest.raises(CaseNotFound):
        reopen(office.ledger, office.process, "nothing", by="Bob", reason="x")


def test_a_rejected_case_can_be_reopened_and_posted(office: Office) -> None:
    """The rejection that the target was told is undone as well."""
    review = office.in_review()
    say(office, review, Verdict.REJECT, note="not ours")
    deliver_all(office)
    assert reopen(office.ledger, office.process, review.case_id, by="Bob", reason="it is ours") == 1
    say(office, office.ledger.reviews.open()[0], Verdict.APPROVE)
    deliver_all(office)
    history = office.history(review.case_id)
    assert [d["effect"] for d in history.deliveries] == ["rejection", "reversal", "posting"]
    assert history.case.status is Status.DELIVERED


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"currency": "ZZZ"}, "currency: no ISO 4217 code"),
        ({"iban": "DE02120300000000202052"}, "iban: its check digits are wrong"),
        ({"total": "-5.00"}, "total: below zero"),
    ],
)
def test_what_no_document_can_make_right_is_refused_even_from_a_person(
    office: Office, changes: dict[str, str], match: str
) -> None:
    """A currency and an account that do not exist, and an invoice that asks for less than nothing."""
    refused(office, office.in_review(), Verdict.APPROVE, match, **changes)


def test_a_name_that_cannot_be_shown_is_refused(office: Office) -> None:
    """A reviewer's name stands in logs and in the UI, where control characters would turn text around."""
    refused(office, office.in_review(), Verdict.APPROVE, "cannot be shown", reviewer="Zoë \u202eevil")
