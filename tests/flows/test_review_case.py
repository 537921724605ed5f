"""The answer to a review: decided and delivered once, asked again when it cannot be taken, harmless when late."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.cases import Json, ReasonCode, Review, ReviewKind, Status, Verdict
from fulcrum.deciding import Said, decide
from fulcrum.sealing import Seal, new_key
from tests.loopback import wait_for
from tests.people import Authenticator, register
from tests.review_desk import ReviewDesk, proposed

REVIEWER = {"reviewer": "Ada Okafor"}


@dataclass
class Shown:
    """A review that the server shows, and the ways of a person to it."""

    desk: ReviewDesk
    client: Any
    home: Any
    review: Review

    @property
    def run(self) -> Any:
        flow_run_id = self.desk.ledger.reviews.find(self.review.id).flow_run_id
        return self.client.read_flow_run(UUID(str(flow_run_id)))

    def form(self) -> Json:
        """Give what the form's inputs hold at first, as a UI sends them back."""
        schema = self.input("schema")
        return {name: field["default"] for name, field in schema["properties"].items() if "default" in field}

    def input(self, part: str) -> Any:
        key = self.run.state.state_details.run_input_keyset[part]
        return json.loads(self.client.read_flow_run_input(self.run.id, key))

    def inputs(self) -> list[str]:
        found = self.client.filter_flow_run_input(self.run.id, key_prefix="suspended-", limit=50, exclude_keys=set())
        return sorted(item.key for item in found)

    def answer(self, **said: Any) -> str:
        """Submit the form and run the flow as a worker does; return the state's name that it ends in."""
        result = self.client.resume_flow_run(self.run.id, run_input=said)
        assert result.status == "ACCEPT", result.details
        return self.work()

    def work(self) -> str:
        from prefect.exceptions import Pause
        from prefect.flow_engine import run_flow

        from flows.operations.review_case import review_case

        with suppress(Pause):
            run_flow(review_case, flow_run=self.run, return_type="state")
        return str(self.run.state.name)

    def history(self) -> Any:
        return self.desk.ledger.reading.history(self.review.case_id)

    def postings(self) -> list[dict[str, Any]]:
        """Read what stands in the target for the case."""
        with sqlite3.connect(self.home / "erp.db") as erp:
            erp.row_factory = sqlite3.Row
            rows = erp.execute("SELECT * FROM erp_postings WHERE case_id = ?", [self.review.case_id]).fetchall()
        return [dict(row) for row in rows]


@pytest.fixture
def show(prefect_server: Any) -> Iterator[Any]:
    """Give a function that brings a case before a person and publishes its review."""
    from prefect.client.orchestration import get_client

    from tasks.review import publish

    desk = ReviewDesk.open()
    with get_client(sync_client=True) as client:

        def made(values: Json | None = None, **about: Any) -> Shown:
            review = desk.ask(values, **about)
            publish(desk.ledger, INVOICE_INTAKE, case_ids={review.case_id}, client=client)
            return Shown(desk, client, prefect_server.home, review)

        yield made
    desk.ledger.close()


def test_an_approval_with_a_correction_is_posted_as_corrected(show: Any) -> None:
    """The posting has the corrected value, the decision reviewer and correction, Prefect nothing of the case."""
    shown = show(proposed())
    assert shown.answer(**shown.form() | REVIEWER | {"verdict": "approve", "total": "1210.00"}) == "Completed"
    posting = shown.postings()[0]
    assert (Decimal(posting["total"]), posting["decided_by"]) == (Decimal("1210.00"), "Ada Okafor")
    decision = shown.history().decisions[0]
    assert (decision["verdict"], decision["reviewer"]) == ("approve", "Ada Okafor")
    assert decision["content"]["corrections"] == {"total": {"proposed": "1201.00", "decided": "1210.00"}}
    assert shown.history().case.status is Status.DELIVERED
    assert shown.run.state.message == "approve by Ada Okafor; delivered 1"
    assert shown.inputs() == []


def test_an_answer_names_only_what_it_changes(show: Any) -> None:
    """A script need not send the whole form: what it leaves out stays as proposed."""
    shown = show(proposed(total="1210.00"))
    assert shown.answer(verdict="approve", reviewer="Ada") == "Completed"
    assert shown.history().decisions[0]["content"]["corrections"] == {}
    assert Decimal(shown.postings()[0]["net"]) == Decimal("1000.00")


