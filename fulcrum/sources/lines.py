"""Read a stream line by line without trusting the length of any line."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO

MAX_LINE_BYTES = 8_000_000
"""A line that holds the longest text allowed, a million characters, fits however it is escaped."""

HEAD_BYTES = 400_000
"""What is kept of a longer line: 100,000 characters of at most four bytes."""

PIECE_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end; `number` counts from 1.

    Where `problem` says that the line cannot be used, `content` is only its head. `fingerprint` is of all its bytes.
    """

    number: int
    content: bytes
    problem: str | None = None
    digest: str | None = None

    @property
    def fingerprint(self) -> str:
        """Hash the whole line to 8 hex digits."""
        return self.digest or sha256(self.content).hexdigest()[:8]


def lines(stream: BinaryIO, *, blank: bool = False) -> Iterator[Line]:
    """Give the lines that are not blank (or all of them), without a byte order mark at the very start.

    One longer than MAX_LINE_BYTES comes with a problem and its head. Where the stream breaks off (a cut .gz) the
    last line says so. At most one line is in memory.
    """
    number = 0
    try:
        while piece := stream.readline(MAX_LINE_BYTES + 1):
            number += 1
            if number == 1:
                piece = piece.removeprefix(codecs.BOM_UTF8)
            if len(piece) > MAX_LINE_BYTES and not piece.endswith(b"\n"):
                yield _overlong(stream, number, piece)
            elif (content := _ended(piece)) or blank:
                yield Line(number, content)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "the compressed data is broken or cut off"
        yield Line(number + 1, b"", f"and all after it cannot be read: {reason}")


def _ended(piece: bytes) -> bytes:
    content = piece.removesuffix(b"\n").removesuffix(b"\r")
    return b"" if content.isspace() else content


def _overlong(stream: BinaryIO, number: int, head: bytes) -> Line:
    """Skip the rest of a line that is too long, hashing and counting it in pieces."""
    digest, length = sha256(head), len(head)
    head = head[:HEAD_BYTES]
    while piece := stream.readline(PIECE_BYTES):
        body = piece.removesuffix(b"\n")
        digest.update(body)
        length += len(body)
        if len(body) < len(piece):
            break
    return Line(number, head, f"is {length:,} bytes long, more than {MAX_LINE_BYTES:,}", digest.hexdigest()[:8])
