"""Halting a process at once, and letting it go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from deployments.cli.display import out, print_json, say, table
from deployments.cli.opening import open_ledger
from flows import registry
from fulcrum.errors import UnknownProcess, UsageError
from fulcrum.halting import EVERY, Halt

if TYPE_CHECKING:
    from fulcrum.ledger import Ledger

Flag = Annotated[bool, Parameter(negative="")]


def halt(
    process: str | None = None,
    *,
    all: Flag = False,  # noqa: A002 - what the user writes
    by: str = "",
    reason: str = "",
    list: Flag = False,  # noqa: A002 - the same
    json: Flag = False,
) -> None:
    """Halt a process: at once it clears nothing any more, and what it has cleared is delivered only once it is resumed.

    A run that is under way goes on, and its cases go to people. What people have decided is delivered as ever.

    Args:
        process: Name of the process, as invoice-intake.
        all: Halt every process, those that are added later as well.
        by: The name of the person who halts it.
        reason: Why.
        list: Show every halt there was instead, the newest first.
        json: Print the result as one line of JSON.
    """
    if list:
        _show(process, json=json)
        return
    scope = _scope(process, whole=all)
    _on_record(by, reason)
    with open_ledger() as ledger:
        standing, new = ledger.halts.halt(scope, by=by.strip(), reason=reason.strip())
    if json:
        print_json(_row(standing) | {"new": new})
    elif new:
        out.print(f"{_words(scope)} is halted: nothing is cleared until\n  {_remedy(scope)}", markup=False)
    else:
        out.print(f"{_words(scope)} is halted already, {_since(standing)}", markup=False)
    if new:
        _announce(standing)


def resume(
    process: str | None = None,
    *,
    all: Flag = False,  # noqa: A002 - what the user writes
    by: str,
    reason: str,
    json: Flag = False,
) -> None:
    """Let a halted process go on: it clears as before, and the next run delivers what has waited.

    Args:
        process: Name of the process, as invoice-intake.
        all: End the halt of all processes; one that is halted for itself stays so.
        by: The name of the person who resumes it.
        reason: Why it is safe.
        json: Print the result as one line of JSON.
    """
    scope = _scope(process, whole=all)
    _on_record(by, reason)
    with open_ledger() as ledger:
        ended = ledger.halts.resume(scope, by=by.strip(), reason=reason.strip())
        left = _left(ledger, scope)
    if json:
        print_json(_row(ended) | {"still_halted": [_row(each) for each in left]})
    else:
        out.print(f"{_words(scope)} is resumed; the next run delivers what has waited.", markup=False)
        for each in left:
            out.print(f"{_words(each.scope)} is still halted, {_since(each)}", markup=False)
    _announce(ended)


def standing_line(halt: Halt) -> str:
    """Say that a process is halted, since when, by whom and why, and how it is resumed."""
    return f"HALTED {_since(halt)}\n  {_remedy(halt.scope)}"


def _scope(process: str | None, *, whole: bool) -> str:
    """Say what is meant: a process that there is, or all. Its definition is not read, for it may be what is broken."""
    if (process is None) is not whole:
        raise UsageError(problem="name a process, or give --all")
    if process is not None and process not in registry.names():
        raise UnknownProcess(name=process, known=", ".join(registry.names()))
    return EVERY if process is None else process


def _on_record(by: str, reason: str) -> None:
    if not by.strip() or not reason.strip():
        raise UsageError(problem="--by and --reason are needed: it stays on record")


def _left(ledger: Ledger, scope: str) -> Sequence[Halt]:
    """List the halts that still hold some of what was resumed."""
    halts = ledger.halts.listed(None if scope == EVERY else scope)
    return [each for each in halts if each.resumed_at is None]


def _show(process: str | None, *, json: bool) -> None:
    with open_ledger() as ledger:
        halts = ledger.halts.listed(process)
    if json:
        print_json([_row(each) for each in halts])
    elif not halts:
        out.print("Nothing was ever halted.")
    else:
        rows = [(_words(h.scope), [h.at, h.resumed_at or "in force"], _who(h), _why(h)) for h in halts]
        table("Halts, the newest first", ("what", "since, until", "by", "why"), rows)


def _who(halt: Halt) -> list[str]:
    return [halt.by, *([halt.resumed_by] if halt.resumed_by else [])]


def _why(halt: Halt) -> list[str]:
    return [halt.reason, *([halt.resumed_reason] if halt.resumed_reason else [])]


def _row(halt: Halt) -> dict[str, object]:
    return {
        "process": None if halt.whole else halt.scope, "all": halt.whole, "by": halt.by, "reason": halt.reason,
        "at": halt.at, "resumed_by": halt.resumed_by, "resumed_reason": halt.resumed_reason,
        "resumed_at": halt.resumed_at,
    }  # fmt: skip


def _words(scope: str) -> str:
    return "Every process" if scope == EVERY else scope


def _since(halt: Halt) -> str:
    return f"since {halt.at:%Y-%m-%d %H:%M} UTC, by {halt.by}: {halt.reason}"


def _remedy(scope: str) -> str:
    return f"fulcrum resume {'--all' if scope == EVERY else scope} --by NAME --reason TEXT"


def _announce(halt: Halt) -> None:
    """Tell the Prefect server, if one answers: the halt holds without it."""
    from deployments.stack.connection import api_there  # noqa: PLC0415 - see deployments/cli/__init__.py

    try:
        with api_there() as url:
            if url is None:
                return
            from tasks.alarms import say_halt  # noqa: PLC0415 - imports Prefect

            for name in registry.names() if halt.whole else [halt.scope]:
                say_halt(registry.process(name), halt)
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not look as if the halt had failed
        say(f"It is on record; the Prefect server could not be told ({type(error).__name__}).")
