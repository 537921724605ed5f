"""Reviews on the Prefect server: each open review is a suspended flow run, which the UI shows with its form."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Protocol
from uuid import UUID

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.states import AwaitingRetry, Completed

from fulcrum.alike import alike
from fulcrum.authority import entrants
from fulcrum.cases import Json, Review, ReviewKind
from fulcrum.due import Urgency
from fulcrum.errors import ReviewsNotDeployed, ReviewsNotShown
from fulcrum.forms import Form, form_of, name_of
from fulcrum.ledger import Dossier, Ledger
from fulcrum.ledger.journal import chunked
from fulcrum.process import Priority, Process
from fulcrum.reviewers import assigned
from tasks.meanwhile import meanwhile
from tasks.review_forms import forget_forms, pause_key, read_answer, save_form, suspended

DEPLOYMENT = "review-case/review-case"
TAG = "review"

AT_ONCE = 100
"""Runs that the server makes in one request at most."""
PAUSES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each try to make runs that the server refused."""
STUCK = timedelta(minutes=15)
"""How long a review's run may be at work; it takes seconds, so after this its worker was killed with it."""
SAVERS = 4
"""Forms saved side by side; SQLite answers 503 when fifty are."""
PAGE = 200
LOOK = 1.0
"""Seconds between two looks for reviews to show while a run goes on."""

_PUBLISHING = Lock()
"""One thread of a process shows reviews at a time: two would make the same runs, which is safe, and twice the work."""


class Asking(Protocol):
    """What a run of a process brings along."""

    ledger: Ledger
    process: Process


@task(cache_policy=NO_CACHE, task_run_name="request reviews")
def request_reviews(run: Asking) -> int:
    """Show every open review in the UI and take down those that were settled elsewhere; return how many are new."""
    with get_client(sync_client=True) as client:
        put_back(run.ledger, run.process, client=client)
        made = publish(run.ledger, run.process, client=client)
        take_down_settled(run.ledger, run.process, client=client)
    return made


@contextmanager
def shown_meanwhile(run: Asking) -> Iterator[None]:
    """Show reviews in the UI while the block goes on: the server makes their runs as the model answers.

    What goes wrong here is left to `request_reviews` at the end, which says it.
    """

    def show() -> None:
        with suppress(Exception):
            publish(run.ledger, run.process, client=client)

    with get_client(sync_client=True) as client, meanwhile(show, every=LOOK, name="reviews"):
        yield


def publish(
    ledger: Ledger,
    process: Process,
    *,
    case_ids: Collection[str] | None = None,
    client: SyncPrefectClient | None = None,
) -> int:
    """Make a suspended flow run with a form for each open review that has none; return how many.

    Of these cases only where given. After a crash at any point the next call goes on: the review and its generation
    are the run's idempotency key, and a form that is there stays. A run that has ended without a decision is replaced
    by one of the next generation. Raises ReviewsNotDeployed.
    """
    made = 0
    with _PUBLISHING, _client(client) as api:
        while reviews := [r for r in ledger.reviews.open(process.name, unpublished=True) if _among(r, case_ids)]:
            deployment = _deployment(api)
            for start in range(0, len(reviews), AT_ONCE):
                made += _publish(ledger, process, api, deployment, reviews[start : start + AT_ONCE])
    return made


def put_back(ledger: Ledger, process: Process, *, client: SyncPrefectClient | None = None) -> int:
    """See to the open reviews whose run will not decide them any more; return how many.

    One that died with an answer in hand is run again: what a person has said is not asked twice. Of the others, which
    were deleted, cancelled or died before, the ledger forgets the run, and `publish` shows them anew.
    """
    shown = {review.flow_run_id: review for review in ledger.reviews.open(process.name) if review.flow_run_id}
    alive: set[str] = set()
    revived = 0
    with _client(client) as api:
        for ids in chunked(shown, PAGE):
            chosen = FlowRunFilter.model_validate({"id": {"any_": ids}})
            for run in api.read_flow_runs(flow_run_filter=chosen, limit=PAGE):
                again = _died(run, ledger.store.now()) and read_answer(api, run.id).answer is not None
                if again:
                    api.set_flow_run_state(run.id, AwaitingRetry(), force=True)
                    revived += 1
                if again or (run.state is not None and not run.state.is_final()):
                    alive.add(str(run.id))
    lost = [review.id for flow_run_id, review in shown.items() if flow_run_id not in alive]
    ledger.reviews.withdraw_publication(lost)
    return len(lost) + revived


