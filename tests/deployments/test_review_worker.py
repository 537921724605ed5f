"""The workers that take answers: the review desk's own, inside its process, and Prefect's stock one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import anyio
import httpx
import pytest
from prefect.client.schemas.responses import WorkerFlowRunResponse

from deployments.review_worker import ReviewDeskWorker
from deployments.stack import ReviewWorker, Worker
from deployments.stack.processes import descendants
from flows.invoice_intake.process import INVOICE_INTAKE
from fulcrum.cases import Json, Review, Status
from fulcrum.settings import settings
from tests.loopback import wait_for
from tests.review_desk import ReviewDesk, proposed

PATIENCE = 90


@pytest.fixture
def desk(prefect_server: Any) -> Iterator[ReviewDesk]:
    desk = ReviewDesk.open()
    yield desk
    desk.ledger.close()


@pytest.fixture
def worker(prefect_server: Any) -> Iterator[Callable[..., Worker]]:
    """Give a function that starts a worker on the pool `reviews`, the review desk's unless said."""
    started: list[Worker] = []

    def start(kind: type[Worker] = ReviewWorker) -> Worker:
        started.append(kind(settings(), prefect_server.url, pool="reviews", limit=4))
        started[-1].start()
        return started[-1]

    yield start
    for each in started:
        each.stop()


def shown(desk: ReviewDesk, client: Any, count: int = 1) -> list[Review]:
    """Bring invoices before a person."""
    from tasks.review import publish

    reviews = [desk.ask(proposed(total="1210.00")) for _ in range(count)]
    publish(desk.ledger, INVOICE_INTAKE, case_ids={review.case_id for review in reviews}, client=client)
    return [desk.ledger.reviews.find(review.id) for review in reviews]


def form(client: Any, review: Review) -> Json:
    """Give what the form's inputs hold at first, as a UI sends them back."""
    run = client.read_flow_run(UUID(review.flow_run_id))
    key = run.state.state_details.run_input_keyset["schema"]
    schema = json.loads(client.read_flow_run_input(run.id, key))
    return {name: field["default"] for name, field in schema["properties"].items() if "default" in field}


def answer(client: Any, review: Review, **said: Any) -> None:
    """Answer as the UI does."""
    signed = form(client, review) | {"verdict": "approve", "reviewer": "Ada Okafor"} | said
    assert client.resume_flow_run(UUID(review.flow_run_id), run_input=signed).status == "ACCEPT"


def until(done: Callable[[], Any]) -> Any:
    return wait_for(done, PATIENCE)


def delivered(desk: ReviewDesk, review: Review) -> bool:
    return desk.ledger.reading.history(review.case_id).case.status is Status.DELIVERED


def test_answers_are_taken_inside_the_worker(desk: ReviewDesk, client: Any, worker: Callable[..., Worker]) -> None:
    """No process is started for one; an answer that cannot be taken is asked again, and fails nobody else's."""
    running = worker()
    wrong, *right = shown(desk, client, 4)
    answer(client, wrong, reviewer="Nobody Known")
    for review in right:
        answer(client, review)
    for review in right:
        until(lambda review=review: delivered(desk, review))
    assert [each for each in descendants(running.pid) if each.alive()] == []
    until(lambda: client.read_flow_run(UUID(wrong.flow_run_id)).state.name == "Suspended")
    answer_again = client.read_flow_run(UUID(wrong.flow_run_id)).state.state_details.pause_key
    assert (answer_again, delivered(desk, wrong)) == ("answer-2", False)


def test_an_answer_that_comes_before_its_run_has_ended_waits(desk: ReviewDesk, client: Any) -> None:
    """The worker looks at it again later; stock, it would end with an error, and with it whatever else is in hand."""
    (review,) = shown(desk, client)
    answer(client, review)
    (entry,) = [
        each
        for each in client.request("POST", "/work_pools/reviews/get_scheduled_flow_runs", json={}).json()
        if each["flow_run"]["id"] == review.flow_run_id
    ]

    async def look() -> list[Any]:
        async with ReviewDeskWorker(work_pool_name="reviews", limit=1) as running:
            running.limiter.acquire_on_behalf_of_nowait(UUID(review.flow_run_id))
            return await running._submit_scheduled_flow_runs([WorkerFlowRunResponse.model_validate(entry)])

    assert anyio.run(look) == []
    assert client.read_flow_run(UUID(review.flow_run_id)).state.name == "Resuming"


def test_a_run_that_fails_fails_alone(desk: ReviewDesk, client: Any, worker: Callable[..., Worker]) -> None:
    """The worker lives, and the next answer is taken by the same process."""
    running = worker()
    deployment = client.read_deployment_by_name("review-case/review-case").id
    lost = client.create_flow_run_from_deployment(deployment, parameters={"review_id": "no-such-review"})
    until(lambda: client.read_flow_run(lost.id).state.name in {"AwaitingRetry", "Failed"})
    (review,) = shown(desk, client)
    answer(client, review)
    until(lambda: delivered(desk, review))
    assert running.exit_code is None
    client.delete_flow_run(lost.id)


def test_a_worker_that_is_worn_starts_itself_anew(
    desk: ReviewDesk, client: Any, worker: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many runs, with the same process id; what is answered meanwhile is taken by the new one."""
    monkeypatch.setenv("FULCRUM_REVIEWS_PER_WORKER", "2")
    running = worker()
    reviews = shown(desk, client, 5)
    for review in reviews:
        answer(client, review)
    for review in reviews:
        until(lambda review=review: delivered(desk, review))
    assert running.log.read_text(encoding="utf-8").count("starts anew after") >= 1
    assert running.exit_code is None


def test_a_stock_process_worker_takes_the_same_runs(
    desk: ReviewDesk, client: Any, worker: Callable[..., Worker]
) -> None:
    """It takes longer, and decides the same."""
    worker(Worker)
    (review,) = shown(desk, client)
    answer(client, review)
    until(lambda: delivered(desk, review))

    def ended() -> bool:
        return bool(client.read_flow_run(UUID(review.flow_run_id)).state.is_completed())

    until(ended)


def test_answers_given_at_once_are_all_taken_by_the_server(
    desk: ReviewDesk, client: Any, prefect_server: Any, worker: Callable[..., Worker]
) -> None:
    """The local server's writes wait for their turn: nobody's Submit is answered with 503."""
    worker()
    reviews = shown(desk, client, 24)
    forms = {review.flow_run_id: form(client, review) for review in reviews}

    def submit(flow_run_id: str) -> int:
        # Without Prefect's client, which would try again by itself, as a browser does not.
        answered = {"run_input": forms[flow_run_id] | {"verdict": "approve", "reviewer": "Ada Okafor"}}
        url = f"{prefect_server.url}/flow_runs/{flow_run_id}/resume"
        return httpx.post(url, json=answered, timeout=60, trust_env=False).status_code

    with ThreadPoolExecutor(8) as people:
        assert set(people.map(submit, forms)) == {201}
    for review in reviews:
        until(lambda review=review: delivered(desk, review))
