"""A step that shows examples: the nearest of those known before the case arrived, and the same ones ever after."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from starlette.responses import JSONResponse, Response

from flows.invoice_intake.process import EXTRACT, INVOICE_INTAKE
from fulcrum.ai import line
from fulcrum.ai.ask import Inquiry, Unanswered
from fulcrum.ai.budget import Budget
from fulcrum.ai.conversation import AHEAD
from fulcrum.ai.endpoint import Endpoint
from fulcrum.cases import Decision, NewCase, Status, Verdict
from fulcrum.evaluation import Record, evaluate
from fulcrum.examples import NewExample
from tests.fulcrum.conftest import invoice
from tests.loopback import completions_at, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

    from fulcrum.cases import Batch
    from fulcrum.process import Process
    from tests.fulcrum.conftest import Office

ANSWER = json.dumps(invoice())


def showing(examples: int) -> Process:
    return replace(INVOICE_INTAKE, ai_steps=(replace(EXTRACT, examples=examples),))


@dataclass
class Model:
    """A model on loopback that keeps what it was asked."""

    port: int = 0
    seen: list[dict[str, Any]] = field(default_factory=list)

    def endpoint(self, **settings: Any) -> Endpoint:
        prices = {"input_price": 1, "output_price": 2, "retries": 0}
        return Endpoint(
            **{"name": "m", "base_url": f"http://127.0.0.1:{self.port}/v1", "model": "m"} | prices | settings
        )

    async def complete(self, request: Request) -> Response:
        self.seen.append(await request.json())
        choice = {"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 300, "completion_tokens": 60, "total_tokens": 360}
        body = {"id": "1", "object": "chat.completion", "model": "m-1", "choices": [choice], "usage": usage}
        return JSONResponse(body)

    def shown(self) -> dict[str, list[tuple[str, Any]]]:
        """Give by document the examples that its request showed: the text, and the supplier that was right."""
        told = {}
        for body in self.seen:
            texts = [_inside(message["content"]) for message in body["messages"] if message["role"] == "user"]
            answers = [json.loads(m["content"]) for m in body["messages"] if m["role"] == "assistant"]
            told[texts[-1]] = [(t, a["supplier_name"]) for t, a in zip(texts, answers, strict=False)]
        return told

    def asked(self) -> Counter[str]:
        """Count how often each whole request was put."""
        return Counter(json.dumps(body, sort_keys=True) for body in self.seen)


def _inside(content: str) -> str:
    return content.removeprefix("<document>\n").removesuffix("\n</document>")


@pytest.fixture
def model() -> Iterator[Model]:
    state = Model()
    with completions_at(state.complete) as state.port:
        yield state
    line.close()


def checked(office: Office, *texts: str) -> Batch:
    """Take documents in, each under its text as id, and bring them past the intake gate."""
    run_id = office.begin()
    items = [NewCase(external_id=text, input={"id": text, "text": text}) for text in texts]
    office.ledger.intake.take_in(run_id, office.process.name, items)
    batch = office.claim(run_id)
    office.ledger.work.pass_gate(batch, batch.case_ids, "documents", "v1", office.clock())
    return batch


def load(office: Office, **suppliers: str) -> None:
    """Load an example for each word: a document that speaks of it, from the supplier given."""
    items = [
        NewExample(id=word, input={"id": word, "text": f"bill for {word}"}, values={"supplier_name": name, "shelf": 7})
        for word, name in suppliers.items()
    ]
    office.ledger.examples.load(office.process.name, items)


def approve(office: Office, supplier: str) -> None:
    """Decide a case whose document is `a document`, which no other case is like."""
    review = office.in_review(invoice(supplier_name="Mistaken"))
    values = invoice(supplier_name=supplier)
    decision = Decision(review_id=review.id, verdict=Verdict.APPROVE, reviewer="Ada", values=values)
    office.ledger.reviews.decide(decision, due=office.process.review.due)


def ask(office: Office, batch: Batch, endpoint: Endpoint) -> Unanswered:
    return Inquiry(office.ledger, office.process, office.process.ai_steps[0], endpoint, Budget(None), batch).make()


def test_a_request_shows_the_nearest_examples(office: Office, model: Model) -> None:
    """As many as the step says, with the values that it is asked for, the nearest last."""
    office.process = showing(2)
    load(office, pumps="Acme", paper="Bolt", coffee="Cup")
    batch = checked(office, "bill for pumps and paper and more paper", "coffee")
    assert ask(office, batch, model.endpoint()) == Unanswered({}, {}, frozenset())
    shown = model.shown()
    assert shown["coffee"] == [("bill for coffee", "Cup")]
    assert shown["bill for pumps and paper and more paper"] == [("bill for pumps", "Acme"), ("bill for paper", "Bolt")]
    answers = [m["content"] for m in model.seen[0]["messages"] if m["role"] == "assistant"]
    assert all("shelf" not in answer for answer in answers)


def test_a_correction_is_shown_to_the_cases_that_come_after_it(office: Office, model: Model) -> None:
    """What the person made of it, not what was proposed."""
    office.process = showing(3)
    before = checked(office, "a document that came before")
    approve(office, "Corrected")
    after = checked(office, "a document that came after")
    assert ask(office, after, model.endpoint()) == Unanswered({}, {}, frozenset())
    assert ask(office, before, model.endpoint()) == Unanswered({}, {}, frozenset())
    assert model.shown() == {
        "a document that came after": [("a document", "Corrected")],
        "a document that came before": [],
    }


def test_invoice_intake_shows_none(office: Office, model: Model) -> None:
    """Its definition says 0: what is loaded and decided changes none of its requests."""
    load(office, pumps="Acme")
    approve(office, "Corrected")
    ask(office, checked(office, "bill for pumps", "a document too"), model.endpoint())
    assert set(map(tuple, model.shown().values())) == {()}


def test_measuring_shows_what_is_known_but_not_the_record_itself(office: Office, model: Model) -> None:
    """So that no accuracy is measured on records whose answer stands in the request."""
    process = showing(2)
    load(office, pumps="Acme", paper="Bolt")
    records = [
        Record("pumps", {"id": "pumps", "text": "bill for pumps"}, {"supplier_name": "Acme"}),
        Record("new", {"id": "new", "text": "bill for paper!"}, {"supplier_name": "Bolt"}),
    ]
    known = office.ledger.examples.known(process.name, office.clock())
    evaluate(process, model.endpoint(), records, known)
    assert model.shown() == {
        "bill for pumps": [("bill for paper", "Bolt")],
        "bill for paper!": [("bill for pumps", "Acme"), ("bill for paper", "Bolt")],
    }
    model.seen.clear()
    evaluate(process, model.endpoint(), records)
    assert set(map(tuple, model.shown().values())) == {()}


ASKER = """
import sys
from dataclasses import replace
from fulcrum.ai.ask import Inquiry
from fulcrum.ai.budget import Budget
from fulcrum.ai.endpoint import Endpoint
from fulcrum.ledger import Ledger
from flows.invoice_intake.process import EXTRACT, INVOICE_INTAKE

