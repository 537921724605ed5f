"""The board as Markdown for an artifact in the Prefect UI: tables, and charts as data URIs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fulcrum.kpis.indicators import Indicator
from fulcrum.scoreboard import charts
from fulcrum.scoreboard.board import Board, ProcessBoard
from fulcrum.scoreboard.wording import drift, facts, headline, money, notes, period, reviews, sampled, saved, tile

_MARKS = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>|#!~"})


def render_markdown(board: Board) -> str:
    """Render the board; whatever a title or a warning says is shown as text."""
    sample = [f"*{_plain(sampled(board))}.*"] if sampled(board) else []
    parts = [
        f"# {_plain(board.company)}: scoreboard",
        f"**{_plain(headline(board.whole))}**, as of {board.at:%Y-%m-%d %H:%M %Z}",
        *sample,
        _table(("company", ""), facts(board.whole)),
        *(part for process in board.processes for part in _process(process)),
    ]
    return "\n\n".join(parts) + "\n"


def _process(process: ProcessBoard) -> list[str]:
    about = f"{process.cases:,} cases, {period(process)}; owner: {process.owner}"
    chart = [f"![{_plain(charts.alt(process.trend))}]({charts.picture(process.trend)})"] if process.trend else []
    return [
        f"## {_plain(process.title)}",
        _plain(about),
        _table(
            ("indicator", "now", "before", "change, with 95% certainty", "verdict", "objective", "before is"),
            [_row(each) for each in process.indicators],
        ),
        *chart,
        _table(("standing", ""), _standing(process)),
        *(["\n".join(f"- {_plain(note)}" for note in notes(process))] if notes(process) else []),
    ]


def _row(each: Indicator) -> tuple[str, ...]:
    told = tile(each)
    now = f"{told.now} ({told.few})" if told.few else told.now
    promise = f"{told.objective}: {told.kept}" if told.kept else told.objective
    return (told.title, now, told.before, told.change, f"{told.mark} {told.verdict}", promise, told.basis)


def _standing(process: ProcessBoard) -> list[tuple[str, str]]:
    return [
        ("Saved", saved(process.saved)),
        ("Spent on AI", money(process.ai_spend, process.currency)),
        ("May do alone", f"{process.autonomy}, from a confidence of {process.threshold:.2f}"),
        ("Waiting for people", reviews(process.open_reviews, process.oldest_review)),
        ("Drift", drift(process)),
    ]


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    return "\n".join([*lines, *(f"| {' | '.join(map(_plain, row))} |" for row in rows)])


def _plain(text: str) -> str:
    """Keep a text from being read as markup, on one line."""
    return " ".join(text.split()).translate(_MARKS)
