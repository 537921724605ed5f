"""What every target promises: an effect happens once, one bad delivery harms no other, what went in comes out."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from fulcrum.cases import Delivery, Effect, Receipt
from fulcrum.errors import DeliveryFailed, DeliveryRefused

if TYPE_CHECKING:
    from conftest import Books

NAUGHTY = Path(__file__).resolve().parents[2] / "../shared/data/adversarial/naughty_strings.json"


class Line(BaseModel):
    """One line of a posting."""

    text: str
    amount: Decimal


class Posting(BaseModel):
    """A posting with a field of each kind."""

    document_kind: Literal["invoice", "credit_note"]
    supplier: str | None = None
    total: Annotated[Decimal, Field(max_digits=15, decimal_places=2)] | None = None
    rate: Decimal | None = None
    issued_on: date | None = None
    paid: bool | None = None
    days: int | None = None
    weight: float | None = None
    lines: tuple[Line, ...] = ()


def posting(number: int = 1, **changes: Any) -> Delivery:
    """Make the delivery of a posting; its key and its business key follow its number."""
    content = {"document_kind": "invoice", "supplier": "ACME", "total": "12.10"} | changes.pop("posting", {})
    delivery = Delivery(
        key=f"case{number}:erp:1",
        case_id=f"case{number}",
        external_id=f"doc-{number}",
        process="invoice-intake",
        target="sql-target/erp",
        effect=Effect.POSTING,
        revision=1,
        posting=content,
        business_key=f"ACME|{number}|12.10",
        decided_by="Ada",
    )
    return replace(delivery, **changes)


def reversal(of: Delivery, **changes: Any) -> Delivery:
    """Make the delivery that undoes another, its total negated."""
    content = of.posting | {"total": str(-Decimal(of.posting["total"]))}
    return replace(
        of, key=f"{of.case_id}:erp:2", effect=Effect.REVERSAL, revision=2, posting=content, reverses=of.key, **changes
    )


def test_delivers_and_answers_in_order(books: Books) -> None:
    """Each delivery gets its own receipt, in the order given."""
    answers = books.target.deliver([posting(n) for n in (3, 1, 2)], Posting)
    assert [type(answer) for answer in answers] == [Receipt] * 3
    assert len({answer.reference for answer in answers}) == 3
    assert not any(answer.repeated for answer in answers)
    assert books.keys() == ["case1:erp:1", "case2:erp:1", "case3:erp:1"]


def test_nothing_to_deliver(books: Books) -> None:
    """An empty batch is answered by nothing."""
    assert books.target.deliver([], Posting) == []
    assert books.rows() == []


def test_same_key_twice(books: Books) -> None:
    """The same key again changes nothing and gets the same reference, marked as repeated."""
    (first,) = books.target.deliver([posting()], Posting)
    (again,) = books.target.deliver([posting(posting={"total": "99.99"})], Posting)
    assert again == Receipt(first.reference, repeated=True)
    assert [Decimal(str(total_of(row))) for row in books.rows()] == [Decimal("12.10")]


def test_same_key_twice_in_one_batch(books: Books) -> None:
    """A batch that names one delivery twice delivers it once."""
    answers = books.target.deliver([posting(), posting(2), posting()], Posting)
    assert [answer.repeated for answer in answers] == [False, False, True]
    assert len(books.rows()) == 2


def test_same_business_key(books: Books) -> None:
    """What another case posted already is refused for good, by reference and without content."""
    (first,) = books.target.deliver([posting()], Posting)
    (refused,) = books.target.deliver([posting(2, business_key="ACME|1|12.10")], Posting)
    assert isinstance(refused, DeliveryRefused)
    assert f"already posted as {first.reference}" in str(refused)
    assert "ACME" not in str(refused)
    assert books.keys() == ["case1:erp:1"]


def test_no_business_key_no_limit(books: Books) -> None:
    """Postings without a business key stand side by side."""
    answers = books.target.deliver([posting(n, business_key=None) for n in range(3)], Posting)
    assert all(isinstance(answer, Receipt) for answer in answers)


def test_reversal_frees_the_business_key(books: Books) -> None:
    """After its reversal a posting can be made again, corrected; all three stand in the books."""
    first = posting()
    corrected = replace(first, key="case1:erp:3", revision=3)
    books.target.deliver([first], Posting)
    answers = books.target.deliver([reversal(first), corrected], Posting)
    assert [(type(answer), answer.repeated) for answer in answers] == [(Receipt, False)] * 2
    totals = {row["idempotency_key"]: Decimal(str(total_of(row))) for row in books.rows()}
    assert totals == {"case1:erp:1": Decimal("12.1"), "case1:erp:2": Decimal("-12.1"), "case1:erp:3": Decimal("12.1")}


def test_reversal_twice(books: Books) -> None:
    """A reversal repeated after the corrected posting leaves that one's business key alone."""
    first = posting()
    corrected = replace(first, key="case1:erp:3", revision=3)
    books.target.deliver([first, reversal(first), corrected], Posting)
    (again,) = books.target.deliver([reversal(first)], Posting)
    (other,) = books.target.deliver([posting(2, business_key=first.business_key)], Posting)
    assert again.repeated
    assert isinstance(other, DeliveryRefused)
    assert len(books.rows()) == 3


