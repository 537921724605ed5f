"""A report as Markdown, for the UI: the verdict, the findings, every check (pure).

Only tables and images in data URIs are drawn there, so there is nothing else in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from fulcrum.drift import charts
from fulcrum.drift.report import Check, CheckVerdict, DriftReport, Overall

_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~&])")
_COLUMNS = ("check", "verdict", "what", "adjusted p", "effect", "floor", "cases", "chart")
_LEGEND = (
    "Charts: grey is before, orange is now. A strip runs from the 5th to the 95th percentile, thick between the "
    "quartiles, its tick is the median. Cases: reference / new."
)


def markdown(report: DriftReport, title: str) -> str:
    """Write the report; it holds counts, shares, percentiles and names from closed lists, and no case's content."""
    return "\n\n".join([f"# {_plain(title)}", f"**{_verdict(report)}**", *_findings(report), _table(report)]) + "\n"


def _verdict(report: DriftReport) -> str:
    judged = [check for check in report.checks if check.p is not None]
    found, near = (len(report.having(each)) for each in (CheckVerdict.DRIFTED, CheckVerdict.WATCH))
    cases = f"{report.window_cases:,} new cases against {report.reference_cases:,} of the reference"
    says = {
        Overall.DRIFTED: f"Drifted: {found} of {len(judged)} checks found that the cases are not as they were",
        Overall.WATCH: f"Watch: no finding, but {near} of {len(judged)} checks came near one",
        Overall.STABLE: f"Stable: none of {len(judged)} checks found a change",
        Overall.TOO_FEW: "Too few: no check had enough cases to judge",
    }
    return f"{says[report.overall]} ({cases}, {report.at:%Y-%m-%d %H:%M %Z})."


def _findings(report: DriftReport) -> Iterator[str]:
    for heading, verdict in (("Findings", CheckVerdict.DRIFTED), ("To be watched", CheckVerdict.WATCH)):
        checks = report.having(verdict)
        if checks:
            yield f"## {heading}"
            yield "\n".join(f"- {_sentence(check)}" for check in checks)


def _table(report: DriftReport) -> str:
    rows = [_line(_COLUMNS), _line(["---"] * len(_COLUMNS)), *map(_row, sorted(report.checks, key=_urgency))]
    return "\n".join(["## All checks", "", *rows, "", _LEGEND])


def _urgency(check: Check) -> int:
    """Put what has drifted first, then what is to be watched, then all else as it is."""
    return {CheckVerdict.DRIFTED: 0, CheckVerdict.WATCH: 1}.get(check.verdict, 2)


def _row(check: Check) -> str:
    cells = [
        _plain(check.name),
        check.verdict.value,
        _sentence(check),
        _figure(check.p_adjusted),
        _figure(check.effect),
        _figure(check.floor),
        f"{check.n_reference:,} / {check.n_window:,}",
        _chart(check),
    ]
    return _line(cells)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _sentence(check: Check) -> str:
    return _plain(check.sentence[:1].upper() + check.sentence[1:])


def _chart(check: Check) -> str:
    if check.shares:
        return f"![{_plain(check.sentence)}]({charts.bars(check.shares)})"
    return f"![{_plain(check.sentence)}]({charts.strips(check.spread)})" if check.spread else ""


def _figure(number: float | None) -> str:
    return "" if number is None else "< 0.0001" if 0 < number < 0.0001 else f"{number:.2g}"  # noqa: PLR2004 - a digit


def _plain(words: str) -> str:
    """Write words so that Markdown takes none of them for a mark, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(words.split()))
