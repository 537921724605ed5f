"""What a process's code imports and calls, read from its syntax trees; nothing of it is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FLOW = "flow.py"

STEPS = ("process_run", "take_in", "check", "ask", "route", "deliver", "request_reviews")
"""The standard steps that every flow is written with, in the procedure's order."""

WORDS = frozenset({"__future__", "typing", "collections.abc", "datetime", "decimal"})
"""Modules whose names a signature needs, and which do nothing."""

DOORS = {
    "openai": "a model", "anthropic": "a model", "litellm": "a model", "ollama": "a model", "transformers": "a model",
    "mistralai": "a model", "google.genai": "a model", "fulcrum.ai.ask": "a model", "fulcrum.ai.line": "a model",
    "fulcrum.ai.conversation": "a model",
    "sqlalchemy": "a database", "psycopg": "a database", "psycopg2": "a database", "sqlite3": "a database",
    "asyncpg": "a database", "aiosqlite": "a database", "pymysql": "a database", "duckdb": "a database",
    "fulcrum.ledger": "the ledger", "fulcrum.delivery": "a target", "fulcrum.targets": "a target",
    "blocks": "a block", "deployments": "the stack",
    "httpx": "the network", "requests": "the network", "urllib.request": "the network", "urllib3": "the network",
    "aiohttp": "the network", "http": "the network", "socket": "the network", "websockets": "the network",
    "smtplib": "the network", "ftplib": "the network",
    "subprocess": "another program", "importlib": "a module by its name",
}  # fmt: skip
"""What leads past the standard steps, by module, and where to."""

CALLS = {"__import__": "a module by its name", "exec": "code from text", "eval": "code from text"}


@dataclass(frozen=True, slots=True)
class Import:
    """An import: the module, the name taken from it (empty for the module itself) and its line."""

    module: str
    name: str
    line: int

    @property
    def full(self) -> str:
        """Give module and name, which may be a module itself."""
        return f"{self.module}.{self.name}" if self.name else self.module

    def within(self, package: str) -> bool:
        """Tell whether it takes something of a package."""
        return any(path == package or path.startswith(f"{package}.") for path in (self.module, self.full))


def flow_problems(folder: Path, process: str) -> list[str]:
    """Say where a process's flow leaves the standard steps."""
    try:
        tree = _tree(folder / FLOW)
    except (OSError, SyntaxError, ValueError) as error:
        return [f"{FLOW} cannot be read ({type(error).__name__})"]
    package = f"flows.{folder.name}"
    odd = [f"{FLOW}:{i.line} imports {i.full}" for i in _imports(tree, package) if not _standard(i, package)]
    body = next(
        (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and _is_flow(node, process)), None
    )
    if body is None:
        return [*odd, f'{FLOW} has no function that is @flow(name="{process}")']
    called = [_name(node.func) for node in ast.walk(body) if isinstance(node, ast.Call)]
    missing = [f"the flow never calls {step}" for step in STEPS if step not in called]
    once = ["the flow calls check once: a gate before and one after"] if called.count("check") == 1 else []
    return [*odd, *missing, *once]


def direct_problems(folder: Path) -> list[str]:
    """Say where a process's code, as far as its flow imports it, goes to a model, a database or the network itself."""
    return [problem for file, tree in _reached(folder) for problem in _direct(file.relative_to(folder), tree, folder)]


def tests_in(file: Path) -> int | None:
    """Count a file's test functions; None when there is no such file, or it is no Python."""
    try:
        tree = _tree(file)
    except (OSError, SyntaxError, ValueError):
        return None
    return sum(isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for node in ast.walk(tree))


def _direct(file: Path, tree: ast.Module, folder: Path) -> Iterator[str]:
    package = f"flows.{folder.name}"
    for found in _imports(tree, _package_of(file, package)):
        where = next((place for door, place in DOORS.items() if found.within(door)), None)
        if where is None and found.within("flows") and not found.within(package):
            where = "another process"
        if where is not None:
            yield f"{file}:{found.line} imports {found.full}: {where}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
            yield f"{file}:{node.lineno} calls {node.func.id}: {CALLS[node.func.id]}"


def _reached(folder: Path) -> Iterator[tuple[Path, ast.Module]]:
    """Give the folder's files that its flow imports, itself among them, each once."""
    waiting, seen = [folder / "__init__.py", folder / FLOW], set()
    while waiting:
        file = waiting.pop()
        if file in seen or not file.is_file():
            continue
        seen.add(file)
        try:
            tree = _tree(file)
        except (SyntaxError, ValueError):
            continue
        yield file, tree
        package = f"flows.{folder.name}"
        for found in _imports(tree, _package_of(file.relative_to(folder), package)):
            for path in (found.module, found.full):
                if path.startswith(f"{package}."):
                    place = folder.joinpath(*path.removeprefix(f"{package}.").split("."))
                    waiting += [place.with_suffix(".py"), place / "__init__.py"]


def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _package_of(file: Path, package: str) -> str:
    """Name the package that a file's relative imports start from."""
    return ".".join((package, *file.parent.parts))


def _imports(tree: ast.Module, package: str) -> Iterator[Import]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, "", node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from (Import(module, alias.name, node.lineno) for alias in node.names)


def _standard(found: Import, package: str) -> bool:
    if found.full == "prefect.flow" or found.module in WORDS:
        return True
    return any(found.within(place) for place in ("tasks", package, "fulcrum.report", "fulcrum.process"))


def _is_flow(node: ast.FunctionDef, process: str) -> bool:
    calls = [mark for mark in node.decorator_list if isinstance(mark, ast.Call) and _name(mark.func) == "flow"]
    named = (word.value for call in calls for word in call.keywords if word.arg == "name")
    return any(isinstance(value, ast.Constant) and value.value == process for value in named)


def _name(called: ast.expr) -> str:
    """Name what a call calls: `ask` for `ask(...)` and for `ask.submit(...)`."""
    if isinstance(called, ast.Attribute):
        return _name(called.value) if called.attr in {"submit", "map"} else called.attr
    return called.id if isinstance(called, ast.Name) else ""
