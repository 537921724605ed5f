"""What the stack asks the system: who listens, which process is which, and a record that outlived its server."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.stack.processes import HOST, ProcessId, descendants, free_port, listener
from deployments.stack.record import Home, Record
from deployments.stack.server import Server, api_url
from fulcrum.errors import StackError
from fulcrum.settings import Settings

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells this")


def test_a_process_is_not_mistaken_for_a_later_one_with_its_number() -> None:
    """The number alone is not enough: its start has to agree."""
    me = ProcessId.of(os.getpid())
    assert me.alive()
    assert not ProcessId(me.pid, (me.started or 0) + 1).alive()


def test_a_process_that_ended_is_not_alive() -> None:
    """Neither as a zombie nor once it was waited for."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = ProcessId.of(child.pid)
    assert process.alive()
    child.communicate(b"\n")
    assert not process.alive()


@linux
def test_descendants_are_found_down_to_the_last() -> None:
    """A shell's child's child is among them."""
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert len(descendants(child.pid)) == 1
        assert len(descendants(os.getpid())) >= 2
        child.communicate(b"\n")


@linux
def test_a_taken_port_is_refused_with_the_name_of_its_holder(tmp_path: Path) -> None:
    """The message names the process and the way out, and no process was started."""
    with socket.socket() as held:
        held.bind((HOST, 0))
        held.listen()
        port = held.getsockname()[1]
        assert free_port(port) != port
        server = Server(Settings(home=tmp_path), port)
        with pytest.raises(StackError, match=rf"Port {port} is taken by process {os.getpid()} .*FULCRUM_PORT="):
            server.start()
    assert server.exit_code is None
    assert listener(port) is None


def _record(pid: int, started: int | None, port: int) -> Record:
    return Record(api_url(port), port, pid, started, owner=1, lasting=True)


def test_the_record_of_a_dead_server_is_no_server(tmp_path: Path) -> None:
    """A crash leaves the file behind; the next command sees through it."""
    home = Home(tmp_path)
    child = subprocess.Popen([sys.executable, "-c", ""])
    process = ProcessId.of(child.pid)
    child.wait()
    home.write(_record(process.pid, process.started, free_port(0)))
    assert home.read() is None


def test_the_record_of_a_server_that_does_not_answer_is_no_server(tmp_path: Path) -> None:
    """The process may be there and be something else, or hang."""
    me = ProcessId.of(os.getpid())
    home = Home(tmp_path)
    home.write(_record(me.pid, me.started, free_port(0)))
    assert home.read() is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"url": "x"}', '"text"'])
def test_a_record_that_cannot_be_read_is_no_server(tmp_path: Path, content: str) -> None:
    """A file from another release, or half of one, does not stop a start."""
    (tmp_path / "stack.json").write_text(content, encoding="utf-8")
    assert Home(tmp_path).read() is None


def test_a_user_is_alone_only_when_no_other_user_is_left(tmp_path: Path) -> None:
    """The owner of a server may stop it exactly then."""
    home = Home(tmp_path)
    with home.using() as owner:
        with home.using():
            assert not home.alone(owner)
        assert home.alone(owner)
