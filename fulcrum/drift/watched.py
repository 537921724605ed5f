"""Everything that is compared of two groups of cases, measured but not yet judged (pure)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from fulcrum.drift import measures, wording
from fulcrum.drift.measures import Measured
from fulcrum.drift.observed import BUCKETS, Observed
from fulcrum.drift.report import Kind, Quantiles, Share, Spread
from fulcrum.drift.settings import Settings

SHOWN = 5
"""How many values of a category a report shows: those that moved most."""

_KINDS = {"empty": Kind.OUTPUT, "degraded": Kind.MODEL, **{kind.value: kind for kind in Kind}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A check before its p is adjusted for all the others; `measured` is None where there was too little of it."""

    name: str
    kind: Kind
    n_reference: int
    n_window: int
    floor: float
    measured: Measured | None = None
    sentence: str = ""
    shares: tuple[Share, ...] = ()
    spread: Spread | None = None
    comparable: bool = True


@dataclass(frozen=True, slots=True)
class Sides:
    """The two groups that are compared."""

    reference: Sequence[Observed]
    window: Sequence[Observed]

    def all(self) -> Iterator[Observed]:
        """Give the cases of both."""
        yield from self.reference
        yield from self.window

    def where(self, wanted: Callable[[Observed], bool]) -> Sides:
        """Keep the cases that are wanted."""
        return Sides([each for each in self.reference if wanted(each)], [each for each in self.window if wanted(each)])

    def few(self, settings: Settings) -> bool:
        """Tell whether one side has too few cases to be judged."""
        return min(len(self.reference), len(self.window)) < max(settings.minimum, 1)


def observed(sides: Sides, settings: Settings) -> Iterator[Draft]:
    """Measure what is watched of every case: numbers, categories, flags, words."""
    for name in _names(each.numbers for each in sides.all()):
        yield _number(name, sides, settings)
    for name in _names(each.categories for each in sides.all()):
        yield from _category(name, sides.where(partial(_has, name)), settings)
    for name in _names(each.flags for each in sides.all()):
        yield rate(name, wording.of_flag(name), sides, _raised(name), settings)
    yield from _absences(sides, settings)
    yield from _texts(sides.where(lambda each: bool(each.words)), settings)


def rate(
    name: str,
    what: str,
    sides: Sides,
    counted: Callable[[Observed], bool],
    settings: Settings,
    *,
    kind: Kind | None = None,
) -> Draft:
    """Measure how often something is so; `what` names such cases in the sentence."""
    kind = kind or kind_of(name)
    n, m = len(sides.reference), len(sides.window)
    floor = settings.override if kind is Kind.OVERRIDE else settings.share
    draft = Draft(name=name, kind=kind, n_reference=n, n_window=m, floor=floor)
    if sides.few(settings):
        return draft
    a, b = sum(map(counted, sides.reference)), sum(map(counted, sides.window))
    share = Share(what, a / n, b / m)
    measured = measures.rates((a, n), (b, m))
    return replace(draft, measured=measured, sentence=wording.of_share(what, share), shares=(share,))


def kind_of(name: str) -> Kind:
    """Tell what a name belongs to by its first word."""
    return _KINDS.get(name.split(" ", maxsplit=1)[0].removesuffix(":"), Kind.INPUT)


def _number(name: str, sides: Sides, settings: Settings) -> Draft:
    before, now = (_finite(name, side) for side in (sides.reference, sides.window))
    kind = kind_of(name)
    floor = settings.ratio if kind is Kind.MODEL else settings.distance
    return _spread(name, before, now, Draft(name=name, kind=kind, n_reference=0, n_window=0, floor=floor), settings)


def _spread(name: str, before: list[float], now: list[float], draft: Draft, settings: Settings) -> Draft:
    draft = replace(draft, n_reference=len(before), n_window=len(now))
    if min(len(before), len(now)) < max(settings.minimum, 1):
        return draft
    measured, spread = measures.numbers(before, now), Spread(_quantiles(before), _quantiles(now))
    if draft.kind is Kind.MODEL:
        # Seconds differ between machines and hours by little and always: only a median that moved counts.
        measured = Measured(measured.statistic, measured.p, measures.moved(spread.before[2], spread.now[2]))
    return replace(draft, measured=measured, sentence=wording.of_number(name, spread), spread=spread)


