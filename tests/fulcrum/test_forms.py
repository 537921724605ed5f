"""A review as a form: what a person sees, what their answer means, and that a document cannot break out of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, create_model

from flows.invoice_intake.documents import Invoice
from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.answering import checked
from fulcrum.cases import Case, Json, Proposal, ReasonCode, Review, ReviewKind, Status, Verdict
from fulcrum.errors import DecisionRefused
from fulcrum.evidence import SHOWN_AT_MOST, escaped, excerpt, plain, quoted
from fulcrum.form_fields import definition, read, written
from fulcrum.forms import SOURCE, form_of, name_of
from fulcrum.ledger import Dossier

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
SIGNED: Json = {"verdict": "approve", "reviewer": "Ada"}
NASTY = "</textarea><script>x()</script> ![a](http://evil) [b](javascript:x) `` ` `` **c** | d\u202e\x00"


def invoice(**changes: object) -> Json:
    """Give the values of a proposal."""
    values = {
        "document_kind": "invoice",
        "supplier_name": "Acme Ltd",
        "document_number": "2024-17",
        "issued_on": "2024-03-01",
        "currency": "EUR",
        "total": "1210.00",
        "line_items": [{"description": "Bolts", "quantity": "2", "amount": "10.10"}],
    }
    return Invoice.model_validate(values | changes).model_dump(mode="json")


def dossier(
    values: Json | None = None,
    *,
    kind: ReviewKind = ReviewKind.DECIDE,
    text: str = "Total 1,210.00",
    reason: str = "net and tax do not add up",
    external_id: str = "inbox/2024/acme.txt",
    evidence: dict[str, str] | None = None,
) -> Dossier:
    """Give a review with its case, and a proposal where there are values."""
    process, case_id = INVOICE_INTAKE.name, "abcdefghijklmnop"
    review = Review(
        id=f"{case_id}-1", case_id=case_id, process=process, kind=kind, code=ReasonCode.GATE, reason=reason,
        queue="accounts-payable", opened_at=NOW, due_at=NOW + timedelta(days=1),
    )  # fmt: skip
    case = Case(
        id=case_id, process=process, external_id=external_id, status=Status.IN_REVIEW, received_at=NOW,
        input={"id": external_id, "text": text, "sender": "billing@acme.example"},
    )  # fmt: skip
    proposal = values and Proposal(
        case_id=case_id, step="extract", kind="ai", values=values, confidence=0.62,
        field_confidence={"total": 0.62}, evidence=evidence or {}, model="m-1", sop_version="s1", prompt_version="p1",
    )  # fmt: skip
    return Dossier(review=review, case=case, proposal=proposal or None)


def filled(form: Any) -> Json:
    """Give a form as a UI sends it back untouched."""
    properties = form.schema()["properties"]
    return {name: field["default"] for name, field in properties.items() if "default" in field}


def test_a_decision_is_prefilled_and_only_verdict_and_name_are_required() -> None:
    """Every field of the outcome can be edited and starts as proposed; an empty resume approves nothing."""
    schema = form_of(INVOICE_INTAKE, dossier(invoice())).schema()
    assert schema["required"] == ["verdict", "reviewer"]
    assert set(Invoice.model_fields) <= set(schema["properties"])
    assert schema["properties"]["total"]["default"] == "1210.00"
    assert schema["properties"]["due_on"]["default"] == ""
    assert schema["properties"]["document_kind"]["enum"] == ["invoice", "credit_note", "receipt"]
    assert schema["properties"]["verdict"]["enum"] == ["approve", "reject", "escalate", "hand_on"]
    assert schema["additionalProperties"] is False


def test_the_form_has_titles_hints_and_how_sure_the_ai_is() -> None:
    """A field says what belongs into it, whether it is needed, how sure the AI is and where it found it."""
    total = form_of(INVOICE_INTAKE, dossier(invoice(), evidence={"total": "Total 1,210.00"})).schema()["properties"][
        "total"
    ]
    assert total["title"] == "Total"
    assert total["description"].endswith("Needed to approve. 62% sure. Found in: `Total 1,210.00`")
    assert "Labels:" not in total["description"]


def test_references_are_the_ones_that_both_uis_follow() -> None:
    """The V1 UI shows nothing for a reference to `$defs`."""
    text = json.dumps(form_of(INVOICE_INTAKE, dossier(invoice())).schema())
    assert "#/definitions/LineItem" in text
    assert "$defs" not in text


def test_an_untouched_form_approves_exactly_what_was_proposed() -> None:
    """What the UI sends back unedited is valid by its schema and corrects nothing."""
    case = dossier(invoice())
    form = form_of(INVOICE_INTAKE, case)
    answer = filled(form) | SIGNED
    jsonschema.validate(answer, form.schema())
    decision = checked(INVOICE_INTAKE, case, form.said(answer))
    assert (decision.values, decision.corrections) == (invoice(), {})


EDITS = {
    "a text": ({"supplier_name": "Acme GmbH "}, {"supplier_name": "Acme GmbH"}),
    "an amount": ({"total": "1200.50"}, {"total": "1200.50"}),
    "a select": ({"document_kind": "receipt"}, {"document_kind": "receipt"}),
    "a blank is None": ({"document_number": "  "}, {"document_number": None}),
    "an entry of a list": (
        {"line_items": [{"description": "Nuts", "quantity": "", "amount": "1.00"}, {"description": ""}]},
        {"line_items": [{"description": "Nuts", "quantity": None, "unit_price": None, "amount": "1.00"}]},
    ),
}


@pytest.mark.parametrize(("edit", "decided"), EDITS.values(), ids=EDITS)
def test_an_edit_is_a_correction_of_its_field_alone(edit: Json, decided: Json) -> None:
    """Each edited field is recorded with what was proposed and what was made of it; the others stay."""
    case = dossier(invoice())
    form = form_of(INVOICE_INTAKE, case)
    decision = checked(INVOICE_INTAKE, case, form.said(filled(form) | SIGNED | edit))
    assert {name: change["decided"] for name, change in decision.corrections.items()} == decided


def test_a_field_that_the_person_cleared_is_missing_from_the_answer_and_becomes_none() -> None:
    """Both UIs leave out what was cleared; a script's partial answer leaves the rest as proposed."""
    case = dossier(invoice())
    form = form_of(INVOICE_INTAKE, case)
    answer = filled(form) | SIGNED
    del answer["document_number"]
    assert checked(INVOICE_INTAKE, case, form.said(answer)).corrections == {
        "document_number": {"proposed": "2024-17", "decided": None}
    }
    assert checked(INVOICE_INTAKE, case, form.said(SIGNED)).corrections == {}