def test_a_cleared_field_is_decided_as_absent(show: Any) -> None:
    """The UIs leave a cleared field out of an answer that is otherwise whole."""
    shown = show(proposed(total="1210.00"))
    answer = shown.form() | REVIEWER | {"verdict": "approve"}
    del answer["due_on"]
    assert shown.answer(**answer) == "Completed"
    assert shown.history().outcome["due_on"] is None
    assert list(shown.history().decisions[0]["content"]["corrections"]) == ["due_on"]


def test_a_rejection_delivers_a_rejection_with_its_reason(show: Any) -> None:
    """A rejected case is closed, and the target knows who refused it and why."""
    shown = show(proposed())
    assert shown.answer(**shown.form() | REVIEWER | {"verdict": "reject", "note": "not our order"}) == "Completed"
    posting = shown.postings()[0]
    assert (posting["effect"], posting["note"], posting["total"]) == ("rejection", "not our order", None)
    assert shown.history().case.status is Status.CLOSED


def test_an_escalation_is_shown_to_the_owner_at_once(show: Any) -> None:
    """The follow-up review has a suspended run of its own in the owner's queue before the flow ends."""
    shown = show(proposed())
    assert shown.answer(**shown.form() | REVIEWER | {"verdict": "escalate"}) == "Completed"
    first, second = shown.history().reviews
    assert (first["state"], second["state"], second["queue"]) == ("decided", "open", "accounts-payable-lead")
    follow_up = shown.client.read_flow_run(UUID(second["flow_run_id"]))
    assert follow_up.state.name == "Suspended"
    assert {"queue:accounts-payable-lead", "reason:escalated"} <= set(follow_up.tags)
    assert shown.postings() == []


REFUSED = {
    "a rejection without a note": ({"verdict": "reject"}, "a rejection needs its reason in the note"),
    "a required field is blank": ({"verdict": "approve", "supplier_name": ""}, "supplier_name must be filled in"),
    "a day that does not exist": ({"verdict": "approve", "issued_on": "2024-02-31"}, "issued_on"),
    "a currency in words": ({"verdict": "approve", "currency": "Euro"}, "currency"),
}


@pytest.mark.parametrize(("said", "why"), REFUSED.values(), ids=REFUSED)
def test_an_answer_that_cannot_be_taken_is_asked_for_again(show: Any, said: Json, why: str) -> None:
    """The same run suspends anew under a new form that says why and keeps what was typed; the next answer counts."""
    shown = show(proposed(total="1210.00"))
    assert shown.answer(**shown.form() | REVIEWER | {"purchase_order": "PO-7"} | said) == "Suspended"
    assert why in shown.input("description").replace("\\", "")
    assert shown.form()["purchase_order"] == "PO-7"
    assert shown.form()["reviewer"] == "Ada Okafor"
    assert shown.inputs() == ["suspended-answer-2-description", "suspended-answer-2-schema"]
    assert shown.history().decisions == []
    mended = {"supplier_name": "Acme Ltd", "issued_on": "2024-03-01", "currency": "EUR", "note": "mended"}
    assert shown.answer(**shown.form() | mended | {"verdict": "approve"}) == "Completed"
    assert (shown.postings()[0]["purchase_order"], shown.inputs()) == ("PO-7", [])


def test_an_answer_that_no_form_checked_is_checked_by_us(show: Any) -> None:
    """Whoever posts a response past the server's own check gets the form back, and nothing has changed."""
    shown = show(proposed())
    junk = {"verdict": "burn", "reviewer": 7, "surprise": [1]}
    shown.client.create_flow_run_input(shown.run.id, "suspended-answer-1-response", json.dumps(junk))
    from prefect.states import Scheduled

    shown.client.set_flow_run_state(shown.run.id, Scheduled(), force=True)
    assert shown.work() == "Suspended"
    assert shown.history().decisions == []


def test_a_run_moved_past_its_form_asks_for_it_again(show: Any) -> None:
    """Somebody who sets the run's state by hand decides nothing."""
    from prefect.states import Scheduled

    shown = show(proposed())
    shown.client.set_flow_run_state(shown.run.id, Scheduled(), force=True)
    assert shown.work() == "Suspended"
    assert "the form was not filled in" in shown.input("description")
    assert shown.answer(**shown.form() | REVIEWER | {"verdict": "escalate"}) == "Completed"