def test_a_delivery_is_reversed_once(books: Books) -> None:
    """A second reversal of the same posting, under another key, would take the amount back twice: refused."""
    first = posting()
    books.target.deliver([first, reversal(first)], Posting)
    (refused,) = books.target.deliver([replace(reversal(first), key="case1:erp:9")], Posting)
    assert isinstance(refused, DeliveryRefused)
    assert "already reversed as" in str(refused)
    assert len(books.rows()) == 2


def test_reversal_of_nothing(books: Books) -> None:
    """A reversal of what is not in the books is refused, and leaves no trace."""
    answers = books.target.deliver([reversal(posting(7)), posting(2)], Posting)
    assert isinstance(answers[0], DeliveryRefused)
    assert isinstance(answers[1], Receipt)
    assert books.keys() == ["case2:erp:1"]
    assert isinstance(books.target.deliver([posting(7)], Posting)[0], Receipt)


def test_rejection(books: Books) -> None:
    """A rejection has a note, needs no posting, takes no business key and can be reversed."""
    rejected = posting(effect=Effect.REJECTION, note="not ours")
    rejected = replace(rejected, posting={})
    answers = books.target.deliver([rejected, posting(2, business_key=rejected.business_key)], Posting)
    assert all(isinstance(answer, Receipt) for answer in answers)
    row = next(row for row in books.rows() if row["idempotency_key"] == rejected.key)
    assert (row["effect"], row["note"], total_of(row)) == ("rejection", "not ours", None)
    undone = replace(rejected, key="case1:erp:2", effect=Effect.REVERSAL, reverses=rejected.key)
    assert isinstance(books.target.deliver([undone], Posting)[0], Receipt)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("total", "twelve"),
        ("total", "0.005"),
        ("total", "NaN"),
        ("rate", "1e40"),
        ("issued_on", "2024-02-30"),
        ("paid", "perhaps"),
        ("days", 2**63),
        ("days", "1.5"),
        ("weight", "inf"),
        ("supplier", 12),
        ("colour", "red"),
        ("lines", [{"amount": Decimal("1.10")}]),
        ("lines", [float("nan")]),
    ],
)
def test_one_bad_among_many(books: Books, field: str, value: object) -> None:
    """A posting that is not of the model's types is refused by the field's name; its 19 neighbours are delivered."""
    batch = [posting(n) for n in range(20)]
    batch[7] = posting(7, posting={field: value})
    answers = books.target.deliver(batch, Posting)
    assert [n for n, answer in enumerate(answers) if not isinstance(answer, Receipt)] == [7]
    assert isinstance(answers[7], DeliveryRefused)
    assert field in str(answers[7])
    assert len(books.rows()) == 19


def test_one_conflict_among_500(books: Books) -> None:
    """One business key that is taken refuses one of 500, and the others get receipts that are not marked repeated."""
    books.target.deliver([posting(1000)], Posting)
    batch = [posting(n) for n in range(500)]
    batch[250] = posting(250, business_key="ACME|1000|12.10")
    answers = books.target.deliver(batch, Posting)
    assert isinstance(answers[250], DeliveryRefused)
    assert [answer.repeated for answer in answers if isinstance(answer, Receipt)] == [False] * 499
    assert len(books.rows()) == 500


