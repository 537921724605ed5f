"""Prefect's two UIs as a reviewer uses them: the queue, the form, the answer. What is clicked is counted."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Any, ClassVar


class Ui(ABC):
    """What both UIs have in common."""

    name: ClassVar[str]
    path: ClassVar[str]
    """What follows on the server's address."""
    clicks_to_approve: ClassVar[int]
    """From the queue to a decision that changes nothing."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.address = page, f"{address}{self.path}"
        self.clicks = 0

    def click(self, place: Any) -> None:
        """Click, and count it."""
        place.click()
        self.clicks += 1

    def open_queue(self) -> None:
        """Open the queue as a link in a mail would."""
        self.page.goto(f"{self.address}/runs?state=Suspended")

    def open_run(self, flow_run_id: str) -> None:
        """Open a review by its address."""
        self.page.goto(f"{self.address}/runs/flow-run/{flow_run_id}")

    def write(self, label: str, text: str) -> None:
        """Click into an input and write."""
        self.clicks += 1
        self.field(label).fill(text)

    def sign(self, verdict: str, reviewer: str, **more: str) -> None:
        """Choose the verdict, give the name, and fill in further inputs by their labels."""
        self.choose("Verdict", verdict)
        self.write("Reviewer", reviewer)
        for label, text in more.items():
            self.write(label, text)

    @abstractmethod
    def open_form(self) -> None:
        """Open the form of the run on screen."""

    @abstractmethod
    def field(self, label: str) -> Any:
        """Find an input by its label."""

    @abstractmethod
    def choose(self, label: str, option: str) -> None:
        """Choose in a select."""

    @abstractmethod
    def press(self) -> None:
        """Press the button that sends the answer."""


class FirstUi(Ui):
    """The V1 UI, whose labels are not tied to their inputs."""

    name, path, clicks_to_approve = "v1", "", 6

    def open_form(self) -> None:
        """Open the form of the run on screen."""
        self.click(self.page.get_by_role("button", name="Resume").first)
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
        self.clicks += 1
        self.click(self.page.get_by_role("option", name=option, exact=True))

    def press(self) -> None:
        """Press the button that sends the answer."""
        self.click(self.page.get_by_role("button", name="Submit"))

    def submit(self) -> None:
        """Send the answer, and see it taken."""
        self.press()
        self.page.get_by_role("button", name="Submit").wait_for(state="detached")

    def _property(self, label: str) -> Any:
        name = self.page.locator(".schema-form-property__label").filter(
            has_text=re.compile(rf"^{label}( \(Optional\))?$")
        )
        return self.page.locator(".schema-form-property").filter(has=name).last


class SecondUi(Ui):
    """The V2 UI."""

    name, path, clicks_to_approve = "v2", "/v2", 7

    def open_form(self) -> None:
        """Open the form of the run on screen."""
        # The queue has menus too: the run's own is there once its tabs are.
        self.page.wait_for_url("**/runs/flow-run/**")
        self.page.get_by_role("tab", name="Logs").wait_for()
        self.click(self.page.locator("button[aria-haspopup=menu]").last)
        self.click(self.page.get_by_role("menuitem", name="Resume"))
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
        self.click(self._dialog.get_by_role("button", name=f"Select {label}"))
        self.click(self.page.get_by_role("option", name=option, exact=True))

    def press(self) -> None:
        """Press the button that sends the answer."""
        self.click(self._dialog.get_by_role("button", name="Resume"))

    def submit(self) -> None:
        """Send the answer, and see it taken."""
        self.press()
        self._dialog.wait_for(state="detached")

    @property
    def _dialog(self) -> Any:
        return self.page.get_by_role("dialog")
