"""Rates with a promise, watched case by case: has it become too high, and is the promise broken (pure)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Self

from fulcrum.cases import Json

ODDS = (1.5, 2.0, 3.0)
"""The rates that are looked for, as multiples of the limit's odds, so that each stays below 1."""
_LARGEST = 709.0
"""Above this exponent a float overflows."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A rate that stays at or below `limit` (between 0 and 1, neither of them; else a ValueError).

    An alarm comes at the earliest after `arl` cases on average where the rate is at the limit all the time (the average
    run length). Where the rate never exceeds the limit, it is said to be broken with a probability of at most `delta`,
    however long it is watched.
    """

    name: str
    limit: float
    arl: float = 2_000.0
    delta: float = 0.01

    def __post_init__(self) -> None:
        if not (0 < self.limit < 1 <= self.arl and 0 < self.delta < 1):
            raise ValueError("a promise needs a limit and a delta between 0 and 1, and an arl of 1 or more")

    def alternatives(self) -> tuple[float, ...]:
        """Give the rates p_j above the limit that the evidence is weighed for, each with the same weight."""
        rest = 1 - self.limit
        return tuple(times * self.limit / (rest + times * self.limit) for times in ODDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What was seen of a promise so far; `n` cases, `wrong` of them.

    With x in {0, 1} for each case, limit a and fixed rates p_j > a (arXiv 2203.03532):

    - The detector is the Shiryaev-Roberts e-detector M_n = (M_{n-1} + 1) LR_n, M_0 = 0, where
      LR = mean_j (p_j/a)^x ((1-p_j)/(1-a))^(1-x). At M >= `arl` it alarms, and the alarm stays until `looked_at`.
      `level` is log(1 + M), which neither overflows nor underflows. It finds a rate that was fine and is no more.
    - The evidence is an e-process: the mean over j of the products over all cases of that factor for p_j. Each product
      is a supermartingale wherever the rate is at most a, and so is a mean of them. At 1/delta the promise is `broken`
      (Ville's inequality), for good. This mixture of products, unlike the product of mixtures, follows the p_j that
      fits best; it needs no state but `n` and `wrong`.

    `alarmed_at_n` is the `n` at which it alarmed, None without an alarm.
    """

    promise: Promise
    n: int = 0
    wrong: int = 0
    level: float = 0.0
    alarmed_at_n: int | None = None
    broken: bool = False

    @property
    def alarmed(self) -> bool:
        """Tell whether there is an alarm that nobody has looked at."""
        return self.alarmed_at_n is not None

    @property
    def detector(self) -> float:
        """Give M_n; infinite where it is too large for a float."""
        return math.expm1(self.level) if self.level < _LARGEST else math.inf

    @property
    def log_evidence(self) -> float:
        """Give the logarithm of the e-process."""
        return _log_evidence(self.promise, self.n, self.wrong)

    def after(self, x: bool) -> Self:
        """Give the state after one more case; `x` is true where it went wrong."""
        up, down = _logs(self.promise.limit)[-1]
        level = _softplus(self.level + (up if x else down))
        n, wrong = self.n + 1, self.wrong + x
        high = level >= math.log1p(self.promise.arl)
        broken = self.broken or _log_evidence(self.promise, n, wrong) >= -math.log(self.promise.delta)
        return replace(
            self,
            n=n,
            wrong=wrong,
            level=level,
            alarmed_at_n=n if high and not self.alarmed else self.alarmed_at_n,
            broken=broken,
        )

    def looked_at(self) -> Self:
        """Give the state after somebody has looked at the alarm: the detector begins anew, the evidence stays."""
        return replace(self, level=0.0, alarmed_at_n=None)

    def as_json(self) -> Json:
        """Give it as values that JSON has."""
        promise = self.promise
        return {
            "promise": {"name": promise.name, "limit": promise.limit, "arl": promise.arl, "delta": promise.delta},
            "n": self.n,
            "wrong": self.wrong,
            "level": self.level,
            "alarmed_at_n": self.alarmed_at_n,
            "broken": self.broken,
        }

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Read what `as_json` gives."""
        return cls(**data | {"promise": Promise(**data["promise"])})


@lru_cache(maxsize=64)
def _logs(limit: float) -> tuple[tuple[float, float], ...]:
    """Give log p_j/a and log (1-p_j)/(1-a) of each alternative and, at the end, of their mean.

    The mean of the ratios of one case is the ratio of the mean, as both are linear in p_j.
    """
    ps = Promise("", limit).alternatives()
    rest = math.log1p(-limit)
    return tuple((math.log(p / limit), math.log1p(-p) - rest) for p in (*ps, sum(ps) / len(ps)))


def _log_evidence(promise: Promise, n: int, wrong: int) -> float:
    logs = [wrong * up + (n - wrong) * down for up, down in _logs(promise.limit)[:-1]]
    most = max(logs)
    return most + math.log(sum(math.exp(each - most) for each in logs) / len(logs))


def _softplus(value: float) -> float:
    """Give log(1 + e^value)."""
    return max(value, 0.0) + math.log1p(math.exp(-abs(value)))