process = replace(INVOICE_INTAKE, ai_steps=(replace(EXTRACT, examples=4),))
with Ledger.open(sys.argv[1]) as ledger:
    batch = ledger.leases.claim(process.name, sys.argv[2])
    endpoint = Endpoint.model_validate_json(sys.argv[3])
    Inquiry(ledger, process, process.ai_steps[0], endpoint, Budget(None), batch).make()
"""

WORDS = ("pumps", "paper", "coffee", "freight", "phones", "power")


def test_after_a_kill_the_same_examples_are_chosen_again(office: Office, model: Model) -> None:
    """Reviews are decided and examples loaded between kill -9 and the next run: no paid answer is paid again."""
    office.process, places = showing(4), 8
    endpoint = model.endpoint(concurrency=places)
    load(office, **{word: word.title() for word in WORDS})
    texts = [f"bill for {WORDS[n % 6]} and {WORDS[n % 5]} no {n} like a document" for n in range(150)]
    batch = checked(office, *texts)
    office.ledger.leases.release(batch)
    asker = subprocess.Popen([sys.executable, "-c", ASKER, office.url, office.begin(), endpoint.model_dump_json()])
    wait_for(lambda: len(model.seen) >= 60, 60)
    asker.kill()
    assert asker.wait(timeout=20) == -9
    durable = office.ledger.reading.counts(office.process.name)[Status.PROPOSED]
    assert 0 < durable < len(texts)

    office.clock.now = datetime.now(UTC)
    office.clock.forward(61)
    batch = office.claim()
    load(office, **{f"{word} and {other}": "Late" for word in WORDS for other in WORDS})
    approve(office, "Late")
    assert ask(office, batch, endpoint) == Unanswered({}, {}, frozenset())
    assert set(model.shown()) == set(texts)
    assert all(len(shown) == 4 for shown in model.shown().values())
    assert not any(supplier == "Late" for shown in model.shown().values() for _, supplier in shown)
    # A document that was asked about twice was asked the very same.
    assert len(model.asked()) == len(texts)
    assert len(model.seen) - len(texts) <= places * AHEAD


def test_answers_are_found_again_after_more_became_known(office: Office, model: Model) -> None:
    """Without a crash too: a run that lost its lease, or a second sample that failed, asks nothing anew."""
    office.process = showing(3)
    load(office, pumps="Acme", paper="Bolt")
    batch = checked(office, "bill for pumps", "bill for paper")
    cases = office.ledger.work.cases(batch)
    ask(office, batch, model.endpoint(samples=2))
    calls = len(model.seen)
    assert calls == 4
    with office.ledger.store.write() as tx:
        from sqlalchemy import update

        from fulcrum.ledger.tables import CaseRow, ProposalRow

        tx.execute(ProposalRow.__table__.delete())
        tx.execute(update(CaseRow).values(status=Status.CHECKED.value, open_since=cases[0].received_at))
    office.ledger.leases.release(batch)
    load(office, **{"pumps pumps": "Late", "paper paper": "Late"})
    assert ask(office, office.claim(), model.endpoint(samples=2)) == Unanswered({}, {}, frozenset())
    assert len(model.seen) == calls
