"""The stack as it runs: real servers and workers, started, found, shared, killed and stopped."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from textwrap import dedent

import pytest
from pydantic import SecretStr

from deployments.bootstrap import bootstrap
from deployments.stack import Server, api, running
from deployments.stack.processes import ProcessId, children, free_port, is_free
from deployments.stack.server import answers
from fulcrum.errors import StackError
from fulcrum.settings import Settings, project_root, settings
from tests.terminal import Command

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the processes are looked up in /proc")


def _eventually(holds: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Wait for something that other processes bring about."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.1)
    return holds()


def _command(program: str) -> subprocess.Popen[str]:
    """Start a program in a process of its own, as a command in another terminal would be."""
    return subprocess.Popen(
        [sys.executable, "-c", dedent(program)],
        cwd=project_root(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_server_that_cannot_start_says_why(home: Path) -> None:
    """The message ends with the last lines of its log, and nothing of it is left."""
    (home / "prefect" / "prefect.db").write_bytes(b"no database" * 1000)
    server = Server(settings(), free_port(0))
    server.start()
    with pytest.raises(StackError, match=r"(?s)ended as it started.*server\.log:.*DatabaseError"):
        server.wait()
    assert server.exit_code
    assert is_free(server.port)


def test_children_end_with_a_parent_that_is_killed(home: Path) -> None:
    """SIGKILL leaves the parent no time to stop them; the kernel does it."""
    program = """
        import time
        from deployments.stack import Desk, Server, Worker
        from deployments.stack.processes import free_port
        from fulcrum.settings import Settings, settings
        server = Server(settings(), free_port(0))
        worker = Worker(settings(), server.url, pool="fulcrum", limit=1)
        desk = Desk(Settings(desk_port=0))
        server.start(), worker.start(), desk.start()
        print(server.pid, worker.pid, desk.pid, flush=True)
        time.sleep(600)
    """
    with _command(program) as parent:
        assert parent.stdout is not None
        started = [ProcessId.of(int(pid)) for pid in parent.stdout.readline().split()]
        assert len(started) == 3
        assert all(child.alive() for child in started)
        parent.kill()
    assert _eventually(lambda: not any(child.alive() for child in started))


def test_a_command_without_a_server_gets_one_for_its_time(home: Path, standin: Path) -> None:
    """Bootstrapped, on a port of its own; when it is gone, its database has all that the run said to the last word."""
    from prefect.client.orchestration import get_client

    with api(Settings(port=0, desk_port=0)) as url, get_client(sync_client=True) as client:
        assert os.environ["PREFECT_API_URL"] == url
        assert {pool.name for pool in client.read_work_pools()} == {"fulcrum", "reviews"}
        assert bootstrap(url, settings(), file=standin)[0].name == "stand-in/daily"
        found = running()
        assert found is not None
        assert (found.url, found.owner, found.lasting) == (url, os.getpid(), False)
        from standin_of_stack_tests import stand_in

        assert stand_in("here") == f"here in {Path.cwd()}"
        assert [run.state_name for run in client.read_flow_runs() if not run.auto_scheduled] == ["Completed"]
    with closing(sqlite3.connect(home / "prefect" / "prefect.db")) as database:
        assert database.execute("SELECT state_name FROM task_run").fetchall() == [("Completed",)]
        assert database.execute("SELECT count(*) FROM log WHERE message = 'the last line'").fetchone() == (1,)
        assert database.execute("SELECT count(*) FROM events WHERE event = 'stand-in.said'").fetchone() == (1,)
    assert running() is None
    assert not found.server.alive()
    assert "PREFECT_API_URL" not in os.environ


def test_a_command_without_a_server_gets_a_help_desk_too(home: Path) -> None:
    """Beside its server, and in the blocks; at the end nothing of it is left but its tickets."""
    from httpx import Client

    from blocks import WebhookTarget
    from deployments.desk.secret import secret_of

    with api(Settings(port=0, desk_port=0)) as url:
        found = running()
        assert found is not None
        assert found.desk is not None
        with Client(base_url=found.desk, trust_env=False) as client:
            assert ProcessId.of(client.get("/health").json()["pid"]) in children(os.getpid())
        port = int(found.desk.rpartition(":")[2])
        tickets = f"{found.desk}/tickets"
        target = WebhookTarget(url=tickets, status_url=tickets, secret=SecretStr(secret_of(home)))
        assert target.holds("nothing") is None
        assert bootstrap(url, settings(), desk=found.desk) == []
    assert is_free(port)
    assert running() is None
    assert (home / "help-desk.db").exists()


def test_a_help_desk_that_cannot_start_stops_nothing(home: Path) -> None:
    """The stack says so and goes on."""
    (home / "help-desk.db").write_bytes(b"no database" * 1000)
    said: list[str] = []
    with api(Settings(port=0, desk_port=0), say=said.append):
        found = running()
        assert found is not None
        assert found.desk is None
    assert any(line.startswith("The sample help desk does not run") for line in said)


def test_a_server_that_the_environment_names_is_used_as_it_is(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is started for it, and nothing asked of it, before the command does."""
    monkeypatch.setenv("PREFECT_API_URL", "http://prefect.example:4200/api")
    with api() as url:
        assert url == "http://prefect.example:4200/api"
        assert os.environ["PREFECT_HOME"] == str(home / "prefect")
    assert running() is None


def test_bootstrap_asked_what_it_would_do_starts_a_server_and_does_nothing(fulcrum: Command, home: Path) -> None:
    """Nothing is registered on it, no other command finds it, and the next time it is said and done."""
    asked = fulcrum("bootstrap", "--check")
    assert (asked.code, running()) == (1, None)
    assert "to be created deployment review-case/review-case" in asked.words
    assert not (home / "ledger.db").exists()
    done = fulcrum("bootstrap")
    assert (done.code, done.words.count("created deployment")) == (0, asked.words.count("created deployment"))
    assert running() is None


def test_two_commands_at_once_share_one_server(home: Path) -> None:
    """The later one finds the first one's; the first one stops it once both are done."""
    program = """
        import sys
        from deployments.stack import api, running
        from fulcrum.settings import Settings
        with api(Settings(port=0, desk_port=0)) as url:
            print(url, running().pid, running().owner, running().desk, flush=True)
            sys.stdin.read()
    """
    with _command(program) as one, _command(program) as other:
        assert one.stdout is not None
        assert other.stdout is not None
        told = one.stdout.readline().split()
        assert other.stdout.readline().split() == told
        url, server, owner, desk = told
        first, second = (one, other) if str(one.pid) == owner else (other, one)
        assert first.stdin is not None
        first.stdin.close()
        assert not _eventually(lambda: first.poll() is not None, seconds=1.0)
        assert answers(url)
        assert not is_free(int(desk.rpartition(":")[2]))
        assert second.stdin is not None
        second.stdin.close()
        assert (first.wait(60), second.wait(60)) == (0, 0)
    assert not ProcessId.of(int(server)).alive()
    assert is_free(int(desk.rpartition(":")[2]))
    assert running() is None
