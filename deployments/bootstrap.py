"""What a server needs before its first run: ledger, block types, default blocks, work pools, deployments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from inspect import isabstract
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from deployments.declared import apply, declared
from fulcrum.settings import Settings
from fulcrum.settings import settings as read_settings

if TYPE_CHECKING:
    from prefect.blocks.core import Block
    from prefect.client.orchestration import SyncPrefectClient

POOLS = {
    "fulcrum": "The processes: runs that take cases in and work them off.",
    "reviews": "Answered reviews: short runs that a person waits for.",
}


@dataclass(frozen=True, slots=True)
class Change:
    """Something that was not as it had to be: `created` or `updated` now."""

    kind: str
    name: str
    done: str


def bootstrap(url: str, settings: Settings | None = None, *, file: Path | None = None) -> list[Change]:
    """Bring the ledger, and the server at an API URL, up to this release; return what was changed.

    The second time nothing is. What an operator made of a default block or a work pool is left as it is. The caller
    has pointed Prefect at the URL. `file` is the prefect.yaml to apply, the project's unless given. Raises StackError
    when it is missing or not sound, LedgerUnavailable when the ledger cannot be reached.
    """
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - Prefect takes seconds to import
    from prefect.settings import temporary_settings  # noqa: PLC0415 - the same

    chosen = settings or read_settings()
    changes = list(_ledger(chosen))
    with temporary_settings({"api.url": url}), get_client(sync_client=True) as client:
        for step in (_block_types(client), _default_blocks(client, chosen), _pools(client), _deployments(client, file)):
            changes.extend(step)
    return changes


def _ledger(settings: Settings) -> Iterator[Change]:
    from fulcrum.ledger.migrate import HEAD, migrate  # noqa: PLC0415 - SQLAlchemy and Alembic

    settings.home.mkdir(parents=True, exist_ok=True)
    before = migrate(settings.ledger_url)
    if before != HEAD:
        yield Change("ledger", HEAD, "created" if before is None else "updated")


def _block_types(client: SyncPrefectClient) -> Iterator[Change]:
    known = {block_type.slug: block_type.id for block_type in client.read_block_types()}
    for block in _blocks():
        slug = block.get_block_type_slug()
        before = client.get_most_recent_block_schema_for_block_type(known[slug]) if slug in known else None
        block.register_type_and_schema()
        after = client.read_block_schema_by_checksum(block._calculate_schema_checksum())  # noqa: SLF001 - no public way
        if before is None or before.id != after.id:
            yield Change("block type", slug, "created" if before is None else "updated")


def _blocks() -> list[type[Block]]:
    """List the blocks that an operator can fill in: those the package exports, its abstract bases aside."""
    from prefect.blocks.core import Block  # noqa: PLC0415 - see above

    import blocks  # noqa: PLC0415 - imports prefect

    exported = [value for name, value in vars(blocks).items() if not name.startswith("_")]
    found = [value for value in exported if isinstance(value, type) and issubclass(value, Block) and value is not Block]
    return [block for block in found if not isabstract(block)]


def _default_blocks(client: SyncPrefectClient, settings: Settings) -> Iterator[Change]:
    """Create what the shipped processes name and nobody has configured yet."""
    from prefect.exceptions import ObjectNotFound  # noqa: PLC0415 - see above

    for reference, make in _defaults(settings).items():
        slug, _, name = reference.partition("/")
        try:
            client.read_block_document_by_name(name, slug)
        except ObjectNotFound:
            make().save(name)
            yield Change("block", reference, "created")


def _defaults(settings: Settings) -> dict[str, Callable[[], Block]]:
    from blocks import CaseLedger, ModelEndpoint, SqlTarget  # noqa: PLC0415 - imports prefect

    erp = SecretStr(f"sqlite:///{settings.home / 'erp.db'}")
    return {
        "model-endpoint/default": ModelEndpoint,
        "case-ledger/default": CaseLedger,
        "sql-target/erp-postings": lambda: SqlTarget(url=erp, table="erp_postings"),
    }


def _pools(client: SyncPrefectClient) -> Iterator[Change]:
    """Create the work pools with the process worker's own template, which asks nothing of the net."""
    from prefect.client.schemas.actions import WorkPoolCreate  # noqa: PLC0415 - see above
    from prefect.workers.process import ProcessWorker  # noqa: PLC0415 - see above

    known = {pool.name for pool in client.read_work_pools()}
    template = ProcessWorker.get_default_base_job_template()
    for name, description in POOLS.items():
        if name not in known:
            pool = WorkPoolCreate(name=name, type="process", description=description, base_job_template=template)
            client.create_work_pool(pool)
            yield Change("work pool", name, "created")


def _deployments(client: SyncPrefectClient, file: Path | None) -> Iterator[Change]:
    for stanza in declared(file):
        name, done = apply(client, stanza)
        if done:
            yield Change("deployment", name, done)
