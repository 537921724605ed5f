"""What a new process is made of, looked at before anything is written, then written all or nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from deployments.scaffold.declaring import DECLARED, OTHER, extended
from deployments.scaffold.names import Naming
from fulcrum.errors import ScaffoldFailed, ScaffoldRefused

STANZA = "stanza.yaml.j2"

IN_FOLDER = {
    "__init__.py": "__init__.py.j2",
    "cases.py": "cases.py.j2",
    "kinds.yaml": "kinds.yaml.j2",
    "prompt.md": "prompt.md.j2",
    "gates.py": "gates.py.j2",
    "process.py": "process.py.j2",
    "flow.py": "flow.py.j2",
    "samples/inbox/two.jsonl": "two.jsonl.j2",
    "golden.jsonl": "golden.jsonl.j2",
}
"""The files of a process's folder, in the order they are told, with the template of each."""


@dataclass(frozen=True, slots=True)
class Scaffold:
    """What was made: the process's names, and the files, by their paths in the checkout."""

    naming: Naming
    files: tuple[str, ...]

    @property
    def source(self) -> str:
        """Name the folder of the two sample cases."""
        return f"flows/{self.naming.folder}/samples/inbox"


def scaffold(root: Path, naming: Naming) -> Scaffold:
    """Make a process in a checkout: every file, and the stanza last, or nothing.

    Raises ScaffoldRefused where something of it is there already, ScaffoldFailed when a file cannot be written.
    """
    files = rendered(naming)
    _refuse_what_is_there(root, naming, files)
    try:
        declared = extended(root / DECLARED, naming, _render(STANZA, naming))
        _write({root / path: text for path, text in files.items()}, root / DECLARED, declared)
    except OSError as error:
        where = Path(error.filename).name if error.filename else "a file"
        raise ScaffoldFailed(name=naming.name, file=where, reason=error.strerror or type(error).__name__) from None
    return Scaffold(naming, (*files, DECLARED))


def rendered(naming: Naming) -> dict[str, str]:
    """Write the texts of a new process's files, by their paths in the checkout."""
    inside = {f"flows/{naming.folder}/{path}": _render(name, naming) for path, name in IN_FOLDER.items()}
    return inside | {f"tests/flows/test_{naming.folder}.py": _render("test.py.j2", naming)}


def _render(template: str, naming: Naming) -> str:
    # A name such as `no` is no text in YAML, unless it is quoted.
    plain = naming.name if yaml.safe_load(naming.name) == naming.name else json.dumps(naming.name)
    found = _templates().get_template(template)
    return found.render(name=naming.name, title=naming.title, folder=naming.folder, plain=plain)


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=False,  # noqa: S701 - Python, YAML and Markdown, of a name and a title that are plain
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )


def _refuse_what_is_there(root: Path, naming: Naming, files: Mapping[str, str]) -> None:
    if not (root / DECLARED).is_file() or not (root / "flows").is_dir():
        problem = f"{root} has no {DECLARED} beside its flows, so it is no checkout"
        raise ScaffoldRefused(name=naming.name, problem=problem, remedy="run fulcrum of a checkout (make setup)")
    module = f"flows/{naming.folder}"
    for path in (module, f"{module}.py", *files):
        if (root / path).exists() or (root / path).is_symlink():
            raise ScaffoldRefused(name=naming.name, problem=f"{path} is there already", remedy=OTHER)


def _write(files: Mapping[Path, str], declared: Path, stanzas: str) -> None:
    """Write every file, then the stanzas; where one cannot be written, remove what was."""
    with ExitStack() as undo:
        for path, text in files.items():
            for folder in _missing(path.parent):
                folder.mkdir()
                undo.callback(folder.rmdir)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                undo.callback(path.unlink)
                file.write(text)
        _replace(declared, stanzas)
        undo.pop_all()


def _missing(folder: Path) -> Iterator[Path]:
    """Name the folders that are not there yet, the outermost first."""
    yield from reversed([each for each in (folder, *folder.parents) if not each.exists()])


def _replace(file: Path, text: str) -> None:
    """Put a whole text in a file's place at once, so that no reader finds half of it."""
    target = file.resolve()
    with ExitStack() as undo:
        with NamedTemporaryFile(
            "w", dir=target.parent, prefix=f".{file.name}-", encoding="utf-8", newline="", delete=False
        ) as staged:
            undo.callback(Path(staged.name).unlink)
            staged.write(text)
        Path(staged.name).chmod(target.stat().st_mode & 0o7777)
        Path(staged.name).replace(target)
        undo.pop_all()
