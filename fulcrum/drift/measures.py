"""The tests behind the checks: two samples in, statistic, p and effect out (pure; numpy and scipy, imported on use)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SMALL = 5.0
"""An expected count below this is too small for the chi-square approximation (Cochran 1954)."""
MOST = 100.0
"""A ratio is told up to this: beyond, how many times more it is says nothing."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a test found; the unit of `effect` is the test's own."""

    statistic: float
    p: float
    effect: float


def numbers(reference: Sequence[float], window: Sequence[float]) -> Measured:
    """Compare two samples of finite numbers: Kolmogorov-Smirnov, whose distance is the effect (0 to 1).

    The p is that of the limiting distribution (Kolmogorov 1933, Smirnov 1948); with ties, and with few cases, it is
    too large rather than too small.
    """
    import numpy as np  # noqa: PLC0415 - heavy, and `fulcrum --help` needs none of it
    from scipy.special import kolmogorov  # noqa: PLC0415 - the same

    one, two = np.sort(np.asarray(reference, dtype=float)), np.sort(np.asarray(window, dtype=float))
    every = np.concatenate([one, two])
    below = np.searchsorted(one, every, "right") / one.size - np.searchsorted(two, every, "right") / two.size
    distance = float(np.abs(below).max())
    size = one.size * two.size / (one.size + two.size)
    return Measured(distance, float(kolmogorov(math.sqrt(size) * distance)), distance)


def moved(before: float, now: float) -> float:
    """Tell by how much of the smaller of two figures the other one is larger: 0.5 is half as much again, or back."""
    small, large = sorted((abs(before), abs(now)))
    if small == large:
        return 0.0
    return min((large - small) / small, MOST) if small else MOST


def shares(reference: Sequence[int], window: Sequence[int]) -> Measured:
    """Compare how often each of some values was counted on either side; both are in the same order.

    Two tests, of which the smaller p counts, doubled: Pearson's chi-square after the values with small expected counts
    are pooled, which sees many small moves, and an exact one of each value against all others, which sees one value
    that moved among many that did not (hypergeometric, Bonferroni). The effect is the share of cases that have moved to
    another value (total variation distance) less what chance alone moves on average, or if that is more, what the
    value that stands out has moved.
    """
    import numpy as np  # noqa: PLC0415 - heavy, and `fulcrum --help` needs none of it

    counts = np.asarray([reference, window], dtype=float)
    counts = counts[:, counts.sum(axis=0) > 0]
    if counts.shape[1] <= 2:  # noqa: PLR2004 - two values are one rate
        (a, b), (n, m) = counts[:, 0], counts.sum(axis=1)
        return rates((int(a), int(n)), (int(b), int(m)))
    together, (alone, move) = _chi_square(_pooled(counts)), _standing_out(counts)
    return Measured(together.statistic, min(1.0, 2 * min(together.p, alone)), max(_beyond_chance(counts), move))


def rates(reference: tuple[int, int], window: tuple[int, int]) -> Measured:
    """Compare two rates, each as (how many, of how many): chi-square, or Fisher's exact test where counts are small.

    The effect is the difference of the rates, without its sign.
    """
    import numpy as np  # noqa: PLC0415 - heavy, and `fulcrum --help` needs none of it

    (a, n), (b, m) = reference, window
    if a + b in {0, n + m}:
        return Measured(0.0, 1.0, 0.0)
    tested = _chi_square(np.asarray([[a, n - a], [b, m - b]], dtype=float))
    return Measured(tested.statistic, tested.p, abs(a / n - b / m))


def texts(
    reference: Sequence[tuple[int, ...]],
    window: Sequence[tuple[int, ...]],
    *,
    buckets: int,
    permutations: int,
    seed: int,
) -> Measured:
    """Compare two samples of texts given as buckets of words: the linear-kernel MMD (Gretton et al. 2012).

    Each text is a vector of length 1 in which rare words weigh more, and the statistic the squared distance of the two
    means. What chance does is seen by shuffling the texts over both sides, seeded; p is the tail of a gamma
    distribution with the mean and variance of that, since a p below one in the number of shuffles cannot be counted.
    The effect is the distance beyond chance in units of two kinds of texts that share no word, so about the share of
    texts that are of another kind (0 to 1).
    """
    import numpy as np  # noqa: PLC0415 - heavy, and `fulcrum --help` needs none of it
    from scipy.special import gammaincc  # noqa: PLC0415 - the same

    vectors, n, m = _vectors([*reference, *window], buckets), len(reference), len(window)
    weights = np.concatenate([np.full(n, 1 / n), np.full(m, -1 / m)])
    shuffled = np.random.default_rng(seed).permuted(np.tile(weights, (permutations, 1)), axis=1)
    found = float(_squares(vectors, weights[None, :])[0])
    chance = _squares(vectors, shuffled)
    mean, variance = float(chance.mean()), float(chance.var())
    if variance <= 1e-18:  # noqa: PLR2004 - all texts are the same, up to rounding
        return Measured(found, 1.0, 0.0)
    p = float(gammaincc(mean**2 / variance, found * mean / variance))
    alike = max(float(_squares(vectors[:n], np.full((1, n), 1 / n))[0]) - 1 / n, mean)
    return Measured(found, p, min(1.0, math.sqrt(max(0.0, found - mean) / (2 * alike))))


