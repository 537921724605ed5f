"""Checking that the ledger says what was written, and telling a case's whole story."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from deployments.cli.cases import case
from deployments.cli.display import out, print_json, table
from deployments.cli.opening import open_ledger
from fulcrum.errors import AuditFailed
from fulcrum.heads import Flaw, missing, published, read
from fulcrum.ledger import Ledger
from fulcrum.published import file_of
from fulcrum.settings import settings

show = case


def verify(*, heads: Path | None = None, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Check every case's chain and contents, and that nothing is gone which runs have published; exit 1 on a flaw.

    Args:
        heads: The file that heads were published in, where it is kept elsewhere than in the home.
        json: Print the flaws as one JSON list.
    """
    with open_ledger() as ledger:
        file = heads or file_of(settings().home, ledger)
        flaws = [*ledger.audit.flaws(), *_published(ledger, file)]
    if json:
        print_json([{"where": flaw.where, "what": flaw.what} for flaw in flaws])
    elif flaws:
        table(f"{len(flaws)} flaws", ("where", "what"), [(flaw.where, flaw.what) for flaw in flaws])
    else:
        out.print("Every case's history is as it was written, and all that was published is there.")
    if not file.exists():
        out.print(f"No heads are published yet ({file}): the next run does it.", markup=False)
    if flaws:
        raise AuditFailed(count=len(flaws))


def _published(ledger: Ledger, file: Path) -> list[Flaw]:
    if not file.exists():
        return []
    with file.open(encoding="utf-8", errors="replace") as lines:
        told, flaws = read(lines)
    heads = published(told)
    return [*flaws, *missing(heads, ledger.audit.standing(heads))]