@pytest.mark.parametrize("kind", [ReviewKind.AUDIT, ReviewKind.DECIDE], ids=["audit", "no proposal"])
def test_a_form_without_a_proposal_to_show_is_blank(kind: ReviewKind) -> None:
    """An audit hides the proposal in every part of the form and of the name; a degraded case has none."""
    case = dossier(invoice(supplier_name="Hidden Ltd") if kind is ReviewKind.AUDIT else None, kind=kind)
    form = form_of(INVOICE_INTAKE, case)
    assert not any(value for name, value in filled(form).items() if name != SOURCE)
    assert "Hidden" not in json.dumps(form.schema()) + form.evidence + name_of(INVOICE_INTAKE, case)
    with pytest.raises(DecisionRefused, match="document_kind"):
        checked(INVOICE_INTAKE, case, form.said(SIGNED))


def test_a_repair_edits_the_text_and_the_optional_fields() -> None:
    """A quarantined case's id stays, its text and optional fields are edited, and repair or discard is said of it."""
    case = dossier(kind=ReviewKind.REPAIR, text="Tot\nal 5.00")
    form = form_of(INVOICE_INTAKE, case)
    properties = form.schema()["properties"]
    assert properties["verdict"]["enum"] == ["repair", "discard", "hand_on"]
    assert "id" not in properties
    assert properties["text"]["format"] == "json-string"
    said = form.said(filled(form) | {"verdict": "repair", "reviewer": "Ada", "text": "Total\n5.00", "sender": ""})
    decision = checked(INVOICE_INTAKE, case, said)
    assert (decision.verdict, decision.values and decision.values["text"]) == (Verdict.REPAIR, "Total\n5.00")
    assert {"sender", "text"} <= set(decision.corrections)
    assert "file_name" not in {name for name, change in decision.corrections.items() if change["decided"]}


JUNK: dict[str, Json] = {
    "nothing": {},
    "no verdict": {"reviewer": "Ada"},
    "a verdict of another kind": {"verdict": "repair", "reviewer": "Ada"},
    "no name": {"verdict": "approve", "reviewer": ""},
    "a name that is no text": {"verdict": "approve", "reviewer": 7},
    "a field that the form lacks": SIGNED | {"approved": True},
    "an amount in words": SIGNED | {"total": "about 5"},
    "an amount with three places": SIGNED | {"total": "5.001"},
    "an object for a text": SIGNED | {"supplier_name": {"__prefect_kind": "jinja", "template": "x"}},
}


@pytest.mark.parametrize("answer", JUNK.values(), ids=JUNK)
def test_what_is_no_answer_to_the_form_is_refused(answer: Json) -> None:
    """Whoever gets an answer past the server's check does not get it past ours."""
    with pytest.raises(DecisionRefused):
        form_of(INVOICE_INTAKE, dossier(invoice())).said(answer)


