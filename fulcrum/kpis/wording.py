"""Figures as people read them (pure)."""

from __future__ import annotations

from datetime import timedelta

NONE = "no figure"

_UNITS = (("days", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 1.0))


def unit_of(seconds: float) -> tuple[str, float]:
    """Choose a time's unit, with its seconds; below two of one the next smaller says more: 30 h, 90 min."""
    return next(((unit, size) for unit, size in _UNITS if abs(seconds) >= 2 * size), _UNITS[-1])


def span(time: timedelta | None) -> str:
    """Write a time in the unit that suits it: `3.1 days`, `5.2 h`, `12 min`, `0.4 s`."""
    if time is None:
        return NONE
    seconds = time.total_seconds()
    unit, size = unit_of(seconds)
    return f"{_short(seconds / size)} {unit}"


def share(value: float | None) -> str:
    """Write a share of cases in percent."""
    return NONE if value is None else f"{value:.1%}" if 0 < value < 0.1 else f"{value:.0%}"  # noqa: PLR2004 - small ones need a digit more


def number(value: float | None, unit: str = "") -> str:
    """Write a plain number with two digits, in its unit."""
    return NONE if value is None else f"{value:,.2f} {unit}".strip()


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.1f}"  # noqa: PLR2004 - two digits are enough
