"""Drift checks on real messages: how often they alarm about nothing, and after how many cases they see a change.

A naive Bayes classifier, taught some of a bank's messages, says which of 57 intents the others have. What it is unsure
of goes to a person, and one in twenty of the rest as an audit; people answer with the truth. What no data has is drawn,
seeded: seconds, degraded answers, corrections of a second field.

- Stable: 1,500 cases of reference and a window of 500 are drawn from the same messages, anew each time. What has
  drifted is a false alarm; the upper bound is the one-sided 95% one of Clopper and Pearson.
- Changed: the change begins at a random case of a window, and each window is judged at its end. A delay is the median
  of the cases from there to the end of the first window that has drifted.
- Promised rates are watched case by case beside it, each with a limit whose odds are two thirds above what is measured
  without a change (3% measured, 5% promised); an audited error and a correction is one of the intent.
  `promise_delays` are medians until the first alarm, `promise_false_alarms` counts those in the stable windows.
- null stands for a change that fewer than half of the streams found within ten windows.

Last line: one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from benchmarks.drifting.world import FIRST, World, routed, seen
from fulcrum.drift import CheckVerdict, DriftReport, Observed, Overall, compare
from fulcrum.watching import Promise, Watch

ROOT = Path(__file__).resolve().parents[1]
REFERENCE, WINDOW, GIVEN_UP = 1_500, 500, 10
"""Cases of a reference and of a window; windows after which a change is given up."""
SLACK = 5 / 3
"""How much higher the odds are that a promise allows than those measured without a change."""

Cases = list[Observed]
Change = Callable[[Cases, random.Random], Cases]
"""What becomes of cases that would be stable; the number stays."""


def main() -> None:
    """Run it and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT / "../shared/data/messages", help="where banking77 lies")
    parser.add_argument("--windows", type=int, default=1_000, help="stable windows")
    parser.add_argument("--streams", type=int, default=40, help="streams for each change")
    parser.add_argument("--quick", action="store_true", help="60 windows and 4 streams")
    parser.add_argument("--seed", type=int, default=7)
    chosen = parser.parse_args()
    if not (chosen.data / "banking77.dev.jsonl").exists():
        print(json.dumps({"skipped": "no data; give --data a folder with banking77.dev.jsonl: id, text, truth.label"}))
        return
    windows, streams = (60, 4) if chosen.quick else (chosen.windows, chosen.streams)
    world = World(chosen.data, chosen.seed)
    print(json.dumps(_stable(world, windows, chosen.seed) | _changed(world, streams, chosen.seed)))


def _stable(world: World, windows: int, seed: int) -> dict[str, object]:
    from scipy.stats import binomtest

    chosen = random.Random(seed)  # noqa: S311 - windows that are the same each time
    verdicts: Counter[Overall] = Counter()
    watches, alarms = _watches(world), 0
    for _ in range(windows):
        drawn = chosen.sample(world.stable, REFERENCE + WINDOW)
        verdicts[_judged(drawn[:REFERENCE], drawn[REFERENCE:]).overall] += 1
        for case in drawn[REFERENCE:]:
            for name in _watched(case, watches):
                alarms += watches[name].alarmed
                watches[name] = watches[name].looked_at() if watches[name].alarmed else watches[name]
    false = verdicts[Overall.DRIFTED]
    upper = binomtest(false, windows, alternative="less").proportion_ci(0.95).high
    print(f"stable: {dict(verdicts)}; {alarms} alarms of promises in {windows * WINDOW:,} cases")
    return {
        "stable_windows": windows,
        "false_alarm_rate": round(false / windows, 5),
        "false_alarm_upper_95": round(upper, 5),
        "promise_false_alarms": alarms,
    }


def _changed(world: World, streams: int, seed: int) -> dict[str, object]:
    delays: dict[str, int | None] = {}
    promises: dict[str, int | None] = {}
    for name, change in _changes(world).items():
        found = [_stream(world, change, random.Random(f"{seed} {number}")) for number in range(streams)]  # noqa: S311 - the same
        delays[name] = _median([each.judged for each in found])
        promises[name] = _median([each.promised for each in found])
        by = Counter(check for each in found for check in each.by)
        print(f"{name}: {delays[name]} cases, case by case {promises[name]}; found by {by.most_common(4)}")
    return {"delays": delays, "promise_delays": promises}


@dataclass(frozen=True)
class Found:
    """Cases from a change to what found it, None where nothing did: a report, by which checks; a promised rate."""

    judged: int | None
    by: tuple[str, ...]
    promised: int | None


