"""Somebody on call: they type what a page or a message says, on a home of their own, and see what comes of it."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fulcrum.settings import project_root
from tests.intake_office import PROCESS, Office, deployed_with, documents, names, write_jsonl
from tests.loopback import wait_for
from tests.pages import commands
from tests.terminal import Command, Told, in_process

if TYPE_CHECKING:
    import pytest

DOCS = project_root() / "docs"
PAGES = [*sorted((DOCS / "runbooks").glob("*.md")), DOCS / "on-call.md", DOCS / "alerts.md"]
"""The pages that are written for whoever is on call."""

KEEPING = {"alerts", "pool-without-worker", "run-missing", "silence"}
"""Those whose commands keep running, or whose situation is that nothing runs: they have a server for themselves."""

SAID_BY_A_PERSON = ("--by", "--reason")
"""Options whose value is the person's own words: two commands that differ only there are the same."""

_COMMAND = re.compile(r"^(?:(?:Look|Mend|Halt): |    )((?:fulcrum|prefect) .+)$", re.MULTILINE)
_PAGE = re.compile(r"^Runbook: `?docs/(.+?)`?$", re.MULTILINE)
_TO_FILL_IN = re.compile(r"[A-Z]{2,}")


@dataclass
class Terminal:
    """A terminal in which a command runs until it is stopped."""

    command: str
    process: subprocess.Popen[bytes]
    output: Path

    @property
    def told(self) -> str:
        """Give all that it has said with single spaces, whatever the line breaks."""
        return " ".join(self.output.read_text(encoding="utf-8", errors="replace").split())

    def shows(self, *words: str) -> None:
        """Wait until it has said all of this."""
        wait_for(lambda: self.process.poll() is not None or all(each in self.told for each in words))
        assert all(each in self.told for each in words), f"$ {self.command}\n{self.told}"

    def stop(self) -> None:
        """Press Ctrl-C and wait; it has to end by itself."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


@dataclass
class OnCall:
    """Whoever is on call, with what they were told to type; `means` is what they put where that leaves a place."""

    said: tuple[str, ...]
    folder: Path
    office: Office
    fulcrum: Command
    prefect: Command
    make_home: Callable[[Path], Path]
    means: dict[str, str]
    typed: list[tuple[str, ...]] = field(default_factory=list)

    def types(self, command: str, *words: str, code: int = 0, never: Sequence[str] = ()) -> Told:
        """Type a command as it is said; see how it ends, these words, and none of those."""
        program, *arguments = self._noted(command)
        told = {"fulcrum": self.fulcrum, "prefect": self.prefect}[program](*arguments)
        shown = f"$ {shlex.join([program, *arguments])}\n{told.out}{told.err}"
        assert told.code == code, f"it ended with {told.code}\n{shown}"
        missing = [each for each in words if each not in told.words]
        assert not missing, f"it does not say {missing}\n{shown}"
        unwanted = [each for each in never if each in told.words]
        assert not unwanted, f"it says {unwanted}\n{shown}"
        return told

    def halts(self, command: str) -> None:
        """Halt as it is said, see that it holds, and let it go on as the command says then."""
        process = self.means.get(PROCESS, PROCESS)
        told = self.types(command, "is halted: nothing is cleared until")
        assert "HALTED" in self.fulcrum("autonomy", process).words
        (remedy,) = re.findall(r"fulcrum (resume \S+)", told.out)
        resumed = self.fulcrum(*remedy.split(), "--by", "Ada Okafor", "--reason", "it was nothing")
        assert "is resumed" in resumed.words
        assert "HALTED" not in self.fulcrum("autonomy", process).words

    @contextmanager
    def keeps(self, command: str) -> Iterator[Terminal]:
        """Type a command that runs until it is stopped, in a terminal of its own, and stop it at the end."""
        program, *arguments = self._noted(command)
        output = self.folder / f"terminal-{len(self.typed)}.txt"
        with output.open("wb") as stream:
            process = subprocess.Popen(
                [Path(sys.executable).parent / program, *arguments],
                cwd=project_root(),
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        terminal = Terminal(command, process, output)
        try:
            yield terminal
        finally:
            terminal.stop()

    def left(self) -> list[str]:
        """Give what was said and never typed."""
        return [each for each in self.said if _same(self._filled(each)) not in self.typed]

    def inbox(self, **documents_by_file: Sequence[object]) -> None:
        """Put files of documents into ~/inbox, and nothing else."""
        folder = self.folder / "inbox"
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for name, records in documents_by_file.items():
            write_jsonl(folder / f"{name}.jsonl", records)

    def run(self) -> Any:
        """Let the process run over ~/inbox, as its schedule does."""
        return self.office.run(self.folder / "inbox")

    def case(self) -> str:
        """Name a case of the office."""
        return next(iter(self.office.cases().values())).id

    def _noted(self, command: str) -> list[str]:
        """Note that a command is typed; it has to be one that was said."""
        filled = self._filled(command)
        assert not [word for word in filled if _TO_FILL_IN.fullmatch(word)], f"nobody says what to put in: {command}"
        assert _same(filled) in {_same(self._filled(each)) for each in self.said}, f"nobody says to type: {command}"
        self.typed.append(_same(filled))
        return filled

    def _filled(self, command: str) -> list[str]:
        """Read a command as a shell does, with each place filled in."""
        words = [self.means.get(word, word) for word in shlex.split(command)]
        return [os.path.expanduser(word) for word in words]  # noqa: PTH111 - as a shell does


Play = Callable[[OnCall], None]


@dataclass(frozen=True)
class Plays:
    """What is played, by the name of the page: its situation, and the commands as a person types them in it."""

    known: dict[str, Play] = field(default_factory=dict)

    def of(self, page: str) -> Callable[[Play], Play]:
        """Say which page a function plays."""

        def taken(play: Play) -> Play:
            self.known[page] = play
            return play

        return taken

    def play(self, page: Path, on_call: OnCall) -> None:
        """Play a page to its end: all that it and its messages say is typed, and a halt they offer works there too."""
        assert page.stem in self.known, f"nobody plays {page.name}: bring its situation about in tests/docs"
        on_call = replace(on_call, said=said(page))
        self.known[page.stem](on_call)
        for halt in [each for each in on_call.left() if each.startswith("fulcrum halt ")]:
            on_call.halts(halt)
        left = on_call.left()
        assert not left, f"{page.name}, or a message that names it, says what nobody types: {left}"


def messages() -> Iterator[str]:
    """Give whatever somebody is sent that names commands: alerts, those of the server, the silence, incidents."""
    from prefect.server.utilities.user_templates import render_user_template_sync

    from deployments.automations import read
    from deployments.listener import _BODY as SILENCE
    from deployments.pools import POOLS
    from flows.invoice_intake.process import INVOICE_INTAKE
    from fulcrum import incident
    from fulcrum.alerts import CAUSES
    from fulcrum.alerts import message as alert

    for cause in CAUSES.values():
        yield str(alert(cause, INVOICE_INTAKE, {}, {})["body"])
    told = [stanza["body"] for stanza in read()[1] if "Runbook: " in stanza.get("body", "")]
    yield from (render_user_template_sync(body, {"work_pool": {"name": pool}}) for body in told for pool in POOLS)
    yield SILENCE
    for kind in ("run.failed", "run.crashed"):
        yield incident.markdown(INVOICE_INTAKE, "it failed", {}, None, kind=kind)


def said(page: Path) -> tuple[str, ...]:
    """Give the commands of a page, and those of the messages that name it, each once."""
    name = page.relative_to(DOCS).as_posix()
    sent = [found for text in messages() if name in told_pages(text) for found in told_commands(text)]
    return tuple(dict.fromkeys([*commands(page), *sent]))


def told_pages(text: str) -> list[str]:
    """Name the pages that a message sends somebody to, below docs/."""
    return _PAGE.findall(text)


def told_commands(text: str) -> list[str]:
    """Give the commands that a message says."""
    return _COMMAND.findall(text)


@contextmanager
def at_work(
    folder: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    make_home: Callable[[Path], Path],
) -> Iterator[OnCall]:
    """Put somebody on call, in a home below a folder that is their own, of which ~/inbox is what comes in."""
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("FULCRUM_HOME", str(folder / "home"))
    monkeypatch.setenv("COLUMNS", "80")
    with deployed_with(PROCESS, str(folder / "inbox")):
        yield OnCall(
            said=(),
            folder=folder,
            office=Office.found(folder / "home", folder / "erp.db"),
            fulcrum=in_process(capfd),
            prefect=prefect_in_process(capfd, monkeypatch),
            make_home=make_home,
            means={"NAME": "Ada Okafor", "TEXT": "looked odd"},
        )


def prefect_in_process(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Give the `prefect` command, called in this process: by itself it takes seconds to start."""
    from prefect.cli import app

    def call(*arguments: object) -> Told:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["prefect", *map(str, arguments)])
        code = 0
        try:
            app()
        except SystemExit as end:
            code = int(end.code or 0)
        said = capfd.readouterr()
        return Told(code, said.out, said.err)

    return call


def sound(count: int, prefix: str) -> list[dict[str, str]]:
    """Make documents that the process clears by itself."""
    return documents(names(count, prefix))


def blanks(count: int, prefix: str) -> list[dict[str, str]]:
    """Make documents that nobody can read."""
    return [{"id": f"{prefix}-{number}", "text": " "} for number in range(count)]


def strangers(count: int, prefix: str) -> list[dict[str, str]]:
    """Make invoices of a supplier that nobody knows: they break the gate behind the AI step."""
    return [
        each | {"text": each["text"].replace("Tolmerin Fluidics B.V.", "Nobody Known GmbH")}
        for each in sound(count, prefix)
    ]


def _same(words: Sequence[str]) -> tuple[str, ...]:
    """Give a command without what a person says in their own words."""
    return tuple(word for place, word in enumerate(words) if place == 0 or words[place - 1] not in SAID_BY_A_PERSON)
