"""What counts as a finding (pure)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """From where on a difference counts; the defaults are those that `benchmarks/drift.py` measures.

    A finding needs all three: enough cases, an adjusted p no larger than `alpha`, an effect no smaller than its floor.
    Floors: `share` for categories and flags (0.05: five of a hundred cases moved), `override` for rates of correction,
    `distance` for numbers (Kolmogorov-Smirnov, 0 to 1), `ratio` for seconds and cost (0.5: the median moved by half),
    `vocabulary` for words (about the share of texts that are of another kind).
    """

    alpha: float = 0.003
    minimum: int = 50
    """Cases that each side of a check needs; with fewer it is not judged."""
    share: float = 0.05
    override: float = 0.10
    distance: float = 0.10
    ratio: float = 0.5
    vocabulary: float = 0.06
    near_p: float = 0.02
    """With an effect from its floor on, an adjusted p up to this is to be watched."""
    near_effect: float = 0.6
    """With a p that would make a finding, an effect from this part of its floor on is to be watched."""
    permutations: int = 400
    """How often the texts of both sides are shuffled, to see what chance alone does."""
    seed: int = 7


DEFAULTS = Settings()
