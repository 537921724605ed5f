"""What an outcome is to do elsewhere: keys that tell effects apart, and amounts that can be taken back."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.invoice_intake.documents import ErpPosting
from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.cases import Effect, case_id_of
from fulcrum.effects import key_of, negated, postings, rejections, reversals

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fulcrum.conftest import Office

effects = st.tuples(
    st.text(max_size=5).map(lambda name: case_id_of("p", name)),
    st.sampled_from(["sql-target/erp", "sql-target/erp-2", "folder-target/out", "folder-target/erp"]),
    st.integers(1, 12),
    st.sampled_from(Effect),
)
money = st.none() | st.decimals(-(10**13), 10**13, places=2).map(str)


@given(effects, effects)
def test_a_key_is_stable_and_no_other_effect_has_it(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    """Case, target, revision and effect make it; two effects share a key only when they are the same."""
    assert key_of(*one) == key_of(*one)
    assert (key_of(*one) == key_of(*other)) is (one == other)


@given(effects)
def test_a_reversals_key_is_no_effects_key(one: tuple[Any, ...]) -> None:
    """Undoing is an effect of its own, once an effect."""
    case_id, target, revision, _ = one
    others = {key_of(case_id, target, number, effect) for number in (revision, revision + 1) for effect in Effect}
    assert f"{key_of(*one)}:reversed" not in others


@given(money, money, money)
def test_an_amount_negated_twice_is_the_amount(net: str | None, rounding: str | None, total: str | None) -> None:
    """Only the amounts change, to the cent, and what is absent stays absent."""
    posting = {"document_kind": "invoice", "document_number": "-17", "net": net, "rounding": rounding, "total": total}
    once = negated(posting, ErpPosting)
    assert once["document_number"] == "-17"
    for name in ("net", "rounding", "total"):
        before, after = posting[name], once[name]
        assert (after is None) is (before is None)
        assert before is None or Decimal(after) == -Decimal(before)
    twice = negated(once, ErpPosting)
    amounts = {
        name: value and Decimal(value) for name, value in posting.items() if name in {"net", "rounding", "total"}
    }
    assert amounts == {name: twice[name] and Decimal(twice[name]) for name in amounts}
    assert {name: twice[name] for name in ("document_kind", "document_number")} == {
        "document_kind": "invoice",
        "document_number": "-17",
    }


@pytest.mark.parametrize("printed", ["121.00", "-121.00"])
def test_a_credit_note_posts_negative_and_its_reversal_positive(
    office: Office, an_invoice: Callable[..., dict[str, Any]], printed: str
) -> None:
    """However its amounts are printed, it takes money back; undoing it gives the money again."""
    values = an_invoice(document_kind="credit_note", net=None, tax=None, total=printed)
    case = office.ledger.work.cases(office.proposed(values))[0]
    delivery = postings(INVOICE_INTAKE, case, values, decided_by="Ada")[0]
    assert delivery.posting["total"] == "-121.00"
    assert (delivery.effect, delivery.decided_by, delivery.external_id) == (Effect.POSTING, "Ada", "d0")
    assert delivery.business_key == INVOICE_INTAKE.business_key(values)
    undone = reversals(INVOICE_INTAKE, [delivery], decided_by="Bob", note="twice")[0]
    assert (undone.posting["total"], undone.posting["document_number"]) == ("121.00", "2024-17")
    assert (undone.effect, undone.reverses, undone.note) == (Effect.REVERSAL, delivery.key, "twice")
    assert undone.business_key is None


def test_every_target_gets_an_effect_of_its_own(office: Office, an_invoice: Callable[..., dict[str, Any]]) -> None:
    """Two targets, two keys; a rejection is told to both and books nothing."""
    office.with_targets("sql-target/a", "folder-target/b")
    case = office.ledger.work.cases(office.proposed(an_invoice()))[0]
    booked = postings(office.process, case, an_invoice())
    told = rejections(office.process, case, decided_by="Ada", note="not ours")
    assert [delivery.target for delivery in (*booked, *told)] == ["sql-target/a", "folder-target/b"] * 2
    assert len({delivery.key for delivery in (*booked, *told)}) == 4
    assert [(d.effect, d.posting, d.note, d.business_key) for d in told] == [
        (Effect.REJECTION, {}, "not ours", None)
    ] * 2
