"""The environment that every process of the stack runs in: state in the home, no telemetry, nothing asked outside."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from deployments.stack.processes import HOST
from fulcrum.settings import Settings, project_root

QUIET = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL"}
"""For a foreground command: Prefect's log lines go to the API alone and leave the terminal to the command.

Errors too: Prefect logs a failing run's traceback twice, and the command says in words what went wrong.
"""

OFFLINE = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_RUNNER_AUTO_INSTALL_DEPENDENCIES": "false",
    "GX_ANALYTICS_ENABLED": "false",
}
"""No telemetry, no advertisement, no package installed while a run starts."""

_SERVICE = {
    # A browser without a preference gets the V1 UI at /; the V2 UI is at /v2.
    "PREFECT_SERVER_UI_V2_ENABLED": "false",
    # The default storage, process memory, leaks a killed client's slots for good.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    # Seconds SQLite waits for a lock; 10 (the default) answers 503 when many reviews are made at once.
    "PREFECT_SERVER_DATABASE_TIMEOUT": "60",
    # Seconds between two looks for leases that have ended: what a killed run holds is free that much after its minute.
    "PREFECT_SERVER_SERVICES_REPOSSESSOR_LOOP_SECONDS": "5",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    # Seconds between a worker's looks for work: what a reviewer waits after Submit.
    "PREFECT_WORKER_QUERY_SECONDS": "1",
    # Seconds between a run's signs of life; four that fail to come are looked into (deployments/automations.yaml).
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    # One request less for each client: server and clients come from the same lock.
    "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
    "PREFECT_LOGGING_COLORS": "false",
}

_NOT_OURS = ("PREFECT_PROFILE", "PREFECT_API_KEY", "PREFECT_API_DATABASE_CONNECTION_URL")
"""Variables of the user's own Prefect that would lead the local stack astray."""

Variables: TypeAlias = Mapping[str, str | None]
"""Environment variables to set; None unsets one."""


def client_variables(settings: Settings) -> dict[str, str | None]:
    """Make the variables that keep Prefect's state in the home, whatever API it talks to."""
    home = settings.home / "prefect"
    return {
        **OFFLINE,
        **_home_and_ledger(settings),
        "PREFECT_HOME": str(home),
        "PREFECT_PROFILES_PATH": str(home / "profiles.toml"),
        "PREFECT_RESULTS_LOCAL_STORAGE_PATH": str(home / "storage"),
    }


def stack_variables(settings: Settings, url: str) -> dict[str, str | None]:
    """Make the variables that also point Prefect at the stack's server, and configure that server."""
    return {
        **dict.fromkeys(_NOT_OURS),
        **client_variables(settings),
        **_SERVICE,
        **_authentication(),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{settings.home / 'prefect' / 'prefect.db'}",
        **_direct(),
        "PREFECT_API_URL": url,
        "PREFECT_SERVER_UI_API_URL": url,
        "PREFECT_UI_URL": url.removesuffix("/api"),
    }


def child_environment(settings: Settings, url: str) -> dict[str, str]:
    """Make the whole environment of a Prefect process: the user's, the stack's, this Python first on its paths."""
    return _child(stack_variables(settings, url))


def plain_environment() -> dict[str, str]:
    """Make the whole environment of a child process that knows nothing of Prefect."""
    return _child({})


def _child(variables: Variables) -> dict[str, str]:
    paths = {
        "PATH": _first(str(Path(sys.executable).parent), os.environ.get("PATH")),
        "PYTHONPATH": _first(str(project_root()), os.environ.get("PYTHONPATH")),
        "PYTHONUNBUFFERED": "1",
    }
    merged = {**os.environ, **variables, **paths}
    return {name: value for name, value in merged.items() if value is not None}


@contextmanager
def applied(variables: Variables) -> Iterator[None]:
    """Set environment variables in this process, and let an imported Prefect read them; undo both at the end.

    Every thread sees them: Prefect falls back on its global settings where no settings context is open. A Prefect
    imported in between keeps them, because reading its settings again would make a folder in the user's home.
    """
    context = sys.modules.get("prefect.context")
    global_settings = getattr(context, "GLOBAL_SETTINGS_CONTEXT", None)
    before = {name: os.environ.get(name) for name in variables}
    _set(variables)
    try:
        if context is not None:
            context.refresh_global_settings_context()
        yield
    finally:
        _set(before)
        if context is not None:
            context.__dict__["GLOBAL_SETTINGS_CONTEXT"] = global_settings


def _set(variables: Variables) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _authentication() -> dict[str, str | None]:
    """Give server and client the same user:password when either has one; an empty variable is none, and let go."""
    names = ("PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING")
    given = next((os.environ[name] for name in names if os.environ.get(name)), None)
    return dict.fromkeys(names, given)


def _home_and_ledger(settings: Settings) -> dict[str, str]:
    """Name the home and, where the operator chose one, the ledger; else each process derives it from the home."""
    chosen = {"FULCRUM_LEDGER_URL": settings.ledger_url} if "ledger_url" in settings.model_fields_set else {}
    return {"FULCRUM_HOME": str(settings.home), **chosen}


def _direct() -> dict[str, str]:
    """Keep a proxy that the user's environment names out of what this machine says to itself."""
    given = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    hosts = ",".join([*([given] if given else []), HOST])
    return {"NO_PROXY": hosts, "no_proxy": hosts}


def _first(entry: str, path: str | None) -> str:
    return os.pathsep.join([entry, *(other for other in (path or "").split(os.pathsep) if other and other != entry)])
