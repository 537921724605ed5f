"""The scoreboard in a terminal, as a page, or for a program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from deployments.cli.display import out, print_json, say, table
from deployments.cli.opening import open_ledger
from flows.registry import names
from flows.registry import process as find
from fulcrum.errors import UsageError
from fulcrum.ledger import Ledger
from fulcrum.scoreboard.board import Board, as_json
from fulcrum.scoreboard.terminal import COLUMNS, lines, rows
from fulcrum.scoring import score
from fulcrum.settings import settings


def scoreboard(
    process: str | None = None,
    *,
    html: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    sample: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Show how each process does against what was before it: faster, cheaper, with fewer hands, more predictable?

    Args:
        process: Only this one.
        html: Write it to this file, as one page that needs no network.
        json: Print it as one line of JSON.
        sample: The board of the sample history that Fulcrum ships, four weeks before and four weeks after.
    """
    chosen = [process] if process else names()
    with _ledger(sample=sample) as ledger:
        board = score(ledger, [ledger.catalogues.bind(find(name)) for name in chosen])
    if html is not None:
        _write(board, html)
    if json:
        print_json(as_json(board))
    elif html is None:
        tell(board)


def tell(board: Board) -> None:
    """Print a board."""
    if not board.processes:
        out.print("No process has run yet; the board of a sample history: fulcrum scoreboard --sample")
        return
    table(f"Scoreboard, {board.at:%Y-%m-%d}", COLUMNS, rows(board))
    out.print()
    for line in lines(board):
        out.print(line, markup=False)


@contextmanager
def _ledger(*, sample: bool) -> Iterator[Ledger]:
    if not sample:
        with open_ledger() as ledger:
            yield ledger
        return
    from deployments.history.kept import sample_ledger  # noqa: PLC0415 - it brings the model and the gates

    with sample_ledger(settings(), say) as ledger:
        yield ledger


def _write(board: Board, file: Path) -> None:
    from fulcrum.scoreboard.page import render_html  # noqa: PLC0415 - it brings the charts

    try:
        file.write_text(render_html(board), encoding="utf-8")
    except OSError as error:
        raise UsageError(problem=f"{file} cannot be written: {error.strerror}") from None
    say(f"Written: {file}")
