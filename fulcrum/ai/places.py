"""How many calls an endpoint takes at once, and who is next: the oldest conversation, in the order of its questions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from heapq import heappop, heappush
from itertools import count


class Places:
    """Places for calls on one event loop, whose thread alone may touch them.

    A batch that is finished first can go on to its gate while a later one is being asked, so the older conversation
    comes first; a later one takes the places that it leaves free. `capacity` may change at any time: calls under way
    go on, and none begins until fewer than `capacity` are.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._taken = 0
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._number = count()

    @property
    def capacity(self) -> int:
        """Say how many calls may be under way."""
        return self._capacity

    @capacity.setter
    def capacity(self, capacity: int) -> None:
        self._capacity = capacity
        self._admit()

    @property
    def taken(self) -> int:
        """Count the calls that are under way."""
        return self._taken

    @property
    def wanted(self) -> int:
        """Count the calls that are under way or wait for a place."""
        return self._taken + sum(not waiting.done() for _, _, waiting in self._waiting)

    @asynccontextmanager
    async def one(self, order: int) -> AsyncIterator[None]:
        """Hold a place for the length of a block; of those that wait the lowest `order` is first, then the longest."""
        await self._take(order)
        try:
            yield
        finally:
            self._give_back()

    async def _take(self, order: int) -> None:
        if self._taken < self._capacity and not self._waiting:
            self._taken += 1
            return
        admitted = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (order, next(self._number), admitted))
        self._admit()
        try:
            await admitted
        except asyncio.CancelledError:
            if admitted.done() and not admitted.cancelled():
                self._give_back()
            raise

    def _give_back(self) -> None:
        self._taken -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and (self._taken < self._capacity or self._waiting[0][2].done()):
            admitted = heappop(self._waiting)[2]
            if not admitted.done():
                self._taken += 1
                admitted.set_result(None)
