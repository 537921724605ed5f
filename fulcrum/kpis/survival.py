"""Quantiles of times of which some are not over yet: an open case counts as what it is, at least so long (pure).

Kaplan and Meier, Journal of the American Statistical Association 53 (1958) 457. Without open cases a quantile is the
nearest rank: the smallest time that the share of the cases does not exceed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fulcrum.kpis.log import Bools, Floats, Ints

_TINY = 1e-9
"""Room for rounding where a share of cases is exactly reached."""


@dataclass(frozen=True, eq=False)
class Times:
    """Times of cases in order, with a mark at those that are over; at the same time these come first.

    `order` says which case each is of.
    """

    seconds: Floats
    over: Bools
    order: Ints

    @classmethod
    def of(cls, seconds: Floats, over: Bools) -> Times:
        """Sort the cases' times."""
        import numpy as np  # noqa: PLC0415 - only who computes figures needs it

        order = np.lexsort((~over, seconds))
        return cls(seconds[order], over[order], order.astype(np.int64))

    def quantiles(self, share: float, weights: Floats | None = None) -> Floats:
        """Give the time within which a share of the cases is over, NaN where so many are not yet.

        `weights` (resamples x cases, in the order of the cases) count how often each case is drawn; one quantile each.
        """
        import numpy as np  # noqa: PLC0415 - see above

        drawn = np.ones((1, len(self.order))) if weights is None else weights[:, self.order]
        if not len(self.order):
            return np.full(len(drawn), np.nan)
        at_risk = np.cumsum(drawn[:, ::-1], axis=1)[:, ::-1]
        hazard = np.where(at_risk > 0, drawn * self.over / np.where(at_risk > 0, at_risk, 1), 0)
        reached = 1 - np.cumprod(1 - hazard, axis=1) >= share - _TINY
        place = np.argmax(reached, axis=1)
        return np.where(reached.any(axis=1), self.seconds[place], np.nan)