def _died(run: FlowRun, now: datetime) -> bool:
    """Tell whether a run ended by accident: its process, or with its worker, so that nobody could say so."""
    state = run.state
    if state is None:
        return False
    silent = state.is_running() and now - state.timestamp > STUCK
    return state.is_crashed() or state.is_failed() or silent


def resolve(ledger: Ledger, review_ids: Iterable[str], *, client: SyncPrefectClient | None = None) -> int:
    """Complete the suspended runs of reviews that were decided elsewhere, and delete their forms; return how many."""
    closed = 0
    with _client(client) as api:
        for review_id in review_ids:
            review = ledger.reviews.find(review_id)
            decided = ledger.reviews.decision(review.id)
            if review.flow_run_id is not None and decided is not None:
                closed += _close(api, UUID(review.flow_run_id), f"decided by {decided[1]}: {decided[0]}")
    return closed


def take_down_settled(ledger: Ledger, process: Process, *, client: SyncPrefectClient | None = None) -> int:
    """Complete the process's suspended runs that show no open review any more; return how many.

    A review is settled without its run when it is decided from a terminal while no server answers, or withdrawn.
    """
    closed = 0
    with _client(client) as api:
        runs = list(_waiting(api, ledger, process))
        standing = {(review.id, review.generation) for review in ledger.reviews.open(process.name)}
        for run in runs:
            review_id, generation = str(run.parameters.get("review_id")), run.parameters.get("generation", 1)
            if (review_id, generation) not in standing:
                decided = ledger.reviews.decision(review_id)
                words = f"decided by {decided[1]}: {decided[0]}" if decided else "withdrawn: nothing is to be decided"
                closed += _close(api, run.id, words)
    return closed


def _publish(
    ledger: Ledger, process: Process, client: SyncPrefectClient, deployment: UUID, reviews: Sequence[Review]
) -> int:
    dossiers = assign(ledger, process, ledger.reviews.dossiers(reviews))
    wanted = [_run(ledger, process, dossier) for dossier in dossiers]
    runs = dict(zip(_create(client, deployment, wanted), dossiers, strict=True))
    found = client.read_flow_runs(
        flow_run_filter=FlowRunFilter.model_validate({"id": {"any_": list(runs)}}), limit=PAGE
    )
    ended = [run.id for run in found if run.state is not None and run.state.is_final()]
    asking = [run.id for run in found if _asks(run)]
    forms = forms_of(ledger, process, [runs[run_id] for run_id in asking])
    with ThreadPoolExecutor(SAVERS) as savers:
        saved = [savers.submit(save_form, client, *each, 1) for each in zip(asking, forms, strict=True)]
    for each in saved:
        each.result()
    ledger.reviews.published({runs[run_id].review.id: str(run_id) for run_id in runs if run_id not in ended})
    ledger.reviews.withdraw_publication(runs[run_id].review.id for run_id in ended)
    # Whoever decided one of them meanwhile from a terminal found no run to resolve.
    decided = [d.review.id for d in runs.values() if ledger.reviews.decision(d.review.id) is not None]
    resolve(ledger, decided, client=client)
    return len(runs) - len(ended)


def assign(ledger: Ledger, process: Process, dossiers: Sequence[Dossier]) -> list[Dossier]:
    """Ask somebody in particular about each review that nobody is asked about yet: whoever has the fewest open ones.

    Where nobody is registered for its queue, it waits for anybody. Whoever entered or approved the case is not asked.
    """
    people, load = ledger.reviewers.all(), ledger.reviewers.load()
    asked, chosen = [], {}
    for dossier in dossiers:
        review = dossier.review
        if review.assignee is None:
            name = assigned(people, review.queue, load, but=[*entrants(process, dossier), *review.approved_by])
            if name is not None:
                load[name] = load.get(name, 0) + 1
                chosen[review.id] = name
            review = replace(review, assignee=name)
        asked.append(replace(dossier, review=review))
    if chosen:
        ledger.queue.assign(chosen)
    return asked


def forms_of(ledger: Ledger, process: Process, dossiers: Sequence[Dossier]) -> list[Form]:
    """Make the forms of reviews, with the decided cases that are like each; an audit is decided without them."""
    seen = [each for each in dossiers if each.review.kind is ReviewKind.DECIDE]
    like = {each.review.id: found for each, found in zip(seen, alike(ledger, process, seen), strict=True)}
    return [form_of(process, each, like=like.get(each.review.id, ())) for each in dossiers]


