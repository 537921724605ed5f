"""The work pools and their queues, and the limits of model endpoints: what runs wait in and for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from fulcrum.errors import EndpointMisconfigured

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from fulcrum.ai.endpoint import Endpoint

POOLS: Mapping[str, str] = {
    "fulcrum": "The processes: runs that take cases in and work them off.",
    "reviews": "Answered reviews: short runs that a person waits for.",
}

WORKERS: Mapping[str, str] = {"fulcrum": "process", "reviews": "review-desk"}
"""The type of worker that is to serve each pool, as `prefect worker start --type` takes it."""

QUEUES: Mapping[str, Mapping[str, str]] = {
    "fulcrum": {
        "processes": "Runs of processes: before whatever looks after them.",
        "operations": "Drift check, scoreboard, housekeeping: when no process waits.",
    },
    "reviews": {
        "answers": "Answered reviews: somebody waits for each.",
        "desk": "The review desk's clock, bundles, incidents.",
    },
}
"""The queues of each pool, the most urgent first."""


def apply_pools(client: SyncPrefectClient, *, check: bool) -> Iterator[tuple[str, str, str]]:
    """Create pools and queues that are not there, and set the queues' order; give kind, name and what was done.

    A queue that an operator has paused or limited stays so. With `check` nothing is changed.
    """
    from prefect.client.schemas.actions import WorkPoolCreate  # noqa: PLC0415 - Prefect takes seconds to import
    from prefect.workers.process import ProcessWorker  # noqa: PLC0415 - the same

    known = {pool.name for pool in client.read_work_pools()}
    # The process worker's own template, which asks nothing of the net.
    template = ProcessWorker.get_default_base_job_template()
    for name, description in POOLS.items():
        if name not in known:
            pool = WorkPoolCreate(name=name, type="process", description=description, base_job_template=template)
            if not check:
                client.create_work_pool(pool)
            yield "work pool", name, "created"
        yield from _queues(client, name, there=name in known or not check, check=check)


def _queues(client: SyncPrefectClient, pool: str, *, there: bool, check: bool) -> Iterator[tuple[str, str, str]]:
    found = {queue.name: queue for queue in client.read_work_queues(work_pool_name=pool)} if there else {}
    for priority, (name, description) in enumerate(QUEUES[pool].items(), start=1):
        queue = found.get(name)
        if queue is None:
            if not check:
                client.create_work_queue(name, description, priority=priority, work_pool_name=pool)
            yield "work queue", f"{pool}/{name}", "created"
        elif queue.priority != priority:
            if not check:
                client.update_work_queue(queue.id, priority=priority)
            yield "work queue", f"{pool}/{name}", "updated"


def apply_limits(client: SyncPrefectClient, *, check: bool) -> Iterator[tuple[str, str, str]]:
    """Set the limit of calls under way of each model endpoint that runs share; give its name, what was done, and why.

    A run does the same when it begins; here it is seen before the first one. An endpoint that is not set up soundly is
    refused and the others are not.
    """
    from tasks.sharing import calls_limit  # noqa: PLC0415 - imports prefect

    known = {limit.name: limit.limit for limit in client.read_global_concurrency_limits(limit=200)}
    for name, endpoint in _endpoints(client):
        if isinstance(endpoint, Exception):
            yield name, "refused", str(endpoint)
            continue
        limit = calls_limit(endpoint)
        if endpoint.embedded or known.get(limit) == endpoint.concurrency:
            continue
        if not check:
            client.upsert_global_concurrency_limit_by_name(limit, endpoint.concurrency)
        yield limit, "updated" if limit in known else "created", ""


def _endpoints(client: SyncPrefectClient) -> Iterator[tuple[str, Endpoint | Exception]]:
    """Read every endpoint's block; the default one, where it is not there yet, as it would be made."""
    from blocks import ModelEndpoint  # noqa: PLC0415 - imports prefect

    slug = ModelEndpoint.get_block_type_slug()
    there = slug in {block_type.slug for block_type in client.read_block_types()}
    found = client.read_block_documents_by_type(slug, limit=200) if there else []
    # Read, not loaded: loading emits an event, whose client would go on in this process after its server has gone.
    blocks = {str(each.name): each.data for each in found} or {"default": {}}
    for name, data in blocks.items():
        try:
            block = ModelEndpoint(**data)
            block._block_document_name = name  # noqa: SLF001 - what loading does
            yield name, block.endpoint()
        except (EndpointMisconfigured, ValueError) as problem:
            yield f"{slug}/{name}", problem
