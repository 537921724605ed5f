"""Places and pace: who is next, how many at once, how fast, on an event loop without any endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fulcrum.ai.pace import Pace
from fulcrum.ai.places import Places


def at_rest(work: Callable[[], Awaitable[None]]) -> None:
    """Run a coroutine to its end."""
    asyncio.run(asyncio.wait_for(_awaited(work), 20))


async def _awaited(work: Callable[[], Awaitable[None]]) -> None:
    await work()


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def spending(pace: Pace, went: list[int], *amounts: int) -> list[asyncio.Task[None]]:
    """Let calls spend, one after another; each amount is noted when it is covered."""

    async def spend(amount: int) -> None:
        await pace.spend(amount)
        went.append(amount)

    waiting = [asyncio.create_task(spend(amount)) for amount in amounts]
    await settle()
    return waiting


def test_the_oldest_conversation_is_next() -> None:
    """Of those that wait the lowest order goes first, and within an order who came first."""
    went: list[str] = []

    async def call(places: Places, order: int, name: str) -> None:
        async with places.one(order):
            went.append(name)
            await asyncio.sleep(0)

    async def work() -> None:
        places = Places(1)
        names = [(2, "c1"), (1, "b1"), (2, "c2"), (0, "a1"), (1, "b2"), (0, "a2")]
        await asyncio.gather(*(call(places, order, name) for order, name in names))

    at_rest(work)
    assert went == ["c1", "a1", "a2", "b1", "b2", "c2"]


def test_fewer_places_stop_nobody_and_let_fewer_in() -> None:
    """Calls under way go on when the capacity sinks; the next begins once fewer than that are under way."""

    async def work() -> None:
        places, over = Places(3), asyncio.Event()

        async def call() -> None:
            async with places.one(0):
                await over.wait()

        calls = [asyncio.create_task(call()) for _ in range(5)]
        await settle()
        assert (places.taken, places.wanted) == (3, 5)
        places.capacity = 1
        over.set()
        await settle()
        assert (places.taken, places.wanted) == (0, 0)
        over.clear()
        calls += [asyncio.create_task(call()) for _ in range(2)]
        await settle()
        assert (places.taken, places.wanted) == (1, 2)
        places.capacity = 2
        await settle()
        assert places.taken == 2
        over.set()
        await asyncio.gather(*calls)

    at_rest(work)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=30), st.integers(1, 4))
def test_no_place_is_lost_whoever_gives_up(calls: list[tuple[int, bool]], capacity: int) -> None:
    """However many calls are cancelled, waiting or under way, all places are free in the end and all others ran."""
    ran: list[int] = []

    async def work() -> None:
        places = Places(capacity)

        async def call(number: int) -> None:
            async with places.one(calls[number][0]):
                await asyncio.sleep(0)
                assert places.taken <= capacity
                ran.append(number)

        tasks = [asyncio.create_task(call(number)) for number in range(len(calls))]
        await asyncio.sleep(0)
        for task, (_, cancelled) in zip(tasks, calls, strict=True):
            if cancelled:
                task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        assert (places.taken, places.wanted) == (0, 0)

    at_rest(work)
    assert {number for number, (_, cancelled) in enumerate(calls) if not cancelled} <= set(ran)


def test_without_a_limit_nobody_waits() -> None:
    """An endpoint without a rate is asked at once."""

    async def work() -> None:
        await Pace(None).spend(1_000_000)

    at_rest(work)


def test_credit_is_spent_in_order() -> None:
    """A large question is not overtaken by small ones, or it would wait for ever."""
    went: list[int] = []

    async def work() -> None:
        pace = Pace(600)
        waiting = await spending(pace, went, 5, 100, 1, 2)
        assert (went, pace.owed) == ([], 108)
        for expected in ([5], [5, 100, 1], [5, 100, 1, 2]):
            pace.grant(53)
            await settle()
            assert went == expected
        await asyncio.gather(*waiting)

    at_rest(work)


def test_a_question_larger_than_the_limit_is_asked_and_paid_off() -> None:
    """It goes when a minute's credit is there; what follows waits until its debt is granted."""
    went: list[int] = []

    async def work() -> None:
        pace = Pace(10)
        waiting = await spending(pace, went, 25, 1)
        pace.grant(10)
        await settle()
        assert (went, pace.owed) == ([25], 16)
        pace.grant(16)
        await asyncio.gather(*waiting)

    at_rest(work)


@pytest.mark.parametrize(("actual", "owed"), [(30, -20), (50, 0), (80, 30)])
def test_what_was_expected_is_corrected(actual: int, owed: int) -> None:
    """A call that used less leaves credit, one that used more leaves a debt."""

    async def work() -> None:
        pace = Pace(600)
        pace.grant(50)
        await pace.spend(50)
        pace.settle(50, actual)
        assert pace.owed == owed

    at_rest(work)
