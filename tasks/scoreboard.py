"""Drawing the scoreboard."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE

from fulcrum.ledger import Ledger
from fulcrum.process import Process
from fulcrum.scoreboard.board import Board
from fulcrum.scoreboard.markdown import render_markdown
from fulcrum.scoreboard.page import render_html
from fulcrum.scoring import score
from fulcrum.settings import settings
from tasks.artifacts import show

PAGE = "scoreboard.html"
"""The newest page's file in the home."""


@task(cache_policy=NO_CACHE, task_run_name="draw")
def draw(ledger: Ledger, processes: Sequence[Process]) -> Board:
    """Read the board from the ledger, and show it: an artifact under the key `scoreboard`, a page in the home."""
    board = score(ledger, processes)
    show(render_markdown(board), key="scoreboard", description="Each process against what was before")
    file = settings().home / PAGE
    file.parent.mkdir(parents=True, exist_ok=True)
    # Whoever has the page open while it is written sees the old one or the new one.
    new = file.with_suffix(".new")
    new.write_text(render_html(board), encoding="utf-8")
    new.replace(file)
    return board
