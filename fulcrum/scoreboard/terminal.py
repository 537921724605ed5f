"""The board as rows for a terminal of 80 columns (pure)."""

from __future__ import annotations

from fulcrum.kpis.indicators import Indicator
from fulcrum.scoreboard.board import Board, ProcessBoard
from fulcrum.scoreboard.wording import counted, drift, facts, headline, period, reviews, sampled, tile

COLUMNS = ("", "now", "before", "change (95%)", "verdict", "objective")
"""What stands above the rows."""


def rows(board: Board) -> list[tuple[str, ...]]:
    """Give a row for each process and one for each of its indicators, as COLUMNS."""
    return [row for process in board.processes for row in _rows(process)]


def lines(board: Board) -> list[str]:
    """Give what is said around the table, in sentences: the company, what waits, what is a sample."""
    said = [f"{board.company}: {headline(board.whole)}"]
    said += [f"{label}: {words}" for label, words in facts(board.whole)]
    for process in board.processes:
        autonomy = f"{process.autonomy}, confidence from {process.threshold:.2f}"
        waits = reviews(process.open_reviews, process.oldest_review)
        said.append(f"{process.title}, {period(process)}: {autonomy}; drift {drift(process)}; {waits}")
    return [*said, *([sampled(board)] if sampled(board) else [])]


def _rows(process: ProcessBoard) -> list[tuple[str, ...]]:
    # The title, because it may be broken between its words.
    head = (process.title, counted(process.cases, "case"), "", "", "", "")
    return [head, *(_row(each) for each in process.indicators)]


def _row(each: Indicator) -> tuple[str, ...]:
    told = tile(each)
    return (
        f"  {told.title}",
        told.now,
        told.before,
        told.few or told.change,
        f"{told.mark} {told.verdict}",
        told.kept or "none",
    )
