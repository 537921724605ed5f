"""What a server needs before its first run: ledger, blocks, work pools, limits, deployments, automations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from inspect import isabstract
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from deployments.automations import BLOCK as ALERTS
from deployments.automations import apply as apply_automations
from deployments.declared import apply, declared
from deployments.desk import TICKETS
from deployments.desk.secret import secret_of
from deployments.pools import apply_limits, apply_pools
from fulcrum.settings import Settings
from fulcrum.settings import settings as read_settings

if TYPE_CHECKING:
    from prefect.blocks.core import Block
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import BlockDocument

    from blocks import WebhookTarget
    from deployments.readiness import Line

_TARGET_NAME = re.compile(r"[a-z][a-z0-9-]{0,47}")
"""The names of targets that a default is made for: what a block, a table and a folder may all be called."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something that was not as it had to be: `created` or `updated` now, or `refused`; `why` where it is not plain."""

    kind: str
    name: str
    done: str
    why: str = ""

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.done} {self.kind} {self.name}{f': {self.why}' if self.why else ''}"


FEW = 3
"""Up to so many of one kind are named each on a line of its own."""


def summary(changes: Sequence[Change]) -> Iterator[str]:
    """Say changes in a line each, or in one for all that were done alike; what was refused always whole."""
    for (done, kind), alike in _alike(changes).items():
        if len(alike) <= FEW or any(change.why for change in alike):
            yield from map(str, alike)
        else:
            yield f"{done} {len(alike)} {kind}s"


def _alike(changes: Sequence[Change]) -> dict[tuple[str, str], list[Change]]:
    found: dict[tuple[str, str], list[Change]] = {}
    for change in changes:
        found.setdefault((change.done, change.kind), []).append(change)
    return found


def bootstrap(
    url: str,
    settings: Settings | None = None,
    *,
    file: Path | None = None,
    desk: str | None = None,
    allow_draft: bool = False,
    check: bool = False,
) -> list[Change]:
    """Bring the ledger, and the server at an API URL, up to this release; return what was changed.

    With `check` it changes nothing, and returns what it would change.

    The second time nothing is. What an operator made of a default block or a work pool is left as it is. The caller
    has pointed Prefect at the URL. `file` is the prefect.yaml to apply, the project's unless given. `desk` is the
    address of the sample help desk that runs here, such as http://127.0.0.1:4280; without one no webhook target is
    made. A process that is not ready is refused; with `allow_draft` it is deployed to watch only. Raises StackError
    when `file` is missing or not sound, LedgerUnavailable when the ledger cannot be reached.
    """
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - Prefect takes seconds to import
    from prefect.settings import temporary_settings  # noqa: PLC0415 - the same

    chosen = settings or read_settings()
    changes = list(_ledger(chosen, check=check))
    with temporary_settings({"api.url": url}), get_client(sync_client=True) as client:
        changes.extend(_block_types(client, check=check))
        changes.extend(_default_blocks(client, chosen, desk, check=check))
        changes.extend(Change(*made) for made in apply_pools(client, check=check))
        changes.extend(Change("limit", *made) for made in apply_limits(client, check=check))
        changes.extend(_deployments(client, chosen, file, allow_draft=allow_draft, check=check))
        changes.extend(Change("automation", name, done) for name, done in apply_automations(client, check=check))
    return changes


def _ledger(settings: Settings, *, check: bool) -> Iterator[Change]:
    from fulcrum.ledger.migrate import HEAD, migrate, revision_of  # noqa: PLC0415 - SQLAlchemy and Alembic

    if check:
        before = revision_of(settings.ledger_url)
    else:
        settings.home.mkdir(parents=True, exist_ok=True)
        before = migrate(settings.ledger_url)
    if before != HEAD:
        yield Change("ledger", HEAD, "created" if before is None else "updated")


