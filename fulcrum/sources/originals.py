"""The folder that keeps each original's bytes under their hash, so that a case can always be shown as it came."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from fulcrum.errors import OriginalNotFound

_DIGEST = re.compile(r"[0-9a-f]{64}")
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")


class Originals:
    """Keeps files by the SHA-256 of their bytes, as `ab/abcdef….pdf`; the same bytes are kept once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, content: bytes, suffix: str = "") -> str:
        """Store the bytes and give their SHA-256 (64 hex digits); they are on the disk when this returns.

        `suffix` (`.pdf`) only tells a person's programs what it is. A file is there wholly or not at all. One that is
        there already counts as kept now, so that housekeeping does not remove it under a case that is about to come.
        """
        digest = sha256(content).hexdigest()
        folder = self.folder / digest[:2]
        if (there := self._find(digest)) is not None:
            with suppress(FileNotFoundError):
                os.utime(there)
        if self._find(digest) is None:
            folder.mkdir(parents=True, exist_ok=True)
            _write(folder / f"{digest}{suffix if _SUFFIX.fullmatch(suffix) else ''}", content)
        return digest

    def path(self, digest: str) -> Path:
        """Give the file that holds the original; raises OriginalNotFound."""
        found = self._find(digest) if _DIGEST.fullmatch(digest) else None
        if found is None:
            raise OriginalNotFound(digest=digest[:12], folder=self.folder)
        return found

    def open(self, digest: str) -> BinaryIO:
        """Open the original for reading bytes; raises OriginalNotFound."""
        return self.path(digest).open("rb")

    def kept(self) -> Iterator[tuple[str, datetime]]:
        """List the originals that are there, each by its digest, and when it was kept last."""
        for path in sorted(self.folder.glob("[0-9a-f][0-9a-f]/*")):
            digest = path.name.partition(".")[0]
            if _DIGEST.fullmatch(digest):
                with suppress(FileNotFoundError):
                    yield digest, datetime.fromtimestamp(path.stat().st_mtime, UTC)

    def remove(self, digest: str) -> None:
        """Remove an original; one that is gone already is no error."""
        for path in (self.folder / digest[:2]).glob(f"{digest}*"):
            path.unlink(missing_ok=True)

    def _find(self, digest: str) -> Path | None:
        return next((self.folder / digest[:2]).glob(f"{digest}*"), None)


def _write(path: Path, content: bytes) -> None:
    """Write beside the place and rename into it, each step on the disk before the next."""
    handle, part = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(part).replace(path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