def adjusted(ps: Sequence[float]) -> list[float]:
    """Adjust p values for how many there are, in their order (Benjamini & Hochberg 1995)."""
    order = sorted(range(len(ps)), key=lambda index: ps[index], reverse=True)
    least, result = 1.0, [1.0] * len(ps)
    for above, index in enumerate(order):
        least = min(least, ps[index] * len(ps) / (len(ps) - above))
        result[index] = least
    return result


def _chi_square(counts: Any) -> Measured:
    from scipy.special import chdtrc  # noqa: PLC0415 - heavy, and `fulcrum --help` needs none of it
    from scipy.stats import fisher_exact  # noqa: PLC0415 - the same

    expected = _expected(counts)
    statistic = float(((counts - expected) ** 2 / expected).sum())
    if counts.shape[1] == 2 and expected.min() < SMALL:  # noqa: PLR2004 - a fourfold table
        return Measured(statistic, float(fisher_exact(counts.astype(int)).pvalue), 0.0)
    return Measured(statistic, float(chdtrc(counts.shape[1] - 1, statistic)), 0.0)


def _standing_out(counts: Any) -> tuple[float, float]:
    """Test each value against all others; return the p of the clearest, for all of them, and by how much it moved."""
    import numpy as np  # noqa: PLC0415 - heavy, and `fulcrum --help` needs none of it
    from scipy.stats import hypergeom  # noqa: PLC0415 - the same

    (n, m), of_both = counts.sum(axis=1), counts.sum(axis=0)
    below = hypergeom.cdf(counts[1], n + m, of_both, m)
    above = hypergeom.sf(counts[1] - 1, n + m, of_both, m)
    ps = 2 * np.minimum(below, above)
    clearest = int(ps.argmin())
    return float(ps[clearest] * ps.size), float(abs(counts[0, clearest] / n - counts[1, clearest] / m))


def _pooled(counts: Any) -> Any:
    """Put the values with small expected counts together, with the next smallest as well if they are still few."""
    import numpy as np  # noqa: PLC0415 - heavy, and `fulcrum --help` needs none of it

    counts = counts[:, np.argsort(counts.sum(axis=0), kind="stable")]
    expected = _expected(counts).min(axis=0)
    few = int((expected < SMALL).sum())
    if few and expected[:few].sum() < SMALL:
        few += 1
    few = min(few, counts.shape[1] - 1)
    return np.column_stack([counts[:, :few].sum(axis=1), counts[:, few:]]) if few else counts


def _expected(counts: Any) -> Any:
    return counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / counts.sum()


def _beyond_chance(counts: Any) -> float:
    """Give the total variation distance less its mean under no change, the normal approximation of each share."""
    import numpy as np  # noqa: PLC0415 - heavy, and `fulcrum --help` needs none of it

    sizes = counts.sum(axis=1, keepdims=True)
    of_all = counts.sum(axis=0) / counts.sum()
    distance = np.abs(np.subtract(*(counts / sizes))).sum() / 2
    deviation = np.sqrt(of_all * (1 - of_all) * (1 / sizes).sum())
    # The mean of a normal variable without its sign is sqrt(2/pi) of its deviation; half of it, as above.
    return float(max(0.0, distance - deviation.sum() / math.sqrt(2 * math.pi)))


def _vectors(words: Sequence[tuple[int, ...]], buckets: int) -> Any:
    """Make a sparse matrix of texts by buckets, each row of length 1 (a text without words: of length 0).

    Rare words weigh more (inverse document frequency over both sides, Spärck Jones 1972): what every text has, such as
    "the", says nothing about which kind it is of.
    """
    import numpy as np  # noqa: PLC0415 - heavy, and `fulcrum --help` needs none of it
    from scipy.sparse import csr_array  # noqa: PLC0415 - the same

    lengths = np.array([len(each) for each in words])
    columns = np.fromiter((bucket for each in words for bucket in each), dtype=np.int64, count=int(lengths.sum()))
    weights = 1 + np.log(len(words) / np.maximum(np.bincount(columns, minlength=buckets), 1))
    starts = np.concatenate([[0], np.cumsum(lengths)])
    rows = csr_array((weights[columns], columns, starts), shape=(len(words), buckets))
    norms = np.sqrt((rows**2).sum(axis=1))
    return csr_array((rows.data / np.repeat(norms, lengths), columns, starts), shape=rows.shape)


def _squares(vectors: Any, weights: Any) -> Any:
    """Give the squared length of each weighted sum of the rows; `weights` is one row for each sum."""
    sums = vectors.T @ weights.T
    return (sums**2).sum(axis=0)
