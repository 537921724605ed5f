"""How a run keeps batches under way: in order, not too far ahead, and finishing what is begun when something fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st


@dataclass
class Made:
    """Results under way, made one by one as they are asked for; some fail when they are waited for."""

    failing: frozenset[int] = frozenset()
    under_way: set[int] = field(default_factory=set)
    most: int = 0

    def futures(self, count: int, *, then: type[Exception] | None = None) -> Iterator[Any]:
        for number in range(count):
            self.under_way.add(number)
            self.most = max(self.most, len(self.under_way))
            yield _Future(self, number)
        if then is not None:
            raise then


@dataclass
class _Future:
    made: Made
    number: int

    def result(self) -> int:
        self.made.under_way.discard(self.number)
        if self.number in self.made.failing:
            raise IndexError(self.number)
        return self.number


def heard(stream: Iterator[int]) -> tuple[list[int], type[Exception] | None]:
    """Listen to the end; give what came, and the failure that ended it."""
    came: list[int] = []
    try:
        for result in stream:
            came.append(result)  # noqa: PERF402 - what came before a failure counts
    except LookupError as error:
        return came, type(error)
    return came, None


@settings(deadline=None)
@given(count=st.integers(0, 9), batches=st.integers(0, 4))
def test_results_come_in_order_and_only_so_many_are_ahead(count: int, batches: int) -> None:
    """Every result comes once and in order, while no more than the one awaited and `batches` more are under way."""
    from tasks.run import ahead

    made = Made()
    assert list(ahead(made.futures(count), batches=batches)) == list(range(count))
    assert made.most <= batches + 1
    assert made.under_way == set()


@settings(deadline=None)
@given(count=st.integers(0, 9), batches=st.integers(0, 4))
def test_when_the_next_cannot_be_made_what_is_begun_is_finished(count: int, batches: int) -> None:
    """All results under way still come before the failure is told."""
    from tasks.run import ahead

    made = Made()
    assert heard(ahead(made.futures(count, then=KeyError), batches=batches)) == (list(range(count)), KeyError)
    assert made.under_way == set()


def test_a_result_that_fails_is_told_in_its_place() -> None:
    """The results before it have come; nothing further is begun."""
    from tasks.run import ahead

    made = Made(failing=frozenset({2}))
    assert heard(ahead(made.futures(9), batches=1)) == ([0, 1], IndexError)
    assert made.under_way == {3}
