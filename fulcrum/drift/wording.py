"""What a check says to a person, from its name and its figures (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from fulcrum.drift.report import Quantiles, Share, Spread

LANGUAGES = {
    "ar": "Arabic",
    "cs": "Czech",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "fi": "Finnish",
    "fr": "French",
    "hi": "Hindi",
    "hu": "Hungarian",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "nl": "Dutch",
    "no": "Norwegian",
    "pl": "Polish",
    "pt": "Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "sv": "Swedish",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "zh": "Chinese",
}
"""ISO 639-1 codes that are written out; another code stays as it is."""

_MEDIAN = 2
_PERCENTILES = ("5th percentile", "lower quartile", "median", "upper quartile", "95th percentile")


def of_number(name: str, spread: Spread) -> str:
    """Say how the median moved; where it did not, the percentile that moved most."""
    at = _MEDIAN if _apart(spread, _MEDIAN) else max(range(len(_PERCENTILES)), key=lambda index: _apart(spread, index))
    before, now = spread.before[at], spread.now[at]
    what = f"the {_PERCENTILES[at]} of {name}"
    if before == now:
        return f"the median of {name} is {figure(now)}, as before"
    return f"{what} {'rose' if now > before else 'fell'} from {figure(before)} to {figure(now)}"


def of_category(name: str, shares: Sequence[Share]) -> str:
    """Say how the share of the value that moved most has changed; `shares` has it first."""
    most = shares[0]
    if name.endswith("language"):
        return of_share(f"cases in {LANGUAGES.get(most.value, most.value)}", most)
    return of_share(f"“{most.value}” in {name}", most)


def of_flag(name: str) -> str:
    """Name the cases that carry a flag."""
    if name.startswith("gate: "):
        return f"cases that break the rule “{name.removeprefix('gate: ')}”"
    if name.startswith("empty "):
        return f"cases without {name.removeprefix('empty ')}"
    return "degraded cases" if name == "degraded" else f"cases with {name}"


def of_share(what: str, share: Share) -> str:
    """Say how a share has changed."""
    before, now = percent(share.before), percent(share.now)
    if before == now:
        return f"{what}: {now}, as before"
    if not share.before:
        return f"{what} {'is' if what.startswith('“') else 'are'} new, at {now}"
    return f"{what} {'rose' if share.now > share.before else 'fell'} from {before} to {now}"


def percent(share: float) -> str:
    """Write a share; below one in a hundred with a digit more, so that little is not nothing."""
    points = share * 100
    return f"{points:.0f}%" if points in {0, 100} or 1 <= points <= 99 else f"{points:.1f}%"  # noqa: PLR2004 - percent


def figure(number: float) -> str:
    """Write a number with the digits that matter."""
    return f"{number:,.0f}" if abs(number) >= 1000 and abs(number) < 1e12 else f"{number:.4g}"  # noqa: PLR2004 - both


def _apart(spread: Spread, at: int) -> float:
    """Tell how far a percentile moved, in units of both spreads' width."""
    scale = max(map(abs, (*spread.before, *spread.now))) or 1.0
    before, now = _scaled(spread.before, scale), _scaled(spread.now, scale)
    width = max(*before, *now) - min(*before, *now)
    return abs(before[at] - now[at]) / width if width else 0.0


def _scaled(quantiles: Quantiles, scale: float) -> list[float]:
    return [each / scale for each in quantiles]
