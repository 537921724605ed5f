"""The local stack and what is registered on a server."""

from __future__ import annotations

from deployments.cli.display import out, say


def up() -> None:
    """Keep the local stack running until Ctrl-C: Prefect's server with its UI, and the workers."""
    from deployments.stack import up as run_stack  # noqa: PLC0415 - see deployments/cli/__init__.py

    run_stack(say=say)


def bootstrap() -> None:
    """Migrate the ledger and register blocks, work pools and deployments; safe to repeat."""
    from deployments.stack import api  # noqa: PLC0415

    with api(say=say) as url:
        from deployments.bootstrap import bootstrap as apply  # noqa: PLC0415

        changes = apply(url)
    for change in changes:
        out.print(f"{change.done} {change.kind} {change.name}", markup=False)
    if not changes:
        out.print("Nothing to change.")


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
