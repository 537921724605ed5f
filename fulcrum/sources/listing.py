"""Find the files that a source names, and what to call them."""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from fulcrum.errors import SourceNotFound, SourceUnreadable
from fulcrum.sources.text import fingerprint, storable, storable_id

KINDS = {".txt": "txt", ".pdf": "pdf", ".jsonl": "jsonl", ".csv": "csv", ".jsonl.gz": "jsonl", ".csv.gz": "csv"}
"""How a name ends, whatever the case of its letters, and so how the file is read."""

NAMED_AT_MOST = 10
NAME_AT_MOST = 400

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to read. `name` is relative to its folder, with slashes, fit to be stored; `kind` is one of KINDS."""

    path: Path
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a source, sorted by name, and the names of those that are of no kind that can be read."""

    files: tuple[SourceFile, ...]
    skipped: tuple[str, ...] = ()


def listing(source: str) -> Listing:
    """Find the files of a source: one file, a folder with all below it, or a glob.

    Folders that are hidden (.name) are not entered, links to folders not followed. Other files are skipped, counted
    and named in the log. Raises SourceNotFound when nothing is there or nothing matches, SourceUnreadable when
    one file is named that is of no kind that can be read. An empty folder is a source without cases.
    """
    if not source:
        raise SourceNotFound(source="''")
    path = Path(source)
    try:
        if path.is_dir():
            return _sorted_out(path, _below(path))
        if path.exists():
            return Listing((_single(path, source),))
        matches = glob.glob(source, recursive=True)  # noqa: PTH207 - Path.glob refuses absolute patterns
    except (OSError, ValueError):
        matches = []
    if not matches:
        raise SourceNotFound(source=storable(source))
    return _sorted_out(_fixed_part(source), _files_of(map(Path, matches)))


def _single(path: Path, source: str) -> SourceFile:
    kind = _kind(path)
    if kind is None:
        reason = f"its name ends in none of {', '.join(KINDS)}" if path.is_file() else "it is no regular file"
        raise SourceUnreadable(source=source, kind="a source", reason=reason)
    return SourceFile(path, _name(path, path.parent), kind)


def _sorted_out(folder: Path, paths: Iterable[Path]) -> Listing:
    files: list[SourceFile] = []
    skipped: list[str] = []
    for path in paths:
        # A link in an inbox could point at any file of this machine; one that is named itself is followed.
        name, kind = _name(path, folder), None if path.is_symlink() else _kind(path)
        if kind is None:
            skipped.append(name)
        else:
            files.append(SourceFile(path, name, kind))
    skipped.sort()
    if skipped:
        shown = ", ".join(repr(name) for name in skipped[:NAMED_AT_MOST])
        log.warning("%d file(s) are of no kind that can be read and were skipped, the first: %s", len(skipped), shown)
    return Listing(tuple(sorted(files, key=lambda file: file.name)), tuple(skipped))


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder, onerror=_refuse):
        # What hides lies there for other programs: .git, or the originals that were kept of these very files.
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent, name) for name in names)


def _refuse(error: OSError) -> NoReturn:
    # To pass over a folder that may not be listed would lose all its cases without a word.
    raise SourceUnreadable(source=error.filename, kind="a folder", reason=error.strerror)


def _files_of(matches: Iterable[Path]) -> Iterator[Path]:
    """Give the files matched and those in folders matched, each once."""
    seen: set[Path] = set()
    for match in matches:
        for path in _below(match) if match.is_dir() else (match,):
            if path not in seen:
                seen.add(path)
                yield path


def _fixed_part(pattern: str) -> Path:
    """Give the folder before the first wildcard, so that a file has one name however it was found."""
    parts = Path(pattern).parts
    fixed = next(i for i, part in enumerate((*parts, "*")) if glob.has_magic(part))
    return Path(*parts[: min(fixed, len(parts) - 1)])


def _kind(path: Path) -> str | None:
    name = path.name.lower()
    kind = next((kind for ending, kind in KINDS.items() if name.endswith(ending)), None)
    # A pipe or a device would make the reader wait for ever.
    return kind if path.is_file() else None


def _name(path: Path, folder: Path) -> str:
    relative = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()
    name = storable_id(relative)
    return name if len(name) <= NAME_AT_MOST else f"{name[-NAME_AT_MOST:]}#{fingerprint(os.fsencode(relative))}"