def test_an_answer_to_a_decided_case_changes_nothing_and_says_so(show: Any) -> None:
    """The ledger is asked before the form: the run completes, names the first decision, and the form is gone."""
    shown = show(proposed(total="1210.00"))
    form = shown.form()
    decide(shown.desk.ledger, INVOICE_INTAKE, shown.review.id, Said(verdict=Verdict.REJECT, reviewer="Bo", note="no"))
    assert shown.answer(**form | REVIEWER | {"verdict": "approve"}) == "Completed"
    assert "was decided before: reject by Bo. This answer changed nothing." in shown.run.state.message
    assert [decision["reviewer"] for decision in shown.history().decisions] == ["Bo"]
    assert [posting["effect"] for posting in shown.postings()] == ["rejection"]
    assert shown.inputs() == []


def test_a_second_answer_is_not_taken_by_the_server(show: Any) -> None:
    """Once a run is resumed the server takes no other answer, and running it again decides nothing more."""
    from prefect.states import Scheduled

    shown = show(proposed(total="1210.00"))
    assert shown.answer(**shown.form() | REVIEWER | {"verdict": "approve"}) == "Completed"
    again = shown.client.resume_flow_run(shown.run.id, run_input={"verdict": "reject", "reviewer": "Bo"})
    assert again.status == "ABORT"
    shown.client.set_flow_run_state(shown.run.id, Scheduled(), force=True)
    assert shown.work() == "Completed"
    assert "was decided before" in shown.run.state.message
    assert (len(shown.history().decisions), len(shown.postings())) == (1, 1)


def test_a_posting_that_the_target_refuses_is_in_review_again_at_once(show: Any) -> None:
    """What stands in the target already goes back to a person, who sees a new run in the queue."""
    values = proposed(total="1210.00")
    first = show(values)
    assert first.answer(**first.form() | REVIEWER | {"verdict": "approve"}) == "Completed"
    twin = show(values)
    assert twin.answer(**twin.form() | REVIEWER | {"verdict": "approve"}) == "Completed"
    assert "in review again" in twin.run.state.message
    follow_up = twin.history().reviews[-1]
    assert (follow_up["state"], follow_up["reason_code"]) == ("open", "refused")
    assert twin.client.read_flow_run(UUID(follow_up["flow_run_id"])).state.name == "Suspended"


def test_a_quarantined_case_is_repaired_in_the_form(show: Any) -> None:
    """Its text is edited, and the case is open again for the next run; discard closes one for good."""
    about = {"kind": ReviewKind.REPAIR, "code": ReasonCode.UNSOUND, "reason": "the text is too short"}
    mended, useless = show(text="Tot", **about), show(text="spam", **about)
    assert mended.run.name.endswith(": the text is too short")
    assert mended.answer(**mended.form() | REVIEWER | {"verdict": "repair", "text": "Total\n 5.00"}) == "Completed"
    assert useless.answer(**useless.form() | REVIEWER | {"verdict": "discard"}) == "Completed"
    assert (mended.history().case.status, mended.history().case.input["text"]) == (Status.RECEIVED, "Total\n 5.00")
    assert useless.history().case.status is Status.DISCARDED


def test_an_audit_is_decided_from_a_blank_form(show: Any) -> None:
    """Nothing of the hidden proposal gets into the outcome; what differs from it is recorded."""
    shown = show(proposed(), kind=ReviewKind.AUDIT, code=ReasonCode.AUDIT, reason="audit sample")
    assert set(shown.form()) - {"source_text"} <= {name for name, value in shown.form().items() if not value}
    assert shown.answer(verdict="approve", reviewer="Ada") == "Suspended"
    seen = {"document_kind": "invoice", "supplier_name": "Acme Ltd", "issued_on": "2024-03-01", "currency": "EUR"}
    assert shown.answer(**shown.form() | REVIEWER | seen | {"total": "1210.00", "verdict": "approve"}) == "Completed"
    assert shown.history().outcome["net"] is None
    assert "total" in shown.history().decisions[0]["content"]["corrections"]