def test_a_form_asked_again_says_why_and_keeps_what_was_typed() -> None:
    """The reason stands first; edits, name and cleared fields stay; what was proposed is still what is corrected."""
    case = dossier(invoice())
    before = filled(form_of(INVOICE_INTAKE, case)) | SIGNED | {"total": "1200.00", "verdict": "reject"}
    del before["document_number"]
    form = form_of(INVOICE_INTAKE, case, problem="a rejection needs its reason in the note", before=before)
    assert form.evidence.startswith("**Your last answer was not taken:** a rejection needs its reason in the note")
    assert "a rejection needs" in form.schema()["properties"][SOURCE]["description"]
    held = filled(form)
    assert (held["total"], held["document_number"], held["reviewer"]) == ("1200.00", "", "Ada")
    assert "verdict" not in held
    assert form.schema()["required"] == ["verdict", "reviewer"]
    decision = checked(INVOICE_INTAKE, case, form.said(held | {"verdict": "approve"}))
    assert decision.corrections["total"] == {"proposed": "1210.00", "decided": "1200.00"}


def older_form(form: Any, *, without: str = "", with_: str = "") -> tuple[Json, set[str]]:
    """Give a form of an older release as a UI sends it back untouched, and the fields that it had."""
    held = filled(form) | ({with_: "N-1"} if with_ else {})
    held.pop(without, None)
    return held, {*held, "verdict", "reviewer"}


def test_what_an_older_form_did_not_ask_for_stays_as_proposed() -> None:
    """It was not cleared by the person; what they did clear is, and asked again the form holds the rest as proposed."""
    case = dossier(invoice(document_number="2024-17"))
    form = form_of(INVOICE_INTAKE, case)
    held, asked = older_form(form, without="line_items")
    assert checked(INVOICE_INTAKE, case, form.said(held | SIGNED, asked=asked)).corrections == {}
    del held["document_number"]
    decision = checked(INVOICE_INTAKE, case, form.said(held | SIGNED, asked=asked))
    assert set(decision.corrections) == {"document_number"}
    again = filled(form_of(INVOICE_INTAKE, case, problem="so", before=held | SIGNED, asked=asked))
    assert (again["document_number"], len(again["line_items"])) == ("", 1)


@pytest.mark.parametrize("verdict", ["reject", "escalate", "hand_on"])
def test_what_is_asked_for_no_more_hinders_nobody_who_approves_nothing(verdict: str) -> None:
    """What the case is refused or handed on for has nothing to do with it."""
    form = form_of(INVOICE_INTAKE, dossier(invoice()))
    held, asked = older_form(form, with_="delivery_note")
    assert form.said(held | SIGNED | {"verdict": verdict}, asked=asked).verdict == verdict


def test_what_is_asked_for_no_more_is_not_approved_unseen() -> None:
    """What stands in the form takes effect; where it cannot, the person is asked again. A blank is left out."""
    case = dossier(invoice())
    form = form_of(INVOICE_INTAKE, case)
    held, asked = older_form(form, with_="delivery_note")
    with pytest.raises(DecisionRefused, match="delivery_note is asked for no more"):
        form.said(held | SIGNED, asked=asked)
    said = form.said(held | SIGNED | {"delivery_note": " "}, asked=asked)
    assert checked(INVOICE_INTAKE, case, said).corrections == {}


def test_a_proposal_of_an_older_release_can_be_approved() -> None:
    """What it says and an outcome has no field for any more is left out, and is nobody's correction."""
    proposed = invoice() | {"delivery_note": "N-1"}
    del proposed["purchase_order"]
    case = dossier(proposed)
    form = form_of(INVOICE_INTAKE, case)
    decision = checked(INVOICE_INTAKE, case, form.said(filled(form) | SIGNED))
    assert (decision.values, decision.corrections) == (invoice(), {})


def test_a_name_is_one_short_line() -> None:
    """Control characters, direction marks and line breaks are out, and 120 characters are the most."""
    short = name_of(INVOICE_INTAKE, dossier(invoice(), reason="total does not add up"))
    assert short == "Invoice Acme Ltd 2024-17, 1,210.00 EUR: total does not add up"
    long = name_of(INVOICE_INTAKE, dossier(invoice(supplier_name="A\u202eB\x07 C" + "x" * 150), reason="r" * 200))
    assert len(long) == 120
    assert long.startswith("Invoice AB Cxxx")
    assert name_of(INVOICE_INTAKE, dossier(kind=ReviewKind.REPAIR)) == "acme.txt: net and tax do not add up"