def _block_types(client: SyncPrefectClient, *, check: bool) -> Iterator[Change]:
    known = {block_type.slug: block_type.id for block_type in client.read_block_types()}
    for block in _blocks():
        slug = block.get_block_type_slug()
        before = client.get_most_recent_block_schema_for_block_type(known[slug]) if slug in known else None
        checksum = block._calculate_schema_checksum()  # noqa: SLF001 - no public way
        if not check:
            block.register_type_and_schema()
        if before is None or before.checksum != checksum:
            yield Change("block type", slug, "created" if before is None else "updated")
        if before is not None:
            yield from _documents(client, block, checksum, check=check)


def _documents(client: SyncPrefectClient, block: type[Block], checksum: str, *, check: bool) -> Iterator[Change]:
    """Bring what was filled in under an older schema to this one: the UI shows the fields of a block's own schema."""
    from prefect.client.schemas.actions import BlockDocumentUpdate  # noqa: PLC0415 - see above

    slug = block.get_block_type_slug()
    for document in client.read_block_documents_by_type(slug, limit=200):
        if document.block_schema is None or document.block_schema.checksum == checksum:
            continue
        if not check:
            newest = client.read_block_schema_by_checksum(checksum)
            same = BlockDocumentUpdate(block_schema_id=newest.id, data={}, merge_existing_data=True)
            client.update_block_document(document.id, same)
        yield Change("block", f"{slug}/{document.name}", "updated")


def _blocks() -> list[type[Block]]:
    """List the blocks that an operator can fill in: those the package exports, its abstract bases aside."""
    from prefect.blocks.core import Block  # noqa: PLC0415 - see above

    import blocks  # noqa: PLC0415 - imports prefect

    exported = [value for name, value in vars(blocks).items() if not name.startswith("_")]
    found = [value for value in exported if isinstance(value, type) and issubclass(value, Block) and value is not Block]
    return [block for block in found if not isabstract(block)]


def _default_blocks(
    client: SyncPrefectClient, settings: Settings, desk: str | None, *, check: bool
) -> Iterator[Change]:
    """Create what the processes name and nobody has configured yet, and keep the sample help desk's address current."""
    from prefect.exceptions import ObjectNotFound  # noqa: PLC0415 - see above

    from blocks import WebhookTarget  # noqa: PLC0415 - imports prefect

    for reference, block in _defaults(settings, desk).items():
        slug, _, name = reference.partition("/")
        try:
            document = client.read_block_document_by_name(name, slug)
        except ObjectNotFound:
            if not check:
                block.save(name)
            yield Change("block", reference, "created")
        else:
            if isinstance(block, WebhookTarget) and _follow(client, document, block, check=check):
                yield Change("block", reference, "updated")


def _defaults(settings: Settings, desk: str | None) -> dict[str, Block]:
    from prefect.blocks.system import Secret  # noqa: PLC0415 - see above

    from blocks import CaseLedger, ModelEndpoint  # noqa: PLC0415 - imports prefect
    from fulcrum.sealing import SECRET, new_key  # noqa: PLC0415 - only here

    found: dict[str, Block] = {
        "model-endpoint/default": ModelEndpoint(),
        "case-ledger/default": CaseLedger(),
        f"secret/{SECRET}": Secret(value=new_key()),
        ALERTS: _alerts(settings),
    }
    for reference in _targets():
        block = _target(reference, settings, desk)
        if block is not None:
            found[reference] = block
    return found


def _alerts(settings: Settings) -> Block:
    """Make the default channel of alerts: what `fulcrum alerts listen` receives on this machine."""
    from prefect.blocks.notifications import CustomWebhookNotificationBlock  # noqa: PLC0415 - see above

    return CustomWebhookNotificationBlock(
        name="fulcrum-alerts",
        url=f"http://127.0.0.1:{settings.alerts_port}/alerts",
        json_data={"subject": "{{subject}}", "body": "{{body}}"},
    )


def _targets() -> Iterator[str]:
    """Name the targets of every process whose definition can be read."""
    from flows import registry  # noqa: PLC0415 - a definition imports what its process needs

    for process in registry.readable():
        yield from process.targets


