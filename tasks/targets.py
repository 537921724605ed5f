"""The systems that a process's outcomes take effect in, as an operator has configured them."""

from __future__ import annotations

from contextlib import suppress

from blocks import Target, load_target
from fulcrum.process import Process


def load_targets(process: Process) -> dict[str, Target]:
    """Load a process's target blocks by their references; one that nobody has configured is left out.

    What is due there then stays in the outbox, with the reason.
    """
    targets = {}
    for reference in process.targets:
        # Prefect says so when there is no such block.
        with suppress(ValueError):
            targets[reference] = load_target(reference)
    return targets
