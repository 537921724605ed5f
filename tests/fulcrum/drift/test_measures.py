"""The tests behind the checks: against scipy's, against the definition, and how often they err."""

from __future__ import annotations

import random

import pytest

from fulcrum.drift.measures import adjusted, moved, numbers, rates, shares, texts


def drawn(seed: int, cases: int, mean: float = 0.0) -> list[float]:
    chosen = random.Random(seed)  # noqa: S311 - numbers that are the same each time
    return [chosen.gauss(mean, 1) for _ in range(cases)]


@pytest.mark.parametrize("mean", [0.0, 0.2, 1.0])
def test_numbers_are_compared_as_scipy_does(mean: float) -> None:
    """The distance is scipy's, and so is p up to what the limiting distribution leaves out."""
    from scipy.stats import ks_2samp

    one, two = drawn(1, 600), drawn(2, 400, mean)
    known, found = ks_2samp(one, two), numbers(one, two)
    assert found.statistic == pytest.approx(known.statistic)
    assert found.p == pytest.approx(known.pvalue, rel=0.3)


def test_rates_are_compared_as_scipy_does() -> None:
    """Chi-square without a correction where counts are large, Fisher's exact test where they are small."""
    from scipy.stats import chi2_contingency, fisher_exact

    large, small = rates((50, 1_000), (60, 500)), rates((1, 200), (7, 90))
    assert large.p == pytest.approx(chi2_contingency([[50, 950], [60, 440]], correction=False).pvalue)
    assert small.p == pytest.approx(fisher_exact([[1, 199], [7, 83]]).pvalue)
    assert large.effect == pytest.approx(0.07)


def test_one_value_that_moved_among_many_is_seen() -> None:
    """One of sixty values doubles: the test of all together hardly sees it, that of the value that stands out does."""
    from scipy.special import chdtrc

    before = [120, *[24] * 58]
    now = [80, *[7] * 58]
    found = shares(before, now)
    assert found.p < 1e-4
    assert chdtrc(58, found.statistic) > 0.9
    assert found.effect > 0.05


def test_many_values_that_are_drawn_alike_have_moved_nowhere() -> None:
    """The distance between two samples of many values is large by chance alone: that part is no effect."""
    chosen = random.Random(3)  # noqa: S311 - the same each time
    effects, distances = [], []
    for _ in range(20):
        one, two = ([chosen.randrange(200) for _ in range(size)] for size in (500, 300))
        counts = [[side.count(value) for value in range(200)] for side in (one, two)]
        effects.append(shares(*counts).effect)
        distances.append(sum(abs(a / 500 - b / 300) for a, b in zip(*counts, strict=True)) / 2)
    assert sum(effects) / len(effects) < 0.03
    assert sum(distances) / len(distances) > 0.2


@pytest.mark.parametrize("counts", [([10], [5]), ([10, 0], [5, 0]), ([0, 10], [0, 5])])
def test_one_value_alone_cannot_move(counts: tuple[list[int], list[int]]) -> None:
    """Where all cases have one value, there is nothing to find."""
    found = shares(*counts)
    assert (found.p, found.effect) == (1.0, 0.0)


def some_texts(seed: int, cases: int, other: float = 0.0) -> list[tuple[int, ...]]:
    chosen = random.Random(seed)  # noqa: S311 - the same each time
    starts = (2_000 if chosen.random() < other else 0 for _ in range(cases))
    return [tuple({start + int(chosen.paretovariate(0.7)) % 2_000 for _ in range(12)}) for start in starts]


def compared(one: list[tuple[int, ...]], two: list[tuple[int, ...]]) -> tuple[float, float]:
    found = texts(one, two, buckets=4_096, permutations=200, seed=1)
    return found.p, found.effect


def test_texts_of_another_kind_are_found() -> None:
    """A fifth of the texts without a word in common with the others is found, and told to be about a fifth."""
    p, effect = compared(some_texts(1, 800), some_texts(2, 400, other=0.2))
    assert p < 1e-6
    assert 0.1 < effect < 0.3


def test_texts_of_one_kind_are_seldom_told_apart() -> None:
    """Of 200 pairs drawn alike, about as many are below a p as it says, and not three times as many."""
    ps = [compared(some_texts(seed, 150), some_texts(seed + 1_000, 100))[0] for seed in range(200)]
    assert sum(p < 0.05 for p in ps) <= 21
    assert sum(p < 0.005 for p in ps) <= 4


def test_texts_that_are_all_the_same_are_the_same() -> None:
    """Where no shuffle changes anything, there is nothing to find."""
    assert compared([(1, 2)] * 60, [(1, 2)] * 70) == (1.0, 0.0)


def test_adjusted_is_that_of_benjamini_and_hochberg() -> None:
    """The adjusted p values are scipy's, in the order in which they came."""
    from scipy.stats import false_discovery_control

    chosen = random.Random(5)  # noqa: S311 - the same each time
    ps = [chosen.random() ** 3 for _ in range(40)]
    assert adjusted(ps) == pytest.approx(list(false_discovery_control(ps)))
    assert adjusted([]) == []


@pytest.mark.parametrize(
    ("before", "now", "by"), [(1, 1.5, 0.5), (1.5, 1, 0.5), (0, 0, 0), (0, 2, 100), (-1, -2, 1), (1e-300, 1e300, 100)]
)
def test_moved_is_the_same_both_ways(before: float, now: float, by: float) -> None:
    """Half as much again is 0.5, and back as well; from nothing to something is the most that is told."""
    assert moved(before, now) == pytest.approx(by)
