"""The secret that requests to the sample help desk are signed with: made once, kept in the home."""

from __future__ import annotations

import fcntl
import os
from base64 import b64encode
from pathlib import Path
from secrets import token_bytes


def secret_of(home: Path) -> str:
    """Read the home's secret, `whsec_` and 32 random bytes in base64; the first to ask makes it, for its user alone."""
    home.mkdir(parents=True, exist_ok=True)
    handle = os.open(home / "help-desk.secret", os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(handle, "r+", encoding="ascii") as file:
        # Whoever comes meanwhile waits here, and then reads what stands there.
        fcntl.flock(file, fcntl.LOCK_EX)
        found = file.read().strip()
        return found or _written(file.fileno())


def _written(handle: int) -> str:
    secret = f"whsec_{b64encode(token_bytes(32)).decode()}"
    os.write(handle, f"{secret}\n".encode())
    os.fsync(handle)
    return secret
