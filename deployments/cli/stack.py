"""The local stack and what is registered on a server."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from deployments.cli.display import out, say


def up(*, allow_draft: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Keep the local stack running until Ctrl-C: Prefect's server with its UI, the workers and the sample help desk.

    Args:
        allow_draft: Deploy a process that is not ready as well, to watch only.
    """
    from deployments.stack import up as run_stack  # noqa: PLC0415 - see deployments/cli/__init__.py

    run_stack(say=say, allow_draft=allow_draft)


def bootstrap(
    *,
    allow_draft: Annotated[bool, Parameter(negative="")] = False,
    check: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Migrate the ledger and register blocks, work pools, deployments and automations; safe to repeat.

    A process that is not ready is refused, and the command exits with 1.

    Args:
        allow_draft: Deploy a process that is not ready as well, to watch only.
        check: Change nothing; say what would be changed, and exit with 1 where that is anything.
    """
    from deployments.stack import api  # noqa: PLC0415

    with api(say=say, bootstrapped=False) as url:
        from deployments.bootstrap import bootstrap as apply  # noqa: PLC0415

        changes = apply(url, allow_draft=allow_draft, check=check)
    for change in changes:
        out.print(f"to be {change}" if check else str(change), markup=False)
    if not changes:
        out.print("Nothing to change.")
    if any(check or change.done == "refused" for change in changes):
        raise SystemExit(1)


def migrate() -> None:
    """Bring the ledger's schema to what this release needs."""
    from fulcrum.ledger import migrate as apply  # noqa: PLC0415
    from fulcrum.ledger.migrate import HEAD  # noqa: PLC0415
    from fulcrum.ledger.store import shown  # noqa: PLC0415
    from fulcrum.settings import settings  # noqa: PLC0415

    url = settings().ledger_url
    before = apply(url)
    done = "is current" if before == HEAD else f"migrated from {before or 'nothing'} to {HEAD}"
    out.print(f"Ledger {shown(url)} {done}.", markup=False)
