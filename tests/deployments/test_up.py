"""`up`: the stack in the foreground, in a process of its own, on a machine whose way out is watched."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest

from deployments.declared import declared
from deployments.stack import api, local_stack, running, up
from deployments.stack.processes import HOST, ProcessId, descendants, free_port, is_free
from fulcrum.settings import Settings, project_root
from tests.loopback import wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the processes are looked up in /proc")


@dataclass
class Terminal:
    """A terminal in which `up` runs, and what of the machine it uses."""

    settings: Settings
    process: subprocess.Popen[str]
    user_home: Path
    asked_outside: list[str]
    lines: list[str] = field(default_factory=list)

    def read(self) -> None:
        """Collect the lines until the process ends."""
        assert self.process.stdout is not None
        self.lines.extend(self.process.stdout)

    def wait_for(self, text: str, seconds: float = 120.0) -> None:
        """Wait for a line."""
        end = time.monotonic() + seconds
        while not any(text in line for line in self.lines):
            assert time.monotonic() < end, f"no {text!r} in {self.lines}"
            time.sleep(0.1)


def _proxy(asked: list[str]) -> socket.socket:
    """Listen as a proxy that takes down the first line of each request and answers none."""
    listening = socket.create_server((HOST, 0))

    def serve() -> None:
        while True:
            try:
                connection, _address = listening.accept()
            except OSError:
                return
            with connection:
                asked.append(connection.recv(200).decode(errors="replace"))

    threading.Thread(target=serve, daemon=True).start()
    return listening


@pytest.fixture(scope="module")
def terminal(make_home: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """Run `up` for this module's tests, with every request to another machine going to a proxy that notes it."""
    folder = tmp_path_factory.mktemp("up")
    settings = Settings(
        home=make_home(folder / "home"), port=free_port(0), desk_port=free_port(0), alerts_port=free_port(0)
    )
    asked: list[str] = []
    proxy = _proxy(asked)
    outside = f"http://{HOST}:{proxy.getsockname()[1]}"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "DO_NOT_TRACK"))}
    process = subprocess.Popen(
        [sys.executable, "-c", "from deployments.stack import up; up(say=lambda line: print(line, flush=True))"],
        cwd=project_root(),
        env={
            **clean,
            "FULCRUM_HOME": str(settings.home),
            "FULCRUM_PORT": str(settings.port),
            "FULCRUM_DESK_PORT": str(settings.desk_port),
            "FULCRUM_ALERTS_PORT": str(settings.alerts_port),
            "HOME": str(folder),
            "HTTP_PROXY": outside,
            "HTTPS_PROXY": outside,
            "NO_PROXY": "",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    terminal = Terminal(settings, process, folder, asked)
    reader = threading.Thread(target=terminal.read, daemon=True)
    reader.start()
    try:
        terminal.wait_for("Ctrl-C")
        yield terminal
    finally:
        process.terminate()
        process.wait(60)
        reader.join(10)
        proxy.close()
        if process.stdout:
            process.stdout.close()


@pytest.fixture(autouse=True)
def _same_home(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("FULCRUM_HOME", str(terminal.settings.home))


def test_it_says_what_runs_where(terminal: Terminal) -> None:
    """The queue's address, the help desk's, the workers, the ledger, the logs, and how to stop."""
    text = "".join(terminal.lines)
    assert f"http://127.0.0.1:{terminal.settings.port} " in text
    assert f"Help desk (sample)     http://127.0.0.1:{terminal.settings.desk_port}\n" in text
    assert f"Alerts                 http://127.0.0.1:{terminal.settings.alerts_port}/alerts\n" in text
    assert f"  are kept in          {terminal.settings.home}/alerts.jsonl\n" in text
    assert re.search(r"pool fulcrum, .*\n.*pool reviews, ", text)
    assert f"{terminal.settings.home}/ledger.db" in text
    assert f"{terminal.settings.home}/logs" in text
    assert f"created {len(declared())} deployments\n" in text
    assert {log.name for log in terminal.settings.logs.iterdir()} == {
        "help-desk.log",
        "server.log",
        "worker-fulcrum.log",
        "worker-reviews.log",
    }


def test_both_interfaces_are_served(terminal: Terminal) -> None:
    """The first UI at the root, the second one under /v2."""
    from httpx import Client

    with Client(base_url=f"http://127.0.0.1:{terminal.settings.port}", trust_env=False) as client:
        told = client.get("/ui-settings").json()
        assert (told["default_ui"], sorted(told["available_uis"])) == ("v1", ["v1", "v2"])
        page = {"Accept": "text/html"}
        assert client.get("/", headers=page).status_code == 200
        assert client.get("/v2/runs", headers=page).status_code == 200


def test_a_second_one_finds_the_first_and_says_so(terminal: Terminal) -> None:
    """It starts nothing and returns."""
    said: list[str] = []
    up(Settings(home=terminal.settings.home, port=terminal.settings.port), say=said.append)
    assert said == [
        f"The stack already runs here (process {terminal.process.pid}): http://127.0.0.1:{terminal.settings.port}"
    ]


def test_other_commands_use_it_and_leave_it_running(terminal: Terminal) -> None:
    """They start neither a server nor workers."""
    expected = f"http://127.0.0.1:{terminal.settings.port}/api"
    with api() as url:
        assert url == expected
    with local_stack() as stack:
        assert (stack.url, stack.workers, stack.lasting) == (expected, (), True)
    found = running()
    assert found is not None
    assert found.lasting
    assert found.desk == f"http://127.0.0.1:{terminal.settings.desk_port}"


def test_a_worker_runs_a_deployment_in_the_project(terminal: Terminal, standin: Path) -> None:
    """From the entry in prefect.yaml alone: the module is imported and the run stands in the project's folder."""
    from prefect.deployments import run_deployment

    from deployments.bootstrap import bootstrap

    with api() as url:
        bootstrap(url, terminal.settings, file=standin)
        run = run_deployment("stand-in/daily", job_variables={"env": {"PYTHONPATH": str(standin.parent)}}, timeout=120)
    assert run.state is not None
    assert run.state.is_completed(), run.state.message
    log = (terminal.settings.logs / "worker-fulcrum.log").read_text(encoding="utf-8")
    assert f"done in {project_root()}" in log


def test_schedules_start_runs(terminal: Terminal) -> None:
    """Of each deployment whose schedule is on; of the processes, whose schedules are off, none is planned."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName

    with api(Settings(home=terminal.settings.home)), get_client(sync_client=True) as client:

        def planned(name: str) -> int:
            chosen = DeploymentFilter(name=DeploymentFilterName(any_=[name]))
            return sum(run.auto_scheduled for run in client.read_flow_runs(deployment_filter=chosen))

        on = [each["name"] for each in declared() if any(s.get("active", True) for s in each.get("schedules", []))]
        assert {"review-desk", "drift-check", "scoreboard", "housekeeping"} == set(on)
        wait_for(lambda: all(planned(name) for name in on))
        assert planned("invoice-intake") == 0


def test_an_alert_is_shown_where_the_stack_runs(terminal: Terminal) -> None:
    """A run that was killed: noticed by the server, looked into by a worker, told in this terminal and kept."""
    from prefect.client.orchestration import get_client
    from prefect.states import Crashed, Running

    with api(Settings(home=terminal.settings.home)), get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("ticket-triage/ticket-triage")
        # At work from its first moment: one that waited for a worker would be taken up by the worker that is here.
        run = client.create_flow_run_from_deployment(deployment.id, state=Running())
        client.set_flow_run_state(run.id, Crashed(), force=True)
    terminal.wait_for("[page] Ticket triage: run crashed")
    kept = (terminal.settings.home / "alerts.jsonl").read_text(encoding="utf-8")
    assert "Look: fulcrum cases ticket-triage" in kept


def test_a_child_that_dies_is_started_again_and_said(terminal: Terminal) -> None:
    """A killed worker comes back as another process."""
    before = {process.pid for process in descendants(terminal.process.pid)}
    worker = next(pid for pid in before if "reviews" in Path(f"/proc/{pid}/cmdline").read_text())
    os.kill(worker, signal.SIGKILL)
    terminal.wait_for("The worker reviews ended (exit code -9)")
    end = time.monotonic() + 30
    while time.monotonic() < end and {one.pid for one in descendants(terminal.process.pid)} <= before:
        time.sleep(0.1)
    new = {process.pid for process in descendants(terminal.process.pid)} - before
    assert any("reviews" in Path(f"/proc/{pid}/cmdline").read_text() for pid in new)


def test_a_help_desk_that_dies_is_back_at_its_address(terminal: Terminal) -> None:
    """With what it had, so that the blocks that name it stay right."""
    from httpx import Client, HTTPError

    with Client(base_url=f"http://127.0.0.1:{terminal.settings.desk_port}", trust_env=False) as client:
        before = client.get("/health").json()["pid"]
        os.kill(before, signal.SIGKILL)
        terminal.wait_for("The help desk ended (exit code -9)")
        end = time.monotonic() + 60
        while True:
            with suppress(HTTPError):
                assert client.get("/health").json()["pid"] != before
                break
            assert time.monotonic() < end
            time.sleep(0.1)


def _start_a_long_run(terminal: Terminal, standin: Path) -> UUID:
    """Leave a run to the worker and wait until it is at work."""
    from prefect.client.orchestration import get_client
    from prefect.deployments import run_deployment

    from deployments.bootstrap import bootstrap

    with api() as url:
        bootstrap(url, terminal.settings, file=standin)
        run = run_deployment(
            "stand-in/daily",
            parameters={"seconds": 600},
            job_variables={"env": {"PYTHONPATH": str(standin.parent)}},
            timeout=0,
        )
        end = time.monotonic() + 60
        with get_client(sync_client=True) as client:
            while client.read_flow_run(run.id).state_name != "Running":
                assert time.monotonic() < end
                time.sleep(0.2)
    return run.id


def test_sigterm_stops_all_of_it_cleanly(terminal: Terminal, standin: Path) -> None:
    """Exit code 0, no process left, no server on record, and the run that was at work is known to have been ended.

    Until then nothing asked another machine for anything, and nothing was written outside the home.
    """
    run_id = _start_a_long_run(terminal, standin)
    children = descendants(terminal.process.pid)
    assert len(children) >= 4
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.process.wait(60) == 0
    assert not [child for child in children if child.alive()]
    assert not ProcessId.of(terminal.process.pid).alive()
    assert is_free(terminal.settings.desk_port)
    assert running() is None
    assert not (terminal.settings.home / "stack.json").exists()
    with closing(sqlite3.connect(terminal.settings.home / "prefect" / "prefect.db")) as database:
        assert database.execute("SELECT state_name FROM flow_run WHERE id = ?", [str(run_id)]).fetchone() == (
            "Crashed",
        )
    assert terminal.asked_outside == []
    assert sorted(entry.name for entry in terminal.user_home.iterdir()) == ["home"]
