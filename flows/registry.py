"""The processes there are: one folder under `flows/` each, found by name."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import cast

from fulcrum.errors import DefinitionError, UnknownProcess
from fulcrum.process import Process
from fulcrum.report import RunReport

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """List the processes' names, as `invoice-intake`."""
    return sorted(path.parent.name.replace("_", "-") for path in FOLDER.glob("*/process.py"))


def flow_of(name: str) -> Callable[..., RunReport]:
    """Find a process's flow, to be called with a source and options; it imports Prefect. Raises UnknownProcess."""
    from prefect import Flow  # noqa: PLC0415 - a definition is read without Prefect

    module = import_module(f"flows.{process(name).folder.name}.flow")
    found = next(value for value in vars(module).values() if isinstance(value, Flow) and value.name == name)
    return cast("Callable[..., RunReport]", found)


@cache
def process(name: str) -> Process:
    """Find a process's definition; raise UnknownProcess, or DefinitionError when its module defines no such one."""
    if name not in names():
        raise UnknownProcess(name=name, known=", ".join(names()))
    module = import_module(f"flows.{name.replace('-', '_')}.process")
    found = [value for value in vars(module).values() if isinstance(value, Process) and value.name == name]
    if not found:
        raise DefinitionError(process=name, field="name", problem=f"is that of no Process in {module.__name__}")
    return found[0]


def readable() -> list[Process]:
    """List the processes whose definition can be read; of another its deployment, or its readiness, says why not."""
    found = []
    for name in names():
        # Whatever a definition raises; the others are not to suffer from it.
        with suppress(Exception):
            found.append(process(name))
    return found