def test_eight_threads_with_one_key(books: Books) -> None:
    """Eight workers that deliver the same at once write it once, and all have a receipt."""
    answers = at_once(8, lambda _: books.target.deliver([posting()], Posting)[0])
    assert [type(answer) for answer in answers] == [Receipt] * 8
    assert sorted(answer.repeated for answer in answers) == [False] + [True] * 7
    assert books.keys() == ["case1:erp:1"]


def test_eight_threads_with_one_business_key(books: Books) -> None:
    """Of eight cases with one business key at once one is posted; tried again, the others are refused for good."""
    batch = [posting(n, business_key="ACME|1") for n in range(8)]
    answers = at_once(8, lambda n: books.target.deliver([batch[n]], Posting)[0])
    assert sum(isinstance(answer, Receipt) for answer in answers) == 1
    assert all(isinstance(answer, Receipt | DeliveryRefused | DeliveryFailed) for answer in answers)
    again = books.target.deliver(batch, Posting)
    assert sum(isinstance(answer, DeliveryRefused) for answer in again) == 7
    assert len(books.rows()) == 1


def test_eight_threads_reverse_one_posting(books: Books) -> None:
    """A posting that eight workers reverse at once, each for itself, is reversed once."""
    first = posting()
    books.target.deliver([first], Posting)
    answers = at_once(8, lambda n: books.target.deliver([replace(reversal(first), key=f"r{n}")], Posting)[0])
    assert sum(isinstance(answer, Receipt) for answer in answers) == 1
    assert len(books.rows()) == 2


def test_holds(books: Books) -> None:
    """A delivery whose receipt was lost is found by its key; one that never happened is not."""
    assert books.target.holds("case1:erp:1") is None
    (receipt,) = books.target.deliver([posting()], Posting)
    assert books.target.holds("case1:erp:1") == Receipt(receipt.reference, repeated=True)
    assert books.target.holds("case2:erp:1") is None


def test_odd_strings(books: Books) -> None:
    """Odd strings as key, name and note are delivered as they are, without what no database keeps."""
    if not NAUGHTY.exists():
        pytest.skip("the shared data is not here")
    odd = [*json.loads(NAUGHTY.read_text(encoding="utf-8")), "a\0b", "\ud800", "x" * 400, "../../etc/passwd", ".", ".."]
    batch = [
        replace(posting(n, posting={"supplier": text}), key=f"{n}:{text}"[:500], note=text, business_key=None)
        for n, text in enumerate(odd)
    ]
    answers = books.target.deliver(batch, Posting)
    assert [answer for answer in answers if not isinstance(answer, Receipt)] == []
    told = {row["case_id"]: (row["note"], supplier_of(row)) for row in books.rows()}
    kept = [text.replace("\0", "\ufffd").replace("\ud800", "\ufffd") for text in odd]
    assert told == {f"case{n}": (text, text) for n, text in enumerate(kept)}
    assert all(answer.repeated for answer in books.target.deliver(batch, Posting))


@pytest.mark.parametrize("key", ["", "k" * 513])
def test_a_key_that_cannot_be_kept(books: Books, key: str) -> None:
    """No key, or one too long for an index, is refused."""
    answers = books.target.deliver([posting(key=key), posting(2, business_key=key or "k" * 600)], Posting)
    assert [type(answer) for answer in answers] == [DeliveryRefused] * 2


def at_once(workers: int, work: Callable[[int], Any]) -> list[Any]:
    """Let threads do their work from the same moment on; list what each came to."""
    barrier = Barrier(workers)

    def start(number: int) -> Any:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(start, range(workers)))


def total_of(row: dict[str, Any]) -> Any:
    """Find the total in a table's row or a folder's file."""
    return row["posting"]["total"] if "posting" in row else row["total"]


def supplier_of(row: dict[str, Any]) -> Any:
    """Find the supplier in a table's row or a folder's file."""
    return row["posting"]["supplier"] if "posting" in row else row["supplier"]
