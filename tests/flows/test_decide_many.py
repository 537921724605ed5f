"""Many reviews at once: first a list that decides nothing, then, confirmed, each case on its own record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.cases import ReasonCode, Review, Status, Verdict
from fulcrum.deciding import Said, decide
from fulcrum.sealing import Seal, new_key
from tests.people import Authenticator
from tests.review_desk import ReviewDesk, proposed

ADA = {"process": INVOICE_INTAKE.name, "verdict": "approve", "reviewer": "Ada Okafor"}


@pytest.fixture
def desk(prefect_server: Any) -> Iterator[ReviewDesk]:
    desk = ReviewDesk.open()
    yield desk
    desk.ledger.close()


@pytest.fixture
def ada(desk: ReviewDesk, monkeypatch: pytest.MonkeyPatch) -> Authenticator:
    key = new_key()
    monkeypatch.setenv("FULCRUM_REVIEWERS_KEY", key)
    return Authenticator(desk.ledger, "Ada Okafor", Seal(key))


@pytest.fixture
def routine(desk: ReviewDesk) -> list[Review]:
    """Three invoices that the AI was not sure enough of."""
    return [desk.ask(proposed(total="1210.00"), code=ReasonCode.LOW_CONFIDENCE) for _ in range(3)]


def run(**said: Any) -> Any:
    from flows.operations.decide_many import decide_many

    return decide_many(**ADA | said, return_state=True)


def dry(reviews: list[Review], **said: Any) -> str:
    """List what would be decided; give the bundle's number."""
    state = run(ids=[review.id for review in reviews], **said)
    assert state.is_completed(), state.message
    return str(state.message.rpartition(" ")[2])


def status(desk: ReviewDesk, review: Review) -> Status:
    return desk.ledger.reading.history(review.case_id).case.status


def test_a_dry_run_decides_nothing_and_lists_no_content(desk: ReviewDesk, routine: list[Review]) -> None:
    """Ids and reasons, what is left out with why, and the number to confirm with."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter

    large = desk.ask(proposed(total="12100.00", net="10000.00", tax="2100.00"), code=ReasonCode.LOW_CONFIDENCE)
    number = dry([*routine, large])
    assert {status(desk, review) for review in routine} == {Status.IN_REVIEW}
    assert set(desk.ledger.queue.find_bundle(number).review_ids) == {review.id for review in routine}
    chosen = ArtifactFilter.model_validate({"key": {"any_": ["decide-many"]}})
    with get_client(sync_client=True) as client:
        shown = [a for a in client.read_artifacts(artifact_filter=chosen) if number in str(a.data)]
    (artifact,) = shown
    assert all(review.id in artifact.data for review in [*routine, large])
    assert "so much is at stake that each is decided on its own" in artifact.data
    assert not [word for word in ("Acme", "1210", "N-", "EUR") if word in artifact.data]


def test_a_confirmed_bundle_is_decided_case_by_case(
    desk: ReviewDesk, routine: list[Review], ada: Authenticator, prefect_server: Any
) -> None:
    """Each has its own decision, proved by the code, and is delivered; what was decided since is left as it is."""
    number = dry(routine)
    decide(desk.ledger, INVOICE_INTAKE, routine[0].id, Said(verdict=Verdict.REJECT, reviewer="Bo", note="no"))
    state = run(bundle=number, code=ada.code)
    assert state.is_completed(), state.message
    assert state.message.startswith("approve 2; decided before 1; delivered ")
    for review in routine[1:]:
        history = desk.ledger.reading.history(review.case_id)
        assert history.case.status is Status.DELIVERED
        assert [(d["reviewer"], d["verified"]) for d in history.decisions] == [("Ada Okafor", True)]
    assert desk.ledger.reading.history(routine[0].case_id).decisions[0]["reviewer"] == "Bo"


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"code": None}, "needs the six-digit code"),
        ({"code": "wrong"}, "wrong or too old"),
        ({"bundle": "zzzzzzzz"}, "no bundle zzzzzzzz"),
        ({"verdict": "reject", "note": "no"}, "it is to approve cases of invoice-intake"),
        ({"reviewer": "Zoe"}, "Zoe is not registered as a reviewer"),
        ({"reviewer": "Bo"}, "Ada Okafor has listed it and has to confirm it"),
    ],
)
def test_what_is_not_confirmed_properly_decides_nothing(
    desk: ReviewDesk, routine: list[Review], ada: Authenticator, said: dict[str, Any], error: str
) -> None:
    """The run fails and says why."""
    number = dry(routine)
    said = {"bundle": number, "code": ada.code} | said
    state = run(**said | ({"code": ada.wrong_code} if said["code"] == "wrong" else {}))
    assert state.is_failed()
    assert error in state.message
    assert {status(desk, review) for review in routine} == {Status.IN_REVIEW}


def test_many_are_rejected_with_a_reason(desk: ReviewDesk, routine: list[Review], ada: Authenticator) -> None:
    """Without one nothing is decided and no code is spent; with one each case is closed."""
    number = dry(routine, verdict="reject")
    refused = run(verdict="reject", bundle=number, code=ada.code)
    assert (refused.is_failed(), "needs its reason in the note" in refused.message) == (True, True)
    assert {status(desk, review) for review in routine} == {Status.IN_REVIEW}
    assert run(verdict="reject", bundle=number, code=ada.code, note="not ours").is_completed()
    assert {status(desk, review) for review in routine} == {Status.CLOSED}


def test_a_filter_that_means_nothing_says_so(desk: ReviewDesk) -> None:
    """No bundle is made of nothing."""
    state = run(ids=["no-such-review"])
    assert state.message == "Dry run: nothing to decide together, 0 are left out (see the artifact)"
