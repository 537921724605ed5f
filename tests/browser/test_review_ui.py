"""A person reviews cases in Prefect's own UI, in both of its versions, from the queue to the posting."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.cases import Review, Status
from tests.browser.interfaces import FirstUi, SecondUi
from tests.loopback import wait_for
from tests.people import Authenticator
from tests.review_desk import ReviewDesk, proposed

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SETTLED_S = 120
"""Seconds that an answer may take to be worked off on a busy machine."""
LARGE = {"total": "12100.00", "net": "10000.00", "tax": "2100.00"}
"""What two people have to approve, by codes."""


@pytest.fixture
def desk(prefect_server: Any) -> Iterator[ReviewDesk]:
    """Open the ledger of the session's server."""
    desk = ReviewDesk.open()
    yield desk
    desk.ledger.close()


@pytest.fixture(params=[FirstUi, SecondUi], ids=["v1", "v2"])
def ui(request: pytest.FixtureRequest, page: Any, prefect_server: Any, reviews_worker: None) -> Any:
    """Give each of the UIs, with a worker that takes the answers."""
    return request.param(page, prefect_server.url.removesuffix("/api"))


def published(desk: ReviewDesk, **changes: object) -> Review:
    """Bring an invoice before a person, and show its review."""
    from tasks.review import publish

    review = desk.ask(proposed(**changes))
    publish(desk.ledger, INVOICE_INTAKE, case_ids={review.case_id})
    return desk.ledger.reviews.find(review.id)


def label(desk: ReviewDesk, review: Review) -> str:
    """Say what the queue calls a review."""
    proposal = desk.ledger.reviews.dossiers([review])[0].proposal
    assert proposal is not None
    return INVOICE_INTAKE.review.label(proposal.values)


def until(done: Callable[[], Any]) -> Any:
    """Wait until something is so, and give it."""
    return wait_for(done, SETTLED_S)


def settled(desk: ReviewDesk, review: Review, status: Status) -> Any:
    """Wait until a case stands so; give its history."""
    until(lambda: desk.ledger.reading.history(review.case_id).case.status is status)
    return desk.ledger.reading.history(review.case_id)


def posted(home: Path, review: Review) -> list[tuple[Decimal, str]]:
    """Read the totals that stand in the target for a case, and who decided them."""
    with sqlite3.connect(home / "erp.db") as erp:
        rows = erp.execute("SELECT total, decided_by FROM erp_postings WHERE case_id = ?", [review.case_id]).fetchall()
    return [(Decimal(str(total)), by) for total, by in rows]


def test_a_reviewer_approves_in_few_clicks(desk: ReviewDesk, ui: Any, record_property: Any) -> None:
    """From the queue: open it, Resume, choose, sign, submit. How long it then takes is noted, not asserted."""
    review = published(desk, total="1210.00")
    ui.open_queue()
    entry = ui.page.get_by_role("link", name=label(desk, review)).first
    entry.wait_for()
    ui.click(entry)
    ui.open_form()
    ui.sign("approve", "Ada Okafor")
    ui.submit()
    began = time.monotonic()
    history = settled(desk, review, Status.DELIVERED)
    record_property("submit_to_delivered_s", round(time.monotonic() - began, 2))
    assert history.decisions[0]["content"]["corrections"] == {}
    assert ui.clicks == ui.clicks_to_approve


def test_a_reviewer_corrects_a_field_and_the_correction_is_posted(
    desk: ReviewDesk, ui: Any, prefect_server: Any, keep_screenshot: Any
) -> None:
    """The form shows what came in with the lines that were read, and what the reviewer makes of it is posted."""
    review = published(desk)
    ui.open_queue()
    entry = ui.page.get_by_role("link", name=label(desk, review)).first
    entry.wait_for()
    keep_screenshot(ui.page, f"queue-{ui.name}")
    entry.click()
    ui.open_form()
    assert "\u25b6 total 62%: Total  EUR  1,210.00" in ui.source_text()
    assert ui.field("Total").input_value() == "1201.00"
    keep_screenshot(ui.page, f"form-{ui.name}")
    ui.write("Total", "1210.00")
    ui.sign("approve", "Ada Okafor")
    keep_screenshot(ui.page, f"answer-{ui.name}")
    ui.submit()
    decision = settled(desk, review, Status.DELIVERED).decisions[0]
    assert (decision["verdict"], decision["reviewer"]) == ("approve", "Ada Okafor")
    assert decision["content"]["corrections"] == {"total": {"proposed": "1201.00", "decided": "1210.00"}}
    assert posted(prefect_server.home, review) == [(Decimal("1210.00"), "Ada Okafor")]


