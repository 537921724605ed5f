"""What a comparison of two groups of cases found: checks, each with its verdict and a sentence (pure)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from fulcrum.cases import Json


class Kind(StrEnum):
    """What a check is about."""

    INPUT = "input"
    OUTPUT = "output"
    CONFIDENCE = "confidence"
    GATE = "gate"
    OVERRIDE = "override"
    MODEL = "model"


class CheckVerdict(StrEnum):
    """What one check says; only the first three are judgements."""

    STABLE = "stable"
    WATCH = "watch"
    DRIFTED = "drifted"
    TOO_FEW = "too few"
    NOT_COMPARABLE = "not comparable"


class Overall(StrEnum):
    """What all checks say together.

    `drifted`: at least one finding, so an alert. `watch`: no finding, but a check came near one, so look at the next
    report. `stable`: something was judged and nothing of that kind was seen. `too few`: nothing could be judged.
    """

    STABLE = "stable"
    WATCH = "watch"
    DRIFTED = "drifted"
    TOO_FEW = "too few"


@dataclass(frozen=True, slots=True)
class Share:
    """One value's share of the cases (0 to 1), in the reference and in the window."""

    value: str
    before: float
    now: float


Quantiles = tuple[float, float, float, float, float]
"""The 5th, 25th, 50th, 75th and 95th percentile."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How a number is spread, in the reference and in the window."""

    before: Quantiles
    now: Quantiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was compared.

    `n_reference` and `n_window` count the cases that have it. `statistic`, `p`, `p_adjusted` and `effect` are None
    where nothing was judged. `effect` and its `floor` are in the same unit: a share moved (0 to 1), for numbers the
    Kolmogorov-Smirnov distance (0 to 1), for latency and cost by how much the median moved (0.5: by half). `sentence`
    is for people. `shares` (those that moved most) or `spread` are what a chart of it shows.
    """

    name: str
    kind: Kind
    n_reference: int
    n_window: int
    statistic: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    effect: float | None = None
    floor: float
    verdict: CheckVerdict
    sentence: str
    shares: tuple[Share, ...] = ()
    spread: Spread | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """A window of new cases compared with a reference; `at` is when that was done."""

    at: datetime
    reference_cases: int
    window_cases: int
    checks: tuple[Check, ...]
    overall: Overall

    def having(self, verdict: CheckVerdict) -> tuple[Check, ...]:
        """Give the checks with a verdict."""
        return tuple(check for check in self.checks if check.verdict is verdict)

    def as_json(self) -> Json:
        """Give it as values that JSON has."""
        return asdict(self) | {"at": self.at.isoformat()}

    @classmethod
    def from_json(cls, data: Json) -> DriftReport:
        """Read what `as_json` gives."""
        return cls(
            at=datetime.fromisoformat(data["at"]),
            reference_cases=data["reference_cases"],
            window_cases=data["window_cases"],
            checks=tuple(_check(each) for each in data["checks"]),
            overall=Overall(data["overall"]),
        )


def _check(data: Json) -> Check:
    spread = data["spread"]
    read = {
        "kind": Kind(data["kind"]),
        "verdict": CheckVerdict(data["verdict"]),
        "shares": tuple(Share(**share) for share in data["shares"]),
        "spread": spread and Spread(tuple(spread["before"]), tuple(spread["now"])),
    }
    return Check(**data | read)
