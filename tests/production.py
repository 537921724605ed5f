"""The production set-up as processes of this machine, with the commands and the environment of `deployments`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import yaml

from deployments.stack.child import Child
from deployments.stack.processes import HOST, ProcessId, descendants, free_port
from deployments.stack.server import answers, api_url
from fulcrum.settings import Settings, project_root
from tests.loopback import wait_for

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

PRODUCTION = project_root() / "deployments" / "production.env"
REDIS = f"redis://{HOST}:6379/9"
"""A database number of the tests' own: it is emptied before and after."""
SIGN_ON = "fulcrum:only-for-this-test"


def variables(file: Path = PRODUCTION) -> dict[str, str]:
    """Read an environment file as systemd and compose do."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def command_of(service: str) -> list[str]:
    """Give the arguments with which compose.yaml starts `prefect` for a part."""
    services = yaml.safe_load((project_root() / "deployments" / "compose.yaml").read_text(encoding="utf-8"))["services"]
    return [str(word) for word in services[service]["command"][1:]]


class Part(Child):
    """One process of the set-up: `prefect` with these arguments."""

    def __init__(self, settings: Settings, url: str, name: str, arguments: Sequence[str], own: dict[str, str]) -> None:
        super().__init__(settings, url, name)
        self._arguments = arguments
        self._own = own

    def arguments(self) -> Sequence[str]:
        return self._arguments

    def environment(self) -> dict[str, str]:
        return self._own

    def kill(self) -> None:
        """Kill -9 the process and all that it started, as a machine that is lost."""
        lost = [ProcessId.of(self.pid), *descendants(self.pid)]
        for process in lost:
            process.kill()
        self.stop()
        wait_for(lambda: not any(process.alive() for process in lost))


@dataclass
class Production:
    """The set-up: two databases, a Redis, an API, services, two workers of runs, one of reviews."""

    settings: Settings
    database: str
    """Prefect's database, as an SQLAlchemy URL of asyncpg."""
    port: int = field(default_factory=lambda: free_port(0))
    ports: dict[str, int] = field(default_factory=dict)
    """Where each worker tells how it is."""

    @property
    def url(self) -> str:
        return api_url(self.port)

    def environment(self, **own: str) -> dict[str, str]:
        """Make a process's environment: production.env, addresses, homes, secrets; nothing of a test's own."""
        bare = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "FULCRUM_"))}
        paths = {"PYTHONPATH": str(project_root()), "PATH": f"{Path(sys.executable).parent}:{bare.get('PATH', '')}"}
        return {**bare, **paths, **self.told(), **own}

    def told(self) -> dict[str, str]:
        """Give the variables that any process of the set-up has, this one too where it asks the API."""
        return {
            **variables(),
            "FULCRUM_HOME": str(self.settings.home),
            "FULCRUM_LEDGER_URL": self.settings.ledger_url,
            "PREFECT_HOME": str(self.settings.home / "prefect"),
            "PREFECT_API_URL": self.url,
            "PREFECT_API_AUTH_STRING": SIGN_ON,
            "PREFECT_SERVER_API_AUTH_STRING": SIGN_ON,
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": self.database,
            "PREFECT_SERVER_DOCKET_URL": REDIS,
            "PREFECT_REDIS_MESSAGING_URL": REDIS,
        }

    def part(self, name: str, *arguments: str, **own: str) -> Part:
        return Part(self.settings, self.url, name, arguments, self.environment(**own))

    def api(self) -> Part:
        own = {"0.0.0.0": HOST, "4200": str(self.port)}  # noqa: S104 - the container's address, not this one's
        return self.part("api", *(own.get(word, word) for word in command_of("api")))

    def services(self) -> Part:
        return self.part("services", *command_of("services"))

    def worker(self, name: str) -> Part:
        self.ports[name] = free_port(0)
        return self.part(name, *command_of("worker"), "--name", name, **self._telling(name))

    def review_worker(self, name: str = "review-worker") -> Part:
        self.ports[name] = free_port(0)
        return self.part(name, *command_of("review-worker"), "--name", name, **self._telling(name))

    def _telling(self, name: str) -> dict[str, str]:
        return {"PREFECT_WORKER_WEBSERVER_HOST": HOST, "PREFECT_WORKER_WEBSERVER_PORT": str(self.ports[name])}

    def well(self, *address: str) -> bool:
        """Tell what a container's health check would."""
        probe = [sys.executable, "deployments/container/healthy.py", *address]
        return subprocess.run(probe, cwd=project_root(), env=self.environment(), check=False).returncode == 0

    def command(self, *arguments: str) -> str:
        """Run a command to its end, as an operator does; give what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=project_root(),
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    def started(self, part: Part) -> Part:
        part.start()
        return part

    def wait(self, api: Part) -> None:
        """Wait until the API answers; if it ends instead, say its last lines."""
        wait_for(lambda: answers(self.url) or api.exit_code is not None, seconds=120)
        assert answers(self.url), api.last_lines(40)


@contextmanager
def stopped_at_the_end(parts: dict[str, Part]) -> Iterator[ExitStack]:
    """Stop whatever parts there are by then, workers first."""
    with ExitStack() as stack:
        try:
            yield stack
        finally:
            for part in reversed(list(parts.values())):
                part.stop()


def make_run(process: str) -> UUID:
    """Make a flow run of a process's deployment over its samples, through the API."""
    from prefect.deployments import run_deployment

    made: Any = run_deployment(f"{process}/{process}", timeout=0, as_subflow=False)
    return UUID(str(made.id))


def _read(run: UUID) -> FlowRun:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return client.read_flow_run(run)


def pid(run: UUID) -> int:
    """Tell the process of a flow run, 0 while it has none; a process worker reports it as host:pid."""
    return int((_read(run).infrastructure_pid or ":0").rpartition(":")[2])


def running(run: UUID) -> bool:
    """Tell whether a flow run is at work."""
    state = _read(run).state
    return state is not None and state.is_running()


def ended(run: UUID) -> str:
    """Wait until a flow run has ended, and say how."""

    def final() -> str | None:
        state = _read(run).state
        return f"{state.name}: {state.message}" if state is not None and state.is_final() else None

    return str(wait_for(final, seconds=240))


def redis_client() -> Any:
    """Give a client of the tests' own database number; skip without a Redis, or fail where it is required."""
    import redis

    client = redis.Redis.from_url(REDIS)
    try:
        client.ping()
    except redis.ConnectionError as error:
        reason = f"no Redis at 127.0.0.1:6379: {type(error).__name__}"
        if os.environ.get("FULCRUM_REQUIRE_POSTGRES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return client