def _stream(world: World, change: Change, chosen: random.Random) -> Found:
    """Let new cases come until both have found the change, or it is given up."""
    drawn = chosen.sample(world.stable, len(world.stable))
    reference, coming = drawn[:REFERENCE], drawn[REFERENCE:]
    watches, begins = _watches(world), chosen.randrange(WINDOW)
    judged, by, promised = None, (), None
    for number in range(GIVEN_UP):
        if judged and promised:
            break
        fresh = chosen.sample(coming, WINDOW)
        cases = fresh[:begins] + change(fresh[begins:], chosen) if number == 0 else change(fresh, chosen)
        if not promised:
            promised = _promised(cases, watches, number * WINDOW - begins)
        report = None if judged else _judged(reference, cases)
        if report and report.overall is Overall.DRIFTED:
            judged = (number + 1) * WINDOW - begins
            by = tuple(check.name for check in report.having(CheckVerdict.DRIFTED))
    return Found(judged, by, promised)


def _judged(reference: Cases, window: Cases) -> DriftReport:
    """Compare cases as the ledger has them, one a minute."""
    minutes = (FIRST + timedelta(minutes=minute) for minute in range(REFERENCE + WINDOW))
    before = [replace(seen(case), at=next(minutes)) for case in reference]
    return compare(before, [replace(seen(case), at=next(minutes)) for case in window], now=next(minutes, FIRST))


def _watches(world: World) -> dict[str, Watch]:
    """Promise of each rate somewhat more than what is measured where nothing has changed."""
    rates = {}
    for name in ("audited error", "correction (low-confidence)", "gate failures", "degraded answers"):
        seen_at = [wrong for case in world.stable for told, wrong in _outcomes(case) if told == name]
        right = seen_at.count(False) / len(seen_at)
        rates[name] = SLACK * (1 - right) / (right + SLACK * (1 - right))
    return {name: Watch(promise=Promise(name, rate)) for name, rate in rates.items()}


def _watched(case: Observed, watches: dict[str, Watch]) -> Iterator[str]:
    """Take one case into the watches that it counts for, and name them."""
    for name, wrong in _outcomes(case):
        watches[name] = watches[name].after(wrong)
        yield name


def _outcomes(case: Observed) -> Iterator[tuple[str, bool]]:
    wrong = "intent" in (case.changed or ())
    if case.reason == "audit":
        yield "audited error", wrong
    if case.reason == "low-confidence":
        yield "correction (low-confidence)", wrong
    yield "gate failures", any(raised for name, raised in case.flags.items() if name.startswith("gate: "))
    yield "degraded answers", case.flags["degraded"]


def _promised(cases: Cases, watches: dict[str, Watch], since: int) -> int | None:
    """Watch cases one by one; return how many have come since the change at the first alarm."""
    for index, case in enumerate(cases):
        for name in _watched(case, watches):
            if watches[name].alarmed and since + index < 0:
                watches[name] = watches[name].looked_at()
            if watches[name].alarmed:
                return since + index + 1
    return None


def _changes(world: World) -> dict[str, Change]:
    worse = {case.case_id: case for case in world.worse}
    others = {f"other intents {part:.0%}": partial(_mixed, world.others, part) for part in (0.2, 0.4, 0.8)}
    return others | {
        "another language 10%": partial(_mixed, world.german, 0.1),
        "a label's share doubles (7%)": partial(_doubled, world.stable, "output team", "top"),
        "a label's share doubles (3%)": partial(_doubled, world.stable, "output intent", "transfer_timing"),
        "worse model": lambda cases, _: [worse[case.case_id] for case in cases],
        "confidence inflated": lambda cases, _: [_inflated(case) for case in cases],
        "a field corrected 30%": lambda cases, chosen: [_corrected(case, chosen) for case in cases],
    }


def _mixed(others: Sequence[Observed], part: float, cases: Cases, chosen: random.Random) -> Cases:
    """Let each case be one of the others with a probability of `part`."""
    fresh = chosen.sample(others, min(len(cases), len(others)))
    return [fresh.pop() if fresh and chosen.random() < part else case for case in cases]


def _doubled(pool: Sequence[Observed], name: str, value: str, cases: Cases, chosen: random.Random) -> Cases:
    """Let the value of a category be as likely again, at the cost of the others in proportion."""
    having = [case for case in pool if case.categories[name] == value]
    share = len(having) / len(pool)
    taken = {case.case_id for case in cases}
    fresh = chosen.sample([case for case in having if case.case_id not in taken], len(having) // 2)
    extra = share / (1 - share)
    return [
        fresh.pop() if fresh and case.categories[name] != value and chosen.random() < extra else case for case in cases
    ]


def _inflated(case: Observed) -> Observed:
    """Let the model claim the root of how sure it was: 0.36 becomes 0.6."""
    return routed(replace(case, numbers={**case.numbers, "confidence": case.numbers["confidence"] ** 0.5}))


def _corrected(case: Observed, chosen: random.Random) -> Observed:
    """Let people correct the priority of three in ten cases."""
    return replace(case, changed=(*(case.changed or ()), "priority")) if chosen.random() < 0.3 else case


def _median(delays: Sequence[int | None]) -> int | None:
    found = statistics.median(float("inf") if each is None else each for each in delays)
    return None if found == float("inf") else round(found)


if __name__ == "__main__":
    main()
