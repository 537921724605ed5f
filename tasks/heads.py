"""Publishing the heads of all chains outside the ledger, at the end of every run."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from fulcrum.ledger import Ledger
from fulcrum.process import Process
from fulcrum.published import file_of, publish
from fulcrum.settings import settings
from tasks.artifacts import show


@task(cache_policy=NO_CACHE, task_run_name="publish heads")
def publish_heads(ledger: Ledger, process: Process, run_id: str) -> None:
    """Append the heads that have moved to the file outside the ledger, and show their digest; a run ends without it."""
    file = file_of(settings().home, ledger)
    try:
        line = publish(ledger, file, run_id)
    except OSError as error:
        get_run_logger().warning("The heads could not be published in %s: %s", file.name, error.strerror)
        return
    head = "| cases that moved | digest | after |\n| ---: | --- | --- |\n"
    told = f"{head}| {len(line.heads)} | `{line.digest}` | `{line.previous}` |"
    show(told, key=f"{process.name}-heads", description="The digest of all cases' histories, as published")
