"""A sign-on at the API: the demo goes all the way with it, nobody gets in without, and it is written down nowhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest

from deployments.stack.processes import descendants, free_port
from deployments.stack.record import Home
from fulcrum.ledger import Ledger
from fulcrum.settings import project_root
from tests.loopback import wait_for

PASSWORD = "pl4nted-in-this-test"
SIGN_ON = ("ops", PASSWORD)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the processes are looked up in /proc")


@dataclass
class Demo:
    """The demo at work, and what of it could be seen from outside."""

    home: Path
    environment: dict[str, str]
    answers: dict[str, int] = field(default_factory=dict)
    """How the API answered, by who asked."""
    arguments: set[str] = field(default_factory=set)
    """The command lines of all its processes."""
    said: str = ""
    done: int | None = None
    well: bool = False
    """What the health check of the API's container said."""
    commands: dict[str, subprocess.CompletedProcess[str]] = field(default_factory=dict)

    def look(self, pid: int) -> None:
        """Note the command lines of the processes that there are now."""
        for process in descendants(pid):
            with suppress(OSError):
                self.arguments.add(Path(f"/proc/{process.pid}/cmdline").read_text(encoding="utf-8", errors="replace"))

    def command(self, *arguments: str, name: str = "", **own: str) -> None:
        """Run another command on the same home beside it."""
        self.commands[name or arguments[0]] = subprocess.run(
            [sys.executable, "-m", "deployments.cli", *arguments],
            cwd=project_root(), env=self.environment | own, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def probe(self, url: str) -> None:
        """Ask how the API is as its container's health check does, which has no password."""
        check = [sys.executable, "deployments/container/healthy.py", f"{url}/ready"]
        self.well = subprocess.run(check, cwd=project_root(), check=False).returncode == 0


@pytest.fixture(scope="module")
def demo(make_home: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Run it from nothing; the operator has set the server's own variable alone."""
    home = make_home(tmp_path_factory.mktemp("signed-on") / "home")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "FULCRUM_"))}
    ports = {name: str(free_port(0)) for name in ("FULCRUM_PORT", "FULCRUM_DESK_PORT")}
    environment = {
        **clean, **ports, "FULCRUM_HOME": str(home), "PREFECT_SERVER_API_AUTH_STRING": ":".join(SIGN_ON)
    }  # fmt: skip
    found = Demo(home, environment)
    command = [sys.executable, "-m", "deployments.cli", "demo"]
    with subprocess.Popen(
        command, cwd=project_root(), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        ended = Event()

        def watch() -> None:
            while not ended.wait(0.2):
                found.look(process.pid)

        watching = Thread(target=watch)
        watching.start()
        try:
            record = wait_for(lambda: process.poll() is not None or Home(home).read())
            if process.poll() is None:
                with httpx.Client(base_url=record.url, trust_env=False) as asking:
                    for who, auth in (("nobody", None), ("a stranger", ("ops", "guessed")), ("we", SIGN_ON)):
                        found.answers[who] = asking.post("/deployments/filter", json={}, auth=auth).status_code
                found.probe(record.url)
                found.command("bootstrap", "--check")
                found.command("bootstrap", "--check", name="without", PREFECT_SERVER_API_AUTH_STRING="")
                found.command("doctor", "--json")
            found.said = process.communicate(timeout=240)[0]
            found.done = process.returncode
        finally:
            ended.set()
            watching.join()
            if process.poll() is None:
                process.terminate()
    return found


def test_nobody_gets_in_without_it(demo: Demo) -> None:
    """Neither without a name nor with a wrong password."""
    assert demo.answers == {"nobody": 401, "a stranger": 401, "we": 200}
    told = demo.commands["without"]
    assert told.returncode == 1
    assert "did not let the command in" in told.stderr
    assert "Traceback" not in told.stderr


def test_the_demo_goes_all_the_way(demo: Demo) -> None:
    """Its processes run on workers, its reviews are shown, its board is drawn."""
    assert demo.done == 0, demo.said
    for process in ("invoice-intake", "ticket-triage", "complaint-response"):
        assert f"Running {process} on a worker" in demo.said
    assert "Done in " in demo.said
    with Ledger.open(f"sqlite:///{demo.home / 'ledger.db'}") as ledger:
        queue = ledger.reviews.open()
    assert queue


def test_other_commands_sign_on_as_well(demo: Demo) -> None:
    """Asked beside it, with the same variable: nothing is missing on the server, and the doctor gets its answers."""
    check = demo.commands["bootstrap"]
    assert (check.returncode, check.stdout) == (0, "Nothing to change.\n")
    lines = {line["check"]: line for line in json.loads(demo.commands["doctor"].stdout)["lines"]}
    for asked in ("Prefect server", "workers of fulcrum", "workers of reviews", "blocks"):
        assert lines[asked]["verdict"] == "ok", lines[asked]


def test_the_password_is_written_down_nowhere(demo: Demo) -> None:
    """In no argument of a process, no log, no file of the home, and not on the terminal; nor as it is sent."""
    sent = b64encode(":".join(SIGN_ON).encode())
    assert any("prefect" in arguments for arguments in demo.arguments)
    assert not [arguments for arguments in demo.arguments if PASSWORD in arguments]
    assert PASSWORD not in demo.said
    files = [file for file in demo.home.rglob("*") if file.is_file()]
    assert any(file.name == "server.log" for file in files)
    assert not [file for file in files for form in (PASSWORD.encode(), sent) if form in file.read_bytes()]
