"""Several who act on one ledger at the same moment, each through a ledger object of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime
from threading import Barrier
from typing import TypeVar

from fulcrum.ledger import Ledger

T = TypeVar("T")

AT_ONCE = 8


@contextmanager
def several(url: str, clock: Callable[[], datetime]) -> Iterator[list[Ledger]]:
    """Open a ledger for each of those who act at once."""
    with ExitStack() as stack:
        yield [stack.enter_context(Ledger.open(url, clock=clock)) for _ in range(AT_ONCE)]


def at_once(ledgers: Sequence[Ledger], act: Callable[[Ledger, int], T]) -> list[T]:
    """Let each act at the same moment; give what comes of it, in order."""
    together = Barrier(len(ledgers))

    def one(number: int) -> T:
        together.wait()
        return act(ledgers[number], number)

    with ThreadPoolExecutor(len(ledgers)) as pool:
        return list(pool.map(one, range(len(ledgers))))
