"""What goes on beside a run: a piece of work repeated in a thread of its own until the run is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from threading import Event, Thread


@contextmanager
def meanwhile(work: Callable[[], None], *, every: float, name: str) -> Iterator[None]:
    """Do some work every so many seconds while the block goes on; what it raises ends it, and not the block."""
    over = Event()

    def repeat() -> None:
        while not over.wait(every):
            work()

    thread = Thread(target=copy_context().run, args=[repeat], name=f"fulcrum-{name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
