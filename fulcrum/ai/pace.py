"""How fast an endpoint may be asked: credit that is granted over time, spent by calls in the order they came."""

from __future__ import annotations

import asyncio
from collections import deque


class Pace:
    """Credit of one kind (requests, or tokens) on one event loop, whose thread alone may touch it.

    Without a limit everything is granted at once; with one the line grants it by the clock.
    """

    def __init__(self, per_minute: int | None) -> None:
        self.per_minute = per_minute
        self._credit = 0.0
        self._waiting: deque[tuple[float, asyncio.Future[None]]] = deque()

    @property
    def owed(self) -> float:
        """Say how much is missing for those that wait; below zero, how much credit is left."""
        return sum(amount for amount, waiting in self._waiting if not waiting.done()) - self._credit

    async def spend(self, amount: float) -> None:
        """Wait until the credit covers an amount, and take it."""
        if self.per_minute is None:
            return
        granted = asyncio.get_running_loop().create_future()
        self._waiting.append((amount, granted))
        self._serve()
        await granted

    def grant(self, amount: float) -> None:
        """Add credit."""
        self._credit += amount
        self._serve()

    def settle(self, expected: float, actual: float) -> None:
        """Correct what a call has spent once its true amount is known; that may leave less than nothing."""
        self._credit += expected - actual
        self._serve()

    def _serve(self) -> None:
        """Serve those that wait; one that needs more than a minute's credit goes when it is its turn and some is left.

        Otherwise a single question larger than the limit would stop all that follow it.
        """
        largest = self.per_minute or 0
        while self._waiting and (self._waiting[0][1].done() or self._credit >= min(self._waiting[0][0], largest)):
            amount, granted = self._waiting.popleft()
            if not granted.done():
                self._credit -= amount
                granted.set_result(None)
