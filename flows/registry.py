"""The processes there are: one folder under `flows/` each, found by name."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fulcrum.errors import UnknownProcess
from fulcrum.process import Process

if TYPE_CHECKING:
    from prefect import Flow

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """List the processes' names, as `invoice-intake`."""
    return sorted(path.parent.name.replace("_", "-") for path in FOLDER.glob("*/process.py"))


def flow_of(name: str) -> Flow[..., Any]:
    """Find a process's flow; it imports Prefect. Raises UnknownProcess."""
    from prefect import Flow  # noqa: PLC0415 - a definition is read without Prefect

    module = import_module(f"flows.{process(name).folder.name}.flow")
    return next(value for value in vars(module).values() if isinstance(value, Flow) and value.name == name)


@cache
def process(name: str) -> Process:
    """Find a process's definition; raise UnknownProcess."""
    if name not in names():
        raise UnknownProcess(name=name, known=", ".join(names()))
    module = import_module(f"flows.{name.replace('-', '_')}.process")
    return next(value for value in vars(module).values() if isinstance(value, Process))
