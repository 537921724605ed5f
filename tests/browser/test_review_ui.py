"""A person reviews a case in Prefect's own UI, in both of its versions, from the queue to the posting."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.cases import Review, Status
from tests.review_desk import ReviewDesk, proposed

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SETTLED_S = 120
"""Seconds that an answer may take to be worked off on a busy machine."""


class FirstUi:
    """The V1 UI, whose labels are not tied to their inputs."""

    name = "v1"

    def __init__(self, page: Any, ui: str) -> None:
        self.page, self.ui = page, ui

    def open_queue(self) -> None:
        """Open the queue as a link in a mail would."""
        self.page.goto(f"{self.ui}/runs?state=Suspended")

    def open_form(self) -> None:
        """Open the form of the run on screen."""
        self.page.get_by_role("button", name="Resume").first.click()
        self.page.get_by_role("button", name="Submit").wait_for()

    def field(self, label: str) -> Any:
        """Find an input by its label."""
        return self._property(label).locator("textarea").first

    def source_text(self) -> str:
        """Read the form's first box, once it is filled."""
        box = self._property("What came in: .*").locator("textarea")
        box.wait_for()
        return str(box.input_value())

    def choose(self, label: str, option: str) -> None:
        """Choose in a select, which opens by keyboard."""
        self._property(label).locator("button.p-select-button__control").press("ArrowDown")
        self.page.get_by_role("option", name=option, exact=True).click()

    def submit(self) -> None:
        """Send the answer."""
        self.page.get_by_role("button", name="Submit").click()
        self.page.get_by_role("button", name="Submit").wait_for(state="detached")

    def _property(self, label: str) -> Any:
        name = self.page.locator(".schema-form-property__label").filter(
            has_text=re.compile(rf"^{label}( \(Optional\))?$")
        )
        return self.page.locator(".schema-form-property").filter(has=name).last


class SecondUi:
    """The V2 UI."""

    name = "v2"

    def __init__(self, page: Any, ui: str) -> None:
        self.page, self.ui = page, f"{ui}/v2"

    def open_queue(self) -> None:
        """Open the queue as a link in a mail would."""
        self.page.goto(f"{self.ui}/runs?state=Suspended")

    def open_form(self) -> None:
        """Open the form of the run on screen."""
        # The queue has menus too: the run's own is there once its tabs are.
        self.page.wait_for_url("**/runs/flow-run/**")
        self.page.get_by_role("tab", name="Logs").wait_for()
        self.page.locator("button[aria-haspopup=menu]").last.click()
        self.page.get_by_role("menuitem", name="Resume").click()
        self._dialog.get_by_role("button", name="Resume").wait_for()

    def field(self, label: str) -> Any:
        """Find an input by its label."""
        return self._dialog.get_by_label(re.compile(rf"^{label}( \(Optional\))?$")).first

    def source_text(self) -> str:
        """Read the form's first box, once it is filled."""
        box = self._dialog.locator(".cm-content").first
        box.wait_for()
        return "\n".join(box.locator(".cm-line").all_inner_texts())

    def choose(self, label: str, option: str) -> None:
        """Choose in a select."""
        self._dialog.get_by_role("button", name=f"Select {label}").click()
        self.page.get_by_role("option", name=option, exact=True).click()

    def submit(self) -> None:
        """Send the answer."""
        self._dialog.get_by_role("button", name="Resume").click()
        self._dialog.wait_for(state="detached")

    @property
    def _dialog(self) -> Any:
        return self.page.get_by_role("dialog")


@pytest.fixture
def desk(prefect_server: Any) -> Iterator[ReviewDesk]:
    """Open the ledger of the session's server."""
    desk = ReviewDesk.open()
    yield desk
    desk.ledger.close()


def published(desk: ReviewDesk, **changes: object) -> tuple[Review, str]:
    """Bring an invoice before a person; return its review and what the queue calls it."""
    from tasks.review import publish

    values = proposed(**changes)
    review = desk.ask(values)
    publish(desk.ledger, INVOICE_INTAKE, case_ids={review.case_id})
    return review, INVOICE_INTAKE.review.label(values)


def settled(desk: ReviewDesk, review: Review) -> Any:
    """Wait until the case is delivered; return its history."""
    until = time.monotonic() + SETTLED_S
    while time.monotonic() < until:
        history = desk.ledger.reading.history(review.case_id)
        if history.case.status is Status.DELIVERED:
            return history
        time.sleep(0.5)
    pytest.fail(f"the case is still {history.case.status} after {SETTLED_S} s")


@pytest.mark.parametrize("user_interface", [FirstUi, SecondUi], ids=["v1", "v2"])
def test_a_reviewer_corrects_a_field_and_the_correction_is_posted(
    desk: ReviewDesk, page: Any, reviews_worker: None, prefect_server: Any, keep_screenshot: Any, user_interface: Any
) -> None:
    """From the queue to `erp_postings`: open the review, correct the total, choose, sign, submit."""
    review, label = published(desk)
    ui = user_interface(page, prefect_server.url.removesuffix("/api"))
    ui.open_queue()
    entry = page.get_by_role("link", name=label)
    entry.first.wait_for()
    keep_screenshot(page, f"queue-{ui.name}")
    entry.first.click()
    ui.open_form()
    assert "Total  EUR  1,210.00" in ui.source_text()
    assert ui.field("Total").input_value() == "1201.00"
    keep_screenshot(page, f"form-{ui.name}")
    ui.field("Total").fill("1210.00")
    ui.choose("Verdict", "approve")
    ui.field("Reviewer").fill("Ada Okafor")
    keep_screenshot(page, f"answer-{ui.name}")
    ui.submit()
    history = settled(desk, review)
    decision = history.decisions[0]
    assert (decision["verdict"], decision["reviewer"]) == ("approve", "Ada Okafor")
    assert decision["content"]["corrections"] == {"total": {"proposed": "1201.00", "decided": "1210.00"}}
    assert posted(prefect_server.home, review) == [(Decimal("1210.00"), "Ada Okafor")]


def posted(home: Path, review: Review) -> list[tuple[Decimal, str]]:
    """Read the totals that stand in the target for a case, and who decided them."""
    with sqlite3.connect(home / "erp.db") as erp:
        rows = erp.execute("SELECT total, decided_by FROM erp_postings WHERE case_id = ?", [review.case_id]).fetchall()
    return [(Decimal(str(total)), by) for total, by in rows]
