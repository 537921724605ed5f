"""The deployments that `prefect.yaml` declares, applied through the API as `prefect deploy --all` applies them.

Done in this process, because the command takes seconds to start and never says whether anything changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from fulcrum.errors import StackError
from fulcrum.settings import project_root

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.objects import DeploymentSchedule
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.flows import Flow

_READY = "deployments.readiness.step.ready"
"""The one build step there may be; `bootstrap` asks the same of a process by itself."""

_APPLIED = {
    "build",
    "concurrency_limit",
    "description",
    "entrypoint",
    "name",
    "parameters",
    "schedules",
    "tags",
    "version",
    "work_pool",
}


def declared(file: Path | None = None) -> list[dict[str, Any]]:
    """Read the stanzas; raises StackError when there is no file or it asks for what only `prefect deploy` does."""
    file = file or project_root() / "prefect.yaml"
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StackError(
            problem=f"There is no {file}.", remedy="Run fulcrum in the folder of the checkout that has it."
        ) from None
    stanzas: list[dict[str, Any]] = content["deployments"]
    for stanza in stanzas:
        beyond = sorted(set(stanza) - _APPLIED)
        beyond += [name for step in stanza.get("build") or [] for name in step if name != _READY]
        if beyond:
            raise StackError(
                problem=f"{file} gives deployment {stanza.get('name')} {', '.join(beyond)}, which is not applied here.",
                remedy="Remove it, or apply the file with: prefect --no-prompt deploy --all",
            )
    return stanzas


def apply(client: SyncPrefectClient, stanza: dict[str, Any], *, check: bool = False) -> tuple[str, str | None]:
    """Create or update one deployment; return its full name and what was done, None when it was so already.

    With `check` nothing is changed, and it returns what would be done.

    Raises StackError when its flow cannot be loaded.
    """
    from prefect.exceptions import ObjectNotFound  # noqa: PLC0415 - Prefect takes seconds to import
    from prefect.flows import load_flow_from_entrypoint  # noqa: PLC0415 - the same

    try:
        flow: Flow[..., Any] = load_flow_from_entrypoint(stanza["entrypoint"])
    except (ImportError, AttributeError, ValueError) as error:
        raise StackError(
            problem=f"Deployment {stanza['name']} cannot be made: {stanza['entrypoint']} is not loaded ({error}).",
            remedy="Name a flow in a module that can be imported, as package.module.flow.",
        ) from error
    name = f"{flow.name}/{stanza['name']}"
    wanted = _wanted(flow, stanza)
    try:
        found = client.read_deployment_by_name(name)
    except ObjectNotFound:
        done = "created"
    else:
        _keep_anchors(wanted.get("schedules", []), found.schedules)
        if not _differs(wanted, found):
            return name, None
        done = "updated"
    if check:
        return name, done
    client.create_deployment(flow_id=client.create_flow_from_name(flow.name), name=stanza["name"], **wanted)
    return name, done


def _wanted(flow: Flow[..., Any], stanza: dict[str, Any]) -> dict[str, Any]:
    """Make the arguments of the client's `create_deployment` as `prefect deploy` makes them from the stanza."""
    from prefect.utilities.callables import parameter_schema  # noqa: PLC0415 - see above

    pool = stanza["work_pool"]
    wanted = {
        "version": stanza.get("version") or flow.version,
        "description": stanza.get("description") or flow.description,
        "tags": stanza.get("tags", []),
        "parameters": stanza.get("parameters", {}),
        "parameter_openapi_schema": parameter_schema(flow).model_dump(exclude_unset=True),
        "enforce_parameter_schema": True,
        "entrypoint": stanza["entrypoint"],
        "pull_steps": [],
        "work_pool_name": pool["name"],
        "work_queue_name": pool.get("work_queue_name", "default"),
        "job_variables": pool.get("job_variables", {}),
        **_concurrency(stanza.get("concurrency_limit")),
    }
    if "schedules" in stanza:
        wanted["schedules"] = [_schedule(given) for given in stanza["schedules"] or []]
    return wanted


def _concurrency(given: int | dict[str, Any] | None) -> dict[str, Any]:
    """Read a limit given as a number, or as a mapping with what happens to the runs beyond it."""
    if not isinstance(given, dict):
        return {"concurrency_limit": given}
    from prefect.client.schemas.objects import ConcurrencyOptions  # noqa: PLC0415 - see above

    options = {name: value for name, value in given.items() if name != "limit"}
    return {"concurrency_limit": given["limit"], "concurrency_options": ConcurrencyOptions(**options)}


def _schedule(given: dict[str, Any]) -> DeploymentScheduleCreate:
    """Read a schedule: `cron`, `interval` (seconds) or `rrule`, with a time zone, and whether it is active."""
    from prefect.client.schemas.actions import DeploymentScheduleCreate  # noqa: PLC0415 - see above

    about = {name: given[name] for name in ("active", "parameters", "slug") if name in given}
    timing = {name: value for name, value in given.items() if name not in about}
    return DeploymentScheduleCreate(schedule=timing, **about)


def _keep_anchors(wanted: Sequence[DeploymentScheduleCreate], found: Sequence[DeploymentSchedule]) -> None:
    """Let an interval that is declared without an anchor go on from the one that it has; Prefect's default is now."""
    from prefect.client.schemas.schedules import IntervalSchedule  # noqa: PLC0415 - see above

    for one, before in zip(wanted, found, strict=False):
        new, old = one.schedule, before.schedule
        if isinstance(new, IntervalSchedule) and isinstance(old, IntervalSchedule):
            new.anchor_date = new.anchor_date if "anchor_date" in new.model_fields_set else old.anchor_date


def _differs(wanted: dict[str, Any], found: DeploymentResponse) -> bool:
    """Tell whether a deployment is not as wanted in anything that the stanza decides."""
    limit = found.global_concurrency_limit
    if wanted["concurrency_limit"] != (limit.limit if limit else None):
        return True
    if "schedules" in wanted and _timing(wanted["schedules"]) != _timing(found.schedules):
        return True
    plain = set(wanted) - {"concurrency_limit", "schedules"}
    return any(getattr(found, name) != wanted[name] for name in plain)


def _timing(schedules: Sequence[DeploymentSchedule | DeploymentScheduleCreate]) -> list[tuple[Any, ...]]:
    return [(one.schedule, one.active is not False, one.parameters, one.slug) for one in schedules]
