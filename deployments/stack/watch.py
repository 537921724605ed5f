"""Supervision: a child of the stack that ends by itself is said and started again, ever later if it keeps ending."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from deployments.stack.child import Child
from fulcrum.errors import StackError

SHORTEST, LONGEST = 1.0, 60.0
"""Seconds before the first and before the latest start again; the wait doubles in between."""
STEADY = 60.0
"""Seconds after which a child that ends is taken to have run well."""

Say: TypeAlias = Callable[[str], None]
"""Takes a line for the terminal."""


@dataclass
class Watched:
    """A child under supervision; each time it ends early, the wait before its next start doubles."""

    child: Child
    wait: float = SHORTEST
    started: float = field(default_factory=time.monotonic)
    due: float | None = None

    def look(self, say: Say) -> bool:
        """Start it again when it has ended and its wait is over; tell whether that was done."""
        if self.child.exit_code is None:
            return False
        now = time.monotonic()
        if self.due is None:
            self.wait = SHORTEST if now - self.started > STEADY else min(self.wait * 2, LONGEST)
            self.due = now + self.wait
            say(
                f"The {self.child.name} ended (exit code {self.child.exit_code}) and is started again: {self.child.log}"
            )
        if now < self.due:
            return False
        self.started, self.due = now, None
        return self._start(say)

    def _start(self, say: Say) -> bool:
        self.child.stop()
        try:
            self.child.start()
        except StackError as error:
            say(str(error))
            return False
        return True