def _target(reference: str, settings: Settings, desk: str | None) -> Block | None:
    """Make the default of a target by its type: in the home, or at the sample help desk; None where there is none."""
    from blocks import FolderTarget, SqlTarget  # noqa: PLC0415 - imports prefect

    slug, _, name = reference.partition("/")
    if not _TARGET_NAME.fullmatch(name):
        return None
    if slug == "sql-target":
        return SqlTarget(url=SecretStr(f"sqlite:///{settings.home / 'erp.db'}"), table=name.replace("-", "_"))
    if slug == "folder-target":
        return FolderTarget(folder=settings.home / "outbox" / name)
    if slug == "webhook-target" and desk is not None:
        return _at_desk(desk, settings)
    return None


def _at_desk(desk: str, settings: Settings) -> WebhookTarget:
    from blocks import WebhookTarget  # noqa: PLC0415 - imports prefect

    url = f"{desk}{TICKETS}"
    return WebhookTarget(url=url, status_url=url, secret=SecretStr(secret_of(settings.home)))


def _follow(client: SyncPrefectClient, document: BlockDocument, current: WebhookTarget, *, check: bool) -> bool:
    """Point a block that is at the home's sample help desk to where that is now; tell whether it had to be changed.

    Any other block is an operator's.
    """
    from prefect.client.schemas.actions import BlockDocumentUpdate  # noqa: PLC0415 - see above

    data = document.data
    if not _samples(data, current):
        return False
    moved = {name: current.url for name in ("url", "status_url") if _is_desk(data.get(name))}
    if all(data[name] == url for name, url in moved.items()):
        return False
    if not check:
        client.update_block_document(document.id, BlockDocumentUpdate(data=moved))
    return True


def _samples(data: Mapping[str, Any], current: WebhookTarget) -> bool:
    """Tell whether a block is at the home's own sample help desk, wherever that was when the block was made."""
    own = current.secret is not None and data.get("secret") == current.secret.get_secret_value()
    return own and _is_desk(data.get("url"))


def _is_desk(url: object) -> bool:
    """Tell whether an address is one that a sample help desk may have."""
    from fulcrum.targets.receiver import is_loopback  # noqa: PLC0415 - httpx

    with suppress(ValueError):
        parsed = urlsplit(str(url))
        return parsed.scheme == "http" and parsed.path == TICKETS and is_loopback(parsed.hostname or "")
    return False


def _deployments(
    client: SyncPrefectClient, settings: Settings, file: Path | None, *, allow_draft: bool, check: bool
) -> Iterator[Change]:
    from deployments.readiness.admission import hindrances, named  # noqa: PLC0415 - imports what evaluates

    for stanza in declared(file):
        process = _process_of(stanza)
        held = hindrances(process) if process else []
        if process and held and not allow_draft:
            why = f"not ready ({named(held)}); see fulcrum readiness {process}, or --allow-draft"
            yield Change("deployment", f"{process}/{stanza['name']}", "refused", why)
            continue
        if process and held and not check:
            _watch_only(settings, process, held)
        name, done = apply(client, stanza, check=check)
        if done:
            yield Change("deployment", name, done, f"a draft, in shadow only ({named(held)})" if held else "")


def _process_of(stanza: Mapping[str, Any]) -> str | None:
    """Name the process whose flow a stanza deploys; None where it is a flow of the operation itself."""
    from flows import registry  # noqa: PLC0415 - see above

    folder = re.match(r"flows\.(\w+)\.flow\.", str(stanza["entrypoint"]))
    name = folder[1].replace("_", "-") if folder else ""
    return name if name in registry.names() else None


def _watch_only(settings: Settings, process: str, held: Sequence[Line]) -> None:
    """Let a draft do nothing alone; one whose definition cannot even be read cannot be deployed, which `apply` says."""
    from deployments.readiness.admission import watch_only  # noqa: PLC0415 - see above
    from deployments.readiness.checklist import DEFINITION  # noqa: PLC0415 - see above
    from flows import registry  # noqa: PLC0415 - see above
    from fulcrum.ledger import Ledger  # noqa: PLC0415 - SQLAlchemy

    if any(line.check == DEFINITION for line in held):
        return
    with Ledger.open(settings.ledger_url) as ledger:
        watch_only(ledger, registry.process(process), held)
