"""Decided cases that are like the one at hand: what a reviewer is shown of them, and what never."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fulcrum.alike import NEAR, SHOWN, alike
from fulcrum.cases import ReasonCode, Receipt, ReviewKind, Route, Routing, Verdict
from fulcrum.deciding import Said, decide, reopen
from fulcrum.errors import DeliveryRefused
from fulcrum.examples import NewExample
from fulcrum.ledger import Result

if TYPE_CHECKING:
    from fulcrum.alike import Alike
    from fulcrum.cases import Json, Review
    from fulcrum.ledger import Dossier
    from tests.fulcrum.conftest import Office

ACME = "Acme Ltd, 12 Foundry Lane, Leeds LS9 8AG\nVAT GB 123 4567 89\nInvoice {number}\nBrass fittings, 10 mm {goods}"
ZELLER = "Zeller GmbH, Hafenstraße 3, Hamburg\nRechnung 77\nBeratung im Mai, 3 Tage\nZahlbar sofort"
POEM = "wq kx vj"
SEEN: Json = {
    "document_kind": "invoice",
    "supplier_name": "Acme Ltd",
    "issued_on": "2024-03-01",
    "currency": "EUR",
    "total": "121.00",
}


def ask(office: Office, name: str, text: str, kind: ReviewKind = ReviewKind.DECIDE) -> Review:
    """Bring a case before a person, for whom nothing is proposed; its id at the source begins with its name."""
    office.name = name
    batch = office.checked(text)
    code = ReasonCode.AUDIT if kind is ReviewKind.AUDIT else ReasonCode.DEGRADED
    office._route(batch, Routing(case_id=batch.case_ids[0], route=Route.REVIEW, code=code, reason="so", kind=kind))
    return office.ledger.reviews.find(batch.case_ids[0])


def say(
    office: Office, review: Review, verdict: Verdict = Verdict.APPROVE, reviewer: str = "Ada", **changes: Any
) -> None:
    given = SEEN | changes if verdict is Verdict.APPROVE else None
    said = Said(verdict=verdict, reviewer=reviewer, note="because", changes=given)
    decide(office.ledger, office.process, review.id, said)


def dossier(office: Office, review: Review) -> Dossier:
    return office.ledger.reviews.dossiers([office.ledger.reviews.find(review.case_id)])[0]


def like(office: Office, *reviews: Review) -> list[list[str]]:
    """Name the decided cases that are shown with each review."""
    found = alike(office.ledger, office.process, [dossier(office, review) for review in reviews])
    return [[one.external_id for one in each] for each in found]


def deliver(office: Office, *, refused: bool = False) -> None:
    """Let the target take, or refuse, what waits for it."""
    parcel = office.ledger.outbox.claim(office.process.name)
    assert parcel is not None
    no = {"error": DeliveryRefused(target="erp", reason="closed"), "final": True}
    came = [Result(delivery=d, **no if refused else {"receipt": Receipt("row")}) for d in parcel.deliveries]
    due = office.process.review.due
    office.ledger.outbox.record(parcel, came, run_id=None, queue="q", due=due, started_at=office.clock())


def test_only_what_people_have_approved_is_shown(office: Office) -> None:
    """Neither what waits, nor what was rejected, escalated, loaded or cleared without a person."""
    office.ledger.examples.load(
        office.process.name, [NewExample(id="loaded", input={"text": ACME.format(number=1, goods="a")}, values=SEEN)]
    )
    office.cleared()
    names = ("waits", "approved", "rejected", "escalated")
    waits, approved, rejected, escalated = (ask(office, name, ACME.format(number=7, goods="a")) for name in names)
    assert like(office, waits) == [[]]
    say(office, rejected, Verdict.REJECT)
    say(office, escalated, Verdict.ESCALATE)
    assert like(office, waits) == [[]]
    say(office, approved, total="500.00")
    assert like(office, waits) == [["approved0"]]
    shown: Alike = alike(office.ledger, office.process, [dossier(office, waits)])[0][0]
    assert (shown.values["total"], shown.decided_at) == (
        "500.00",
        office.history(approved.case_id).decisions[0]["decided_at"],
    )


def test_what_is_decided_after_somebody_has_looked_is_shown_to_the_next(office: Office) -> None:
    """Although it was not there when the case came."""
    waits, later = (ask(office, name, ACME.format(number=7, goods="a")) for name in ("waits", "later"))
    assert like(office, waits) == [[]]
    say(office, later)
    assert like(office, waits) == [["later0"]]


def test_the_nearest_come_first_and_no_more_than_three(office: Office) -> None:
    """The same text before another document of the same sender; what has little in common is left out."""
    texts = {
        "other": ACME.format(number=99, goods="Delivery by road, with unloading"),
        "twin": ACME.format(number=7, goods="washers"),
        "zeller": ZELLER,
        "near": ACME.format(number=8, goods="washers"),
        "far": ACME.format(number=1234, goods="Delivery by road, with unloading, insured, and by rail"),
    }
    for number, (name, text) in enumerate(texts.items()):
        say(office, ask(office, name, text), document_number=str(number))
    waits = ask(office, "waits", texts["twin"])
    assert like(office, waits) == [["twin0", "near0", "other0"]]
    shown = alike(office.ledger, office.process, [dossier(office, waits)])[0]
    assert len(shown) == SHOWN
    similarities = [one.similarity for one in shown]
    assert similarities == sorted(similarities, reverse=True)
    assert similarities[0] == 1.0


def test_what_has_little_in_common_is_not_shown(office: Office) -> None:
    """From a similarity on, and not below it, whatever else there is."""
    for name, text in (("acme", ACME.format(number=7, goods="washers")), ("zeller", ZELLER)):
        say(office, ask(office, name, text))
    waits = [
        ask(office, f"waits-{number}", text)
        for number, text in enumerate((ACME.format(number=8, goods="bolts"), f"{ZELLER}\n{ZELLER}", POEM, "Invoice"))
    ]
    now, step = office.clock(), office.process.ai_steps[0]
    index = office.ledger.examples.nearest_decided(office.process.name, step.text, now)
    assert index is not None
    texts = [office.process.text(dossier(office, review).case.input) for review in waits]
    near = [{one.example.id: one.similarity for one in each} for each in index.find(texts, [now] * len(texts), 9)]
    expected = [["acme0"], ["zeller0"], [], []]
    assert like(office, *waits) == expected
    # Some of what is left out has something in common all the same, so that it is the threshold which leaves it out.
    left_out = [one for each, names in zip(near, expected, strict=True) for one in each.items() if one[0] not in names]
    assert left_out
    assert all(similarity < NEAR for _, similarity in left_out)
    assert all(each[name] >= NEAR for each, names in zip(near, expected, strict=True) for name in names)


def test_a_case_is_not_like_itself(office: Office) -> None:
    """What its target refused after somebody had approved it is no case like it; another one like it still is."""
    itself, twin = (ask(office, name, ACME.format(number=7, goods="a")) for name in ("itself", "twin"))
    say(office, itself)
    deliver(office, refused=True)
    assert dossier(office, itself).review.code is ReasonCode.REFUSED
    assert like(office, itself, twin) == [[], ["itself0"]]
    say(office, twin)
    assert like(office, itself) == [["twin0"]]


def test_what_was_reopened_is_not_shown_any_more(office: Office) -> None:
    """Until somebody approves it again; then it is shown as that was."""
    first, waits = (ask(office, name, ACME.format(number=7, goods="a")) for name in ("first", "waits"))
    say(office, first)
    deliver(office)
    assert like(office, waits) == [["first0"]]
    reopen(office.ledger, office.process, first.case_id, by="Bo", reason="wrong")
    assert like(office, waits) == [[]]
    say(office, office.ledger.reviews.find(first.case_id), total="131.00")
    assert [one.values["total"] for one in alike(office.ledger, office.process, [dossier(office, waits)])[0]] == [
        "131.00"
    ]


def test_a_first_approval_of_two_is_not_shown(office: Office) -> None:
    """Nothing is decided before the second."""
    office.process = replace(office.process, review=replace(office.process.review, verified=None))
    large, waits = (ask(office, name, ACME.format(number=7, goods="a")) for name in ("large", "waits"))
    say(office, large, total="12100.00")
    assert dossier(office, large).review.code is ReasonCode.FOUR_EYES
    assert like(office, waits) == [[]]
    say(office, office.ledger.reviews.find(large.case_id), reviewer="Bo", total="12100.00")
    assert like(office, waits) == [["large0"]]


def test_an_audit_is_shown_without_them(office: Office) -> None:
    """Whoever decides blindly must not read off a like case what the AI may have proposed."""
    from tasks.review import forms_of

    say(office, ask(office, "before", ACME.format(number=7, goods="a"), kind=ReviewKind.DECIDE))
    asked = [
        ask(office, "audit", ACME.format(number=7, goods="a"), kind=ReviewKind.AUDIT),
        ask(office, "decide", ACME.format(number=7, goods="a")),
        ask(office, "zeller", ZELLER),
    ]
    forms = forms_of(office.ledger, office.process, [dossier(office, review) for review in asked])
    assert [form.review_id for form in forms] == [review.id for review in asked]
    assert ["Approved before" in form.evidence for form in forms] == [False, True, False]
    assert ["Approved before" in str(form.schema()) for form in forms] == [False, True, False]


def test_where_nothing_is_decided_nothing_is_shown(office: Office) -> None:
    """Nor where nothing is asked."""
    assert like(office, ask(office, "waits", POEM)) == [[]]
    assert like(office) == []
