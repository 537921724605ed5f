"""The key that opens reviewers' secrets: from the environment, or from a Prefect Secret block."""

from __future__ import annotations

import os

from prefect.blocks.system import Secret

from fulcrum.errors import KeyMissing
from fulcrum.sealing import SECRET, VARIABLE, Seal


def reviewers_seal() -> Seal:
    """Give what opens reviewers' secrets. Raises KeyMissing, or KeyUnusable where the key is none."""
    given = os.environ.get(VARIABLE, "").strip()
    return Seal(given or _kept())


def _kept() -> str:
    try:
        block = Secret.load(SECRET)
    except ValueError:
        # Prefect says so when there is no such block.
        raise KeyMissing from None
    assert isinstance(block, Secret)  # noqa: S101 - Prefect's `load` is typed as possibly async
    return str(block.get())