def tags_of(ledger: Ledger, process: Process, dossier: Dossier) -> list[str]:
    """Give the tags that the queue is narrowed down by: process, reason, queue, priority, who is asked, how urgent."""
    review = dossier.review
    tags = [process.name, f"reason:{review.code}", f"queue:{review.queue}", f"priority:{_priority(process, dossier)}"]
    tags += [f"for:{review.assignee}"] if review.assignee else []
    tags += [f"due:{review.urgency}"] if review.urgency is not Urgency.WAITING else []
    return [*tags, TAG, mark_of(ledger)]


def retag(client: SyncPrefectClient, ledger: Ledger, process: Process, review: Review) -> None:
    """Bring the tags of the run that shows a review up to date; a run that is gone has none."""
    if review.flow_run_id is None:
        return
    dossier = ledger.reviews.dossiers([review])[0]
    with suppress(ObjectNotFound):
        client.update_flow_run(UUID(review.flow_run_id), tags=tags_of(ledger, process, dossier))


def _priority(process: Process, dossier: Dossier) -> Priority:
    """Say how soon a case should be looked at; what an audit hides, its priority does not tell."""
    hidden = dossier.review.kind is not ReviewKind.DECIDE or dossier.proposal is None
    return Priority.NORMAL if hidden or dossier.proposal is None else process.review.priority(dossier.proposal.values)


def _create(client: SyncPrefectClient, deployment: UUID, wanted: Sequence[Json]) -> list[UUID]:
    """Make the runs, or find those that are made already.

    A server on SQLite refuses some at once while one of its services writes ("database is locked"); asking for all of
    them again is safe, because each has its idempotency key. Raises ReviewsNotShown.
    """
    results: list[Json] = []
    for pause in PAUSES:
        time.sleep(pause)
        response = client.request(
            "POST",
            "/deployments/{id}/create_flow_run/bulk",  # type: ignore[arg-type] # a route that the client's list lacks
            path_params={"id": deployment},
            json=list(wanted),
        )
        response.raise_for_status()
        results = response.json()["results"]
        if all(result["status"] == "CREATED" for result in results):
            return [UUID(result["flow_run_id"]) for result in results]
    # The server's own words quote the runs' names, which are content.
    raise ReviewsNotShown(failed=sum(result["status"] != "CREATED" for result in results), total=len(results))


def _run(ledger: Ledger, process: Process, dossier: Dossier) -> Json:
    review = dossier.review
    state = suspended(1).model_dump(mode="json", include={"type", "name", "state_details"})
    return {
        "name": name_of(process, dossier),
        "state": state,
        "parameters": {"review_id": review.id, "generation": review.generation},
        "idempotency_key": f"{ledger.identity}/{review.id}/{review.generation}",
        "tags": tags_of(ledger, process, dossier),
    }


def mark_of(ledger: Ledger) -> str:
    """Tag a ledger's reviews as its own: case ids follow from their documents, so two ledgers may have the same."""
    return f"ledger:{ledger.identity}"


def _asks(run: FlowRun) -> bool:
    """Tell whether a run stands where it was created: before the answer to its first form."""
    state: Any = run.state
    return state is not None and state.is_paused() and state.state_details.pause_key == pause_key(1)


def _among(review: Review, case_ids: Collection[str] | None) -> bool:
    return case_ids is None or review.case_id in case_ids


def _waiting(client: SyncPrefectClient, ledger: Ledger, process: Process) -> Iterator[FlowRun]:
    chosen = FlowRunFilter.model_validate(
        {"tags": {"all_": [process.name, TAG, mark_of(ledger)]}, "state": {"type": {"any_": ["PAUSED"]}}}
    )
    for offset in range(0, 1_000_000, PAGE):
        page = client.read_flow_runs(flow_run_filter=chosen, limit=PAGE, offset=offset)
        yield from page
        if len(page) < PAGE:
            return


def _close(client: SyncPrefectClient, flow_run_id: UUID, message: str) -> int:
    """Complete a run that still waits and forget its form; a run at work sees for itself what was decided."""
    try:
        state = client.read_flow_run(flow_run_id).state
        if state is None or not state.is_paused():
            return 0
        client.set_flow_run_state(flow_run_id, Completed(message=message), force=True)
        forget_forms(client, flow_run_id)
    except ObjectNotFound:
        return 0
    return 1


def _deployment(client: SyncPrefectClient) -> UUID:
    try:
        return client.read_deployment_by_name(DEPLOYMENT).id
    except ObjectNotFound:
        raise ReviewsNotDeployed(deployment=DEPLOYMENT) from None


@contextmanager
def _client(given: SyncPrefectClient | None) -> Iterator[SyncPrefectClient]:
    if given is not None:
        yield given
        return
    with get_client(sync_client=True) as client:
        yield client
