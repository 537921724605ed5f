"""How fast the machine is at present: a fixed piece of work, so that a figure of a busy hour can be put beside others.

A virtual machine shares its cores: the same work has been seen to take 1.6 times the CPU seconds a minute later.
"""

from __future__ import annotations

import time

ROUNDS = 60_000


def yardstick() -> float:
    """Do the work once and give the CPU seconds that it took."""
    began = time.process_time()
    kept: dict[int, int] = {}
    total = 0
    for number in range(ROUNDS):
        total += number * number
        kept[number % 1000] = total
    return time.process_time() - began