def test_a_reviewer_rejects_with_a_reason(desk: ReviewDesk, ui: Any) -> None:
    """The target is told, and the note is on record."""
    review = published(desk)
    ui.open_run(review.flow_run_id)
    ui.open_form()
    ui.sign("reject", "Ada Okafor", Note="not our order")
    ui.submit()
    history = settled(desk, review, Status.CLOSED)
    assert [delivery["effect"] for delivery in history.deliveries] == ["rejection"]
    assert history.decisions[0]["content"]["note"] == "not our order"


def test_a_reviewer_escalates(desk: ReviewDesk, ui: Any) -> None:
    """The case waits in the owner's queue as a review of its own."""
    review = published(desk)
    ui.open_run(review.flow_run_id)
    ui.open_form()
    ui.sign("escalate", "Ada Okafor")
    ui.submit()
    assert following(desk, review).queue == INVOICE_INTAKE.owner.queue


def test_a_wrong_code_is_asked_for_again_and_two_people_approve(
    desk: ReviewDesk, ui: Any, prefect_server: Any, keep_screenshot: Any, seal: Any
) -> None:
    """The second form says what was wrong and keeps the rest; nothing is posted before another person has approved."""
    ada, bela = (Authenticator(desk.ledger, name, seal) for name in ("Ada Okafor", "Bela Novak"))
    review = published(desk, **LARGE)
    ui.open_run(review.flow_run_id)
    ui.open_form()
    ui.sign("approve", "Ada Okafor", Code=ada.wrong_code, Note="as ordered")
    ui.submit()
    asked_again(desk, review, 2)
    ui.open_run(review.flow_run_id)
    ui.open_form()
    ui.page.get_by_text("Your last answer was not taken").first.wait_for()
    assert ui.field("Note").input_value() == "as ordered"
    keep_screenshot(ui.page, f"again-{ui.name}")
    # Whoever is asked again says again what they mean.
    ui.choose("Verdict", "approve")
    ui.write("Code", ada.code)
    ui.submit()
    second = following(desk, review)
    assert posted(prefect_server.home, review) == []
    ui.open_run(second.flow_run_id)
    ui.open_form()
    ui.sign("approve", "Bela Novak", Code=bela.code)
    ui.submit()
    settled(desk, review, Status.DELIVERED)
    assert posted(prefect_server.home, review) == [(Decimal("12100.00"), "Bela Novak")]


def following(desk: ReviewDesk, review: Review) -> Review:
    """Wait until another review of a case is shown, and give it."""

    def another() -> Review | None:
        found = desk.ledger.reviews.find(review.case_id)
        return found if found.id != review.id and found.flow_run_id else None

    found: Review = until(another)
    return found


def asked_again(desk: ReviewDesk, review: Review, attempt: int) -> None:
    """Wait until a review's run stands suspended for another time."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:

        def again() -> bool:
            state = client.read_flow_run(review.flow_run_id).state
            return state.is_paused() and state.state_details.pause_key == f"answer-{attempt}"

        until(again)


def test_an_answer_that_comes_too_late_is_told_so(desk: ReviewDesk, ui: Any) -> None:
    """While the form is open, nobody having decided in time, the case ends; the server refuses the answer."""
    from fulcrum.deciding import end
    from tasks.review import resolve

    review = published(desk)
    ui.open_run(review.flow_run_id)
    ui.open_form()
    ui.sign("approve", "Ada Okafor")
    end(desk.ledger, INVOICE_INTAKE, review.id)
    resolve(desk.ledger, [review.id])
    ui.press()
    ui.page.get_by_text(re.compile("error|cannot|failed|not", re.IGNORECASE)).first.wait_for()
    assert [d["verdict"] for d in desk.ledger.reading.history(review.case_id).decisions] == ["reject"]
