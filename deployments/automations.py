"""The automations that `automations.yaml` declares, applied through the API: who is told what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import yaml

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import AutomationCore

FILE = Path(__file__).with_name("automations.yaml")

PREFIX = "fulcrum: "
"""What the names of Fulcrum's own automations begin with; others are an operator's."""

BLOCK = "custom-webhook/fulcrum-alerts"
"""The block that alerts go through unless the file names another."""

_COMPARED = ("name", "description", "trigger", "actions")


def read(file: Path = FILE) -> tuple[str, list[dict[str, Any]]]:
    """Read the file: the block that alerts go through, and the automations."""
    told = yaml.safe_load(file.read_text(encoding="utf-8"))
    return told["block"], told["automations"]


def apply(client: SyncPrefectClient, *, file: Path = FILE, check: bool = False) -> Iterator[tuple[str, str]]:
    """Create and update the declared automations, and delete Fulcrum's own that are declared no more.

    Gives the name and what was done of each that was not so already; with `check` it changes nothing. One that an
    operator has paused stays paused.
    """
    reference, stanzas = read(file)
    block = _block(client, reference, check=check)
    known = {found.name: found for found in client.read_automations() if found.name.startswith(PREFIX)}
    for stanza in stanzas:
        wanted = automation(stanza, block)
        found = known.pop(wanted.name, None)
        if found is None:
            if not check:
                client.create_automation(wanted)
            yield wanted.name, "created"
        elif _told(found) != _told(wanted):
            if not check:
                client.update_automation(found.id, wanted.model_copy(update={"enabled": found.enabled}))
            yield wanted.name, "updated"
    for name, found in known.items():
        if not check:
            client.delete_automation(found.id)
        yield name, "deleted"


def _block(client: SyncPrefectClient, reference: str, *, check: bool) -> UUID:
    """Find the block that alerts go through; where it is not there and nothing is to be changed, any id will do."""
    from prefect.exceptions import ObjectNotFound  # noqa: PLC0415 - Prefect takes seconds to import

    slug, _, name = reference.partition("/")
    try:
        return client.read_block_document_by_name(name, slug).id
    except ObjectNotFound:
        if check:
            return uuid4()
        raise


def automation(stanza: dict[str, Any], block: UUID) -> AutomationCore:
    """Make an automation of its stanza: a trigger, and a notification through a block."""
    from prefect.events.actions import SendNotification  # noqa: PLC0415 - Prefect takes seconds to import
    from prefect.events.schemas.automations import AutomationCore, EventTrigger  # noqa: PLC0415

    trigger = {"posture": "Reactive", "threshold": 1, "within": 0} | stanza["trigger"]
    return AutomationCore(
        name=stanza["name"],
        description=stanza["description"],
        trigger=EventTrigger.model_validate(trigger),
        actions=[SendNotification(block_document_id=block, subject=stanza["subject"], body=stanza["body"])],
    )


def _told(found: AutomationCore) -> dict[str, Any]:
    """Give what an automation says, without what the server adds of its own."""
    told = found.model_dump(mode="json", include=set(_COMPARED))
    told["trigger"].pop("id", None)
    return told
