"""Open a file of records, compressed or not."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import BinaryIO, cast


def opened(path: Path) -> BinaryIO:
    """Open a file for reading bytes; one whose name ends in .gz is unpacked as it is read. Raises OSError."""
    if path.name.lower().endswith(".gz"):
        return cast("BinaryIO", gzip.open(path, "rb"))
    return path.open("rb")
