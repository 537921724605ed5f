"""Many questions to one endpoint at once, for a caller that is not async: send them, take answers as they arrive."""

from __future__ import annotations

import asyncio
from itertools import count
from threading import Condition
from time import monotonic
from types import TracebackType
from typing import Self

from fulcrum.ai.endpoint import Endpoint
from fulcrum.ai.line import Clock, connect, unavailable, utc_now
from fulcrum.ai.question import Answer, Question

AHEAD = 2
"""Questions handed to the endpoint for each it takes at once: enough that none of its places waits for the ledger."""

GIVE_UP_AFTER = 8
"""Failures in a row, with nothing heard from the endpoint in between, after which a conversation stops asking."""

_order = count()


class Conversation:
    """Questions under way at one endpoint; conversations with the same endpoint share its client and its places.

    The older conversation's questions come first, so that batches are done one after another.

    Once the endpoint has failed `give_up_after` times in a row, the questions that wait are answered `unavailable`
    without a call, so that a dead endpoint does not cost a time-out a question. A later conversation tries again.
    Leaving the `with` block cancels what is outstanding. `clock` says when a question was asked. Raises
    EndpointMisconfigured.
    """

    def __init__(self, endpoint: Endpoint, give_up_after: int = GIVE_UP_AFTER, *, clock: Clock = utc_now) -> None:
        self.endpoint = endpoint
        self._clock = clock
        self._loop, self._line = connect(endpoint)
        self._changed = Condition()
        self._under_way = 0
        self._arrived: list[Answer] = []
        self._broken: BaseException | None = None
        self._over = False
        self._no_more = False
        # The loop's thread alone touches what follows.
        self._tasks: set[asyncio.Task[Answer]] = set()
        self._give_up_after = give_up_after
        self._failures = 0
        self._heard = self._line.heard
        self._order = next(_order)

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cancel what is outstanding."""
        self.cancel()

    @property
    def outstanding(self) -> int:
        """Count the questions that are sent and whose answers are not taken yet."""
        with self._changed:
            return self._under_way + len(self._arrived)

    def send(self, question: Question) -> None:
        """Ask as soon as the endpoint has a place free; never blocks."""
        with self._changed:
            if self._over:
                msg = "this conversation is over; open another"
                raise RuntimeError(msg)
            self._loop.call_soon_threadsafe(self._begin, question)
            self._under_way += 1

    def arrivals(self, timeout: float | None = None) -> list[Answer]:
        """Wait until an answer is there and take all that are; [] when nothing is outstanding or `timeout` s are over.

        Several threads may wait; each answer goes to one of them.
        """
        deadline = None if timeout is None else monotonic() + timeout
        with self._changed:
            while self._under_way and not self._arrived and self._broken is None:
                left = None if deadline is None else deadline - monotonic()
                if left is not None and left <= 0:
                    return []
                self._changed.wait(left)
            if self._broken is not None:
                raise self._broken
            taken, self._arrived = self._arrived, []
            return taken

    def ask_no_more(self) -> None:
        """Answer what has no place at the endpoint yet as `unavailable`; what it is busy with still arrives."""
        self._no_more = True

    def cancel(self) -> None:
        """Give up what is outstanding and wait until it has ended; what has arrived can still be taken."""
        with self._changed:
            self._over = True
            if self._under_way:
                self._loop.call_soon_threadsafe(self._cancel_all)
                self._changed.wait_for(lambda: not self._under_way)

    def _begin(self, question: Question) -> None:
        task = self._loop.create_task(self._ask(question))
        self._tasks.add(task)
        task.add_done_callback(self._end)

    def _cancel_all(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _end(self, task: asyncio.Task[Answer]) -> None:
        self._tasks.discard(task)
        with self._changed:
            self._under_way -= 1
            if not task.cancelled():
                self._broken = self._broken or task.exception()
                if task.exception() is None:
                    self._arrived.append(task.result())
            self._changed.notify_all()

    async def _ask(self, question: Question) -> Answer:
        async with self._line.places.one(self._order):
            if self._no_more or self._given_up:
                return unavailable(question)
            answer = await self._line.ask(question, self._clock)
            self._count(answer)
            return answer

    def _count(self, answer: Answer) -> None:
        if self._heard != self._line.heard:
            self._heard, self._failures = self._line.heard, 0
        self._failures += answer.transient

    @property
    def _given_up(self) -> bool:
        """Tell whether the endpoint is gone; an answer to any conversation takes it back."""
        return self._failures >= self._give_up_after and self._heard == self._line.heard


def ask_once(endpoint: Endpoint, question: Question) -> Answer:
    """Ask one question and wait for its answer."""
    with Conversation(endpoint) as conversation:
        conversation.send(question)
        return conversation.arrivals()[0]
