"""The automations that `automations.yaml` declares, applied through the API: who is told what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

import yaml

from fulcrum.alerts import CAUSES, Severity
from fulcrum.errors import StackError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.actions import RunDeployment, SendNotification
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, SequenceTrigger

FILE = Path(__file__).with_name("automations.yaml")

PREFIX = "fulcrum: "
"""What the names of Fulcrum's own automations begin with; others are an operator's."""

BLOCK = "custom-webhook/fulcrum-alerts"
"""The block that alerts go through unless the file names another."""

_COMPARED = ("name", "description", "trigger", "actions")


def read(file: Path = FILE) -> tuple[dict[Severity, str], list[dict[str, Any]]]:
    """Read the file: the block that the alerts of each severity go through, and the automations."""
    told = yaml.safe_load(file.read_text(encoding="utf-8"))
    return {severity: told["blocks"][severity] for severity in Severity}, told["automations"]


class Refers(NamedTuple):
    """What automations refer to on a server: the block of each severity, and the deployments that are run."""

    blocks: Mapping[Severity, UUID]
    deployments: Mapping[str, UUID]


def apply(client: SyncPrefectClient, *, file: Path = FILE, check: bool = False) -> Iterator[tuple[str, str]]:
    """Create and update the declared automations, and delete Fulcrum's own that are declared no more.

    Gives the name and what was done of each that was not so already; with `check` it changes nothing. One that an
    operator has paused stays paused. Raises StackError for a block that is not there.
    """
    references, stanzas = read(file)
    blocks = {severity: _block(client, reference, check=check) for severity, reference in references.items()}
    refers = Refers(blocks, _deployments(client, stanzas))
    known = {found.name: found for found in client.read_automations() if found.name.startswith(PREFIX)}
    for stanza in stanzas:
        wanted = automation(stanza, refers)
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
        raise StackError(
            problem=f"{FILE.name} sends alerts through the block {reference}, which is not on the server.",
            remedy="Make it in the UI under Blocks, or name another one in the file.",
        ) from None


def _deployments(client: SyncPrefectClient, stanzas: Sequence[dict[str, Any]]) -> dict[str, UUID]:
    """Find the deployments that automations run; for one that is not there yet any id will do until it is."""
    from prefect.exceptions import ObjectNotFound  # noqa: PLC0415 - see above

    found: dict[str, UUID] = {}
    for name in {stanza["run"]["deployment"] for stanza in stanzas if "run" in stanza}:
        try:
            found[name] = client.read_deployment_by_name(name).id
        except ObjectNotFound:
            found[name] = uuid5(NAMESPACE_URL, name)
    return found


def automation(stanza: dict[str, Any], refers: Refers) -> AutomationCore:
    """Make an automation of its stanza: a trigger, and a notification through a block or the run of a deployment."""
    from prefect.events.schemas.automations import AutomationCore  # noqa: PLC0415 - Prefect takes seconds to import

    return AutomationCore(
        name=stanza["name"],
        description=stanza["description"],
        trigger=_trigger(stanza["trigger"]),
        actions=[_run(stanza["run"], refers) if "run" in stanza else _notification(stanza, refers)],
    )


def _trigger(told: dict[str, Any]) -> EventTrigger | SequenceTrigger:
    from prefect.events.schemas.automations import EventTrigger, SequenceTrigger  # noqa: PLC0415 - see above

    if "sequence" in told:
        return SequenceTrigger.model_validate(
            {"triggers": [_trigger(each) for each in told["sequence"]], "within": told["within"]}
        )
    return EventTrigger.model_validate({"posture": "Reactive", "threshold": 1, "within": 0} | told)


def _notification(stanza: dict[str, Any], refers: Refers) -> SendNotification:
    from prefect.events.actions import SendNotification  # noqa: PLC0415 - see above

    people = _people()
    subject, body = (Template(stanza[part]).substitute(people) for part in ("subject", "body"))
    return SendNotification(block_document_id=refers.blocks[_severity(stanza)], subject=subject, body=body)


def _severity(stanza: dict[str, Any]) -> Severity:
    """Tell how severe what a stanza tells is: by its cause, or by its subject where the server tells it."""
    causes = {cause.event: cause.severity for cause in CAUSES.values()}
    known = [causes[event] for event in stanza["trigger"].get("expect", []) if event in causes]
    told = Severity.TICKET if stanza["subject"].startswith("[ticket]") else Severity.PAGE
    return known[0] if known else told


def _run(told: dict[str, Any], refers: Refers) -> RunDeployment:
    from prefect.events.actions import RunDeployment  # noqa: PLC0415 - see above

    parameters = {name: {"__prefect_kind": "jinja", "template": text} for name, text in told["parameters"].items()}
    return RunDeployment(deployment_id=refers.deployments[told["deployment"]], parameters=parameters)


def _people() -> dict[str, str]:
    """Name the owners and the deputies of every process whose definition can be read."""
    from flows import registry  # noqa: PLC0415 - a definition imports what its process needs

    found = registry.readable()
    return {
        "OWNERS": ", ".join(sorted({f"{each.owner.name} <{each.owner.email}>" for each in found})),
        "DEPUTIES": ", ".join(sorted({f"{each.deputy.name} <{each.deputy.email}>" for each in found})),
    }


def _told(found: AutomationCore) -> dict[str, Any]:
    """Give what an automation says, without what the server adds of its own."""
    told = found.model_dump(mode="json", include=set(_COMPARED))
    for trigger in (told["trigger"], *told["trigger"].get("triggers", [])):
        trigger.pop("id", None)
    return told