def test_nothing_that_a_document_says_takes_effect_in_the_form() -> None:
    """Markup in values, names, reasons and evidence is escaped, quoted or replaced; the text is only ever a value."""
    case = dossier(
        invoice(supplier_name=NASTY[:150]), text=NASTY, external_id=NASTY, reason=NASTY, evidence={"total": NASTY}
    )
    form = form_of(INVOICE_INTAKE, case, problem=NASTY)
    properties = form.schema()["properties"]
    words = [form.evidence.replace("\\<", "").replace("\\[", "").replace("\\!", "").replace("\\`", "")]
    words += [properties[SOURCE][part] for part in ("title", "description")]
    for text in words:
        assert not [
            sign for sign in ("<script", "](", "![", "http://", "\x00", "\u202e") if sign in text.replace("\\:", "")
        ]
    assert properties["total"]["description"].count("`") == 2
    assert properties[SOURCE]["default"] == "▶ total 62%: " + NASTY.replace("\u202e", "").replace("\x00", "")


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_stays_one_line_without_live_markup(text: str) -> None:
    """Escaped text has no sign of markup that is not escaped; plain and quoted text have none at all."""
    assert "\n" not in escaped(text) + plain(text) + quoted(text)
    bare = escaped(text).replace("\\\\", "")
    assert all(bare[i - 1] == "\\" for i, sign in enumerate(bare) if sign in "<>[]()*_`|!#" and i) or bare[:1] != "\\"
    assert not set(plain(text)) & set("<>[]`*\\")
    assert quoted(text).count("`") == 2


@settings(deadline=None)
@given(st.text(max_size=300))
def test_a_form_of_any_text_is_json_that_a_database_can_hold(text: str) -> None:
    """Whatever a document holds, its form can be sent and stored: no NUL, no unpaired surrogate."""
    form = form_of(INVOICE_INTAKE, dossier(invoice(), text=text, external_id=text, reason=text))
    stored = json.dumps([form.schema(), form.evidence, name_of(INVOICE_INTAKE, dossier(text=text, external_id=text))])
    assert "\\u0000" not in stored
    json.dumps(json.loads(stored), ensure_ascii=False).encode()


def test_a_long_text_is_cut_in_the_middle_and_says_how_to_see_it_all() -> None:
    """Head and tail stay, because that is where invoices say who and how much."""
    shown = excerpt("head" + "x" * 50_000 + "tail", "abc")
    assert shown.startswith("headx")
    assert shown.endswith("xtail")
    assert "44,008 characters are left out here; the whole text: fulcrum case abc" in shown
    assert len(shown) < SHOWN_AT_MOST + 200


class Colour(Enum):
    """Colours."""

    RED = "red"


class Odd(BaseModel):
    """Fields that a form has to take care with."""

    type: str
    verdict: Literal["yes", "no"] | None = None
    colour: Colour | None = None
    urgent: bool = False
    ratio: float | None = None
    amount: Decimal | None = None
    tags: list[str] = []
    extra: dict[str, str] = {}


def test_any_outcome_gets_a_form_that_neither_ui_breaks_on() -> None:
    """Words of JSON schema and the form's own names are renamed, choices can be None, open keys are left out."""
    policy = replace(INVOICE_INTAKE.review, required=("type",), label=str)
    process = replace(INVOICE_INTAKE, outcome=Odd, review=policy, personal=())
    values = Odd(type="a", verdict="yes", amount=Decimal("1E+3"), tags=["x"]).model_dump(mode="json")
    case = dossier(values)
    form = form_of(process, case)
    properties = form.schema()["properties"]
    assert set(properties) == {
        SOURCE, "type_", "verdict_", "colour", "urgent", "ratio", "amount", "tags", "verdict", "reviewer",
        "code", "colleague", "note",
    }  # fmt: skip
    assert (properties["verdict_"]["enum"], properties["amount"]["default"]) == (["yes", "no", "(none)"], "1000")
    assert checked(process, case, form.said(filled(form) | SIGNED)).corrections == {}
    edited = form.said(filled(form) | SIGNED | {"verdict_": "(none)", "urgent": "true", "tags": ["x", "", "y"]})
    decided = checked(process, case, edited).values
    assert decided is not None
    assert (decided["verdict"], decided["urgent"], decided["tags"]) == (None, True, ["x", "y"])


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12))
def test_amounts_keep_their_cents(amount: Decimal) -> None:
    """An amount is written as plain text, accepted by its own pattern, and read back as it was."""
    shown = written(Invoice.model_fields["total"].annotation, str(amount))
    made: Any = create_model("Made", total=definition(Invoice.model_fields["total"], "total", shown, ""))
    assert Decimal(read(made(total=shown).total)) == amount