def test_a_case_without_a_proposal_is_filled_in_by_a_person(show: Any) -> None:
    """A degraded case has a blank form, and what the person fills in is posted."""
    shown = show(None, code=ReasonCode.DEGRADED, reason="the AI gave no answer in time")
    seen = {"document_kind": "receipt", "supplier_name": "Kiosk", "issued_on": "2024-03-01", "currency": "EUR"}
    assert shown.answer(**shown.form() | REVIEWER | seen | {"total": "3.10", "verdict": "approve"}) == "Completed"
    assert (shown.postings()[0]["document_kind"], str(shown.postings()[0]["total"])) == ("receipt", "3.1")


def test_the_flow_log_holds_no_content(show: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a form and its answer say, the log has ids and counts only, beside the run's name."""
    shown = show(proposed(iban="LU280019400644750000"), text="Secret text, long enough to be a document")
    with caplog.at_level(logging.DEBUG):
        shown.answer(**shown.form() | REVIEWER | {"verdict": "approve", "currency": "Secret Coin"})
        shown.answer(**shown.form() | {"verdict": "reject", "currency": "EUR", "note": "Secret note"})
    assert shown.review.id in caplog.text
    assert not [secret for secret in ("Secret", "LU2800") if secret in caplog.text]


def test_a_case_is_handed_on_to_a_colleague(show: Any) -> None:
    """The run stands suspended with a new form, the colleague's name among its tags, and nothing is decided."""
    shown = show(proposed())
    said = shown.form() | REVIEWER | {"verdict": "hand_on", "colleague": "bela novak", "note": "you know them"}
    assert shown.answer(**said) == "Suspended"
    assert "for:Bela Novak" in shown.run.tags
    assert not [tag for tag in shown.run.tags if tag.startswith("for:") and tag != "for:Bela Novak"]
    assert shown.history().decisions == []
    assert shown.inputs() == ["suspended-answer-2-description", "suspended-answer-2-schema"]
    assert "not taken" not in shown.input("description")
    assert shown.answer(**shown.form() | {"verdict": "approve", "reviewer": "Bela Novak"}) == "Completed"


def test_a_name_that_is_not_registered_is_asked_again_with_whom_to_ask(show: Any) -> None:
    """What was filled in stays in the form."""
    shown = show(proposed())
    said = shown.form() | {"verdict": "approve", "reviewer": "Zoe Nobody", "total": "1210.00"}
    assert shown.answer(**said) == "Suspended"
    owner = INVOICE_INTAKE.owner
    assert f"Zoe Nobody is not registered as a reviewer; ask {owner.name}" in shown.input("description").replace(
        "\\", ""
    )
    assert shown.input("schema")["properties"]["total"]["default"] == "1210.00"


def test_the_fifth_wrong_code_locks_the_name_and_is_an_event(show: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is asked again with the reason; the event carries the name and the process, and nothing of the case."""
    key = new_key()
    monkeypatch.setenv("FULCRUM_REVIEWERS_KEY", key)
    shown = show(proposed(total="12100.00", net="10000.00", tax="2100.00"))
    register(shown.desk.ledger, "Guessed At")
    app = Authenticator(shown.desk.ledger, "Guessed At", Seal(key))
    for attempt in range(1, 6):
        said = shown.form() | {"verdict": "approve", "reviewer": "Guessed At", "code": app.wrong_code}
        assert shown.answer(**said) == "Suspended"
        words = "is locked until" if attempt == 5 else "wrong or too old"
        assert words in shown.input("description")
    chosen = {"filter": {"event": {"name": ["fulcrum.reviewer.locked"]}}, "limit": 50}

    def told() -> list[Any]:
        events = shown.client.request("POST", "/events/filter", json=chosen).json()["events"]
        return [event for event in events if event["resource"].get("prefect.resource.name") == "Guessed At"]

    (event,) = wait_for(told)
    told_of = {name: event["payload"][name] for name in ("process", "owner", "on_call", "reviewer")}
    assert told_of == {
        "process": INVOICE_INTAKE.name,
        "owner": INVOICE_INTAKE.owner.name,
        "on_call": INVOICE_INTAKE.on_call,
        "reviewer": "Guessed At",
    }
    assert not [words for words in ("12100", "Acme") if words in str(event["payload"])]
    assert shown.history().decisions == []
