"""Shares of an endpoint: what is fair, and what two workers hold of one limit on a real Prefect server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.loopback import completions_at, wait_for

_names = count()


@pytest.mark.parametrize(
    ("limit", "wanted", "others", "at_once", "fair"),
    [
        (32, 0, 0, 32, 32),
        (32, 5, 0, 32, 32),
        (32, 32, 0, 8, 8),
        (32, 32, 32, 32, 16),
        (32, 32, 64, 32, 11),
        (32, 32, 8, 32, 26),
        (32, 8, 32, 32, 7),
        (32, 0, 32, 32, 0),
        (32, 0, 20, 32, 12),
        (32, 1, 1000, 32, 1),
        (1, 1, 1, 1, 1),
    ],
)
def test_what_is_fair(limit: int, wanted: int, others: int, at_once: int, fair: int) -> None:
    """In proportion to what is wanted, never more than that while others want it, and all of what nobody wants."""
    from tasks.sharing import fair_share

    assert fair_share(limit, wanted, others, at_once) == fair


@given(st.integers(1, 200), st.lists(st.integers(0, 200), min_size=1, max_size=6))
def test_no_place_is_left_over_that_somebody_wants(limit: int, wants: list[int]) -> None:
    """Together the shares cover what is wanted, or the whole limit."""
    from tasks.sharing import fair_share

    wants = [min(want, limit) for want in wants]
    shares = [fair_share(limit, want, sum(wants) - want, limit) for want in wants]
    used = [min(share, want) for share, want in zip(shares, wants, strict=True)]
    assert sum(used) >= min(limit, sum(wants))


def holdings(client: Any, limit: int) -> tuple[Any, Any]:
    """Give two workers' holdings of one new limit."""
    from tasks.slots import Holding

    name = f"test-{next(_names)}"
    one, other = Holding(client, name, limit), Holding(client, name, limit)
    one.declare()
    return one, other


def test_two_workers_never_hold_more_than_there_is(client: Any) -> None:
    """What one holds the other cannot take; what it gives back the other can."""
    one, other = holdings(client, 33)
    one.grow(30)
    other.grow(30)
    assert (one.slots, other.slots, one.others()) == (30, 3, 3)
    assert one.least(17) == 18
    one.shrink(17)
    other.grow(30)
    assert (one.slots, other.slots) == (18, 15)
    one.shrink(0)
    other.shrink(0)
    assert (one.slots, other.others()) == (0, 0)


def test_a_wish_is_replaced(client: Any) -> None:
    """What a worker wants is known to the others as it is now."""
    one, other = holdings(client, 1000)
    for wanted in (32, 5, 0):
        one.replace(wanted)
        assert (one.slots, other.others()) == (wanted, wanted)


def test_a_limit_that_somebody_deleted_is_made_again(client: Any) -> None:
    """The server grants what it does not know, which would be no limit at all."""
    one, other = holdings(client, 4)
    client.delete_global_concurrency_limit_by_name(one.name)
    one.grow(3)
    other.grow(3)
    assert (one.slots, other.slots) == (3, 1)
    one.shrink(0)
    other.shrink(0)


def test_what_was_not_renewed_in_time_is_given_up(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the server gives a lapsed lease to others, its holder stops counting on it; what is renewed stays."""
    from tasks import slots

    one, _ = holdings(client, 4)
    one.grow(2)
    monkeypatch.setattr(slots, "RENEW_S", 0.0)
    one.renew()
    one.forget_lapsed()
    assert one.slots == 2
    monkeypatch.setattr(slots, "LEASE_S", slots.MARGIN_S)
    one.forget_lapsed()
    assert one.slots == 0


@pytest.fixture
def endpoint() -> Iterator[Any]:
    """Give an endpoint on loopback that takes every question and answers none."""
    from fulcrum.ai import line
    from fulcrum.ai.endpoint import Endpoint

    async def hang(_request: Any) -> None:
        await asyncio.sleep(60)

    with completions_at(hang) as port:
        address = f"http://127.0.0.1:{port}/v1"
        yield Endpoint(name=f"hangs-{next(_names)}", base_url=address, model="m", input_price=0, output_price=0,
                       concurrency=8, requests_per_minute=60_000)  # fmt: skip
        line.close()


def test_a_share_follows_what_others_want(client: Any, endpoint: Any) -> None:
    """Alone a run may use the whole endpoint; when another wants as much, it gives half back, and the rate with it."""
    from fulcrum.ai.check import Door
    from fulcrum.ai.conversation import Conversation
    from fulcrum.ai.line import connect
    from fulcrum.ai.prompt import request
    from tasks.sharing import PLENTY, shared_endpoint
    from tasks.slots import Holding

    _, line = connect(endpoint)
    calls = Holding(client, f"model-endpoint.{endpoint.name}.calls", endpoint.concurrency)
    wanted = Holding(client, f"model-endpoint.{endpoint.name}.wanted", PLENTY)
    with shared_endpoint(endpoint):
        assert (line.places.capacity, line.share, calls.others()) == (8, 1.0, 8)
        with Conversation(endpoint) as conversation:
            for number in range(4):
                conversation.send(request(endpoint, "Read.", Door, f"Door {number}").question(f"case{number}", "read"))
            wait_for(lambda: wanted.others() == 4, 15)
            wanted.replace(4)
            wait_for(lambda: (calls.grow(4), calls.slots == 4)[1], 15)
            wait_for(lambda: (line.places.capacity, line.share) == (4, 0.5), 15)
            calls.shrink(0)
            wanted.replace(0)
            wait_for(lambda: line.places.capacity == 8, 15)
        with shared_endpoint(endpoint):
            assert calls.others() == 8
        assert (line.places.capacity, calls.others()) == (8, 8)
    assert (calls.others(), wanted.others()) == (0, 0)