def _category(name: str, sides: Sides, settings: Settings) -> Iterator[Draft]:
    before, now = (Counter(each.categories[name] for each in side) for side in (sides.reference, sides.window))
    n, m = before.total(), now.total()
    draft = Draft(name=name, kind=kind_of(name), n_reference=n, n_window=m, floor=settings.share)
    if sides.few(settings):
        yield draft
        return
    values = sorted(before | now)
    measured = measures.shares([before[value] for value in values], [now[value] for value in values])
    every = [Share(value, before[value] / n, now[value] / m) for value in values]
    most = tuple(sorted(every, key=_move, reverse=True)[:SHOWN])
    yield replace(draft, measured=measured, sentence=wording.of_category(name, most), shares=most)
    if min((before + now).values()) * min(n, m) < measures.SMALL * (n + m):
        yield _unseen(name, sides, settings)


def _move(share: Share) -> tuple[float, bool]:
    """Order shares by how far they moved; of two that moved as far, the one that rose says more."""
    return round(abs(share.now - share.before), 9), share.now > share.before


def _unseen(name: str, sides: Sides, settings: Settings) -> Draft:
    """Measure how often a value is new: rare ones are compared together, where old and new ones look the same.

    Every other case of the reference says what is known, and the others are what the window is compared with.
    """
    known = frozenset(each.categories[name] for each in sides.reference[::2])
    rest, what = Sides(sides.reference[1::2], sides.window), f"cases with a new {name}"
    return rate(f"{name} not seen before", what, rest, lambda each: each.categories[name] not in known, settings)


def _absences(sides: Sides, settings: Settings) -> Iterator[Draft]:
    """Measure how often a number or category is missing, where it is at times and no flag says so already."""
    flags = set(_names(each.flags for each in sides.all()))
    for name in (
        *_names(each.numbers for each in sides.all()),
        *_names(each.categories for each in sides.all()),
    ):
        absent = _lacking(name)
        if f"empty {name.partition(' ')[2]}" not in flags and any(map(absent, sides.all())):
            yield rate(f"no {name}", f"cases without {name}", sides, absent, settings, kind=kind_of(name))


def _texts(sides: Sides, settings: Settings) -> Iterator[Draft]:
    n, m = len(sides.reference), len(sides.window)
    if not n + m:
        return
    words = Draft(name="input words", kind=Kind.INPUT, n_reference=n, n_window=m, floor=settings.vocabulary)
    if sides.few(settings):
        yield words
        return
    one, two = ([each.words for each in side] for side in (sides.reference, sides.window))
    measured = measures.texts(one, two, buckets=BUCKETS, permutations=settings.permutations, seed=settings.seed)
    said = f"the words of the texts are as if {wording.percent(measured.effect)} of these were of another kind"
    yield replace(words, measured=measured, sentence=said)
    yield _novelty(one, two, settings)


def _novelty(one: list[tuple[int, ...]], two: list[tuple[int, ...]], settings: Settings) -> Draft:
    """Measure which part of a text's words is new; every other text of the reference says what is known.

    The others of the reference are what the window is compared with: their words are as new to it as the window's.
    """
    known = frozenset(bucket for words in one[::2] for bucket in words)
    before, now = ([sum(w not in known for w in words) / len(words) for words in side] for side in (one[1::2], two))
    name = "input words that are new"
    draft = Draft(name=name, kind=Kind.INPUT, n_reference=0, n_window=0, floor=settings.distance)
    draft = _spread(name, before, now, draft, settings)
    if draft.measured is None:
        return draft
    mean = Share("words that are new", sum(before) / len(before), sum(now) / len(now))
    return replace(draft, sentence=wording.of_share("words that are new", mean), shares=(mean,))


def _names(mappings: Iterable[Iterable[str]]) -> list[str]:
    return sorted(set().union(*mappings))


def _raised(name: str) -> Callable[[Observed], bool]:
    return lambda each: each.flags.get(name, False)


def _has(name: str, each: Observed) -> bool:
    return name in each.categories


def _lacking(name: str) -> Callable[[Observed], bool]:
    return lambda each: name not in each.categories and not math.isfinite(each.numbers.get(name, math.nan))


def _finite(name: str, side: Sequence[Observed]) -> list[float]:
    return [number for each in side if math.isfinite(number := each.numbers.get(name, math.nan))]


def _quantiles(values: list[float]) -> Quantiles:
    """Give values that occur: between two of them, the largest numbers there are could not be told."""
    ordered = sorted(values)
    low, lower, middle, upper, high = (
        ordered[round(part * (len(ordered) - 1))] for part in (0.05, 0.25, 0.5, 0.75, 0.95)
    )
    return low, lower, middle, upper, high
