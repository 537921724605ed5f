"""Serving the embedded model, and checking an endpoint."""

from __future__ import annotations

from collections.abc import Callable

from deployments.cli.display import out, say, table
from fulcrum.ai.endpoint import Endpoint
from fulcrum.settings import settings


def serve(*, port: int = 8321, host: str = "127.0.0.1") -> None:
    """Serve the embedded model as an OpenAI-compatible endpoint until Ctrl-C.

    Args:
        port: The port to listen on.
        host: The address to listen on; this machine alone by default.
    """
    import uvicorn  # noqa: PLC0415 - only this command needs a server

    out.print(f"The embedded model answers at http://{host}:{port}/v1 (no key needed). Ctrl-C stops it.")
    uvicorn.run("fulcrum.ai.embedded.app:app", host=host, port=port, log_level="warning")


def check(block: str = "default") -> None:
    """Ask an endpoint once: price, latency, JSON schema, where confidence comes from.

    Args:
        block: Name of the model-endpoint block.
    """
    from fulcrum.ai.check import check as ask  # noqa: PLC0415 - the OpenAI client takes a second

    told = ask(endpoint_of(block, say=say))
    price = "unknown" if told.input_price is None else f"{told.input_price:f} in, {told.output_price:f} out"
    rows = [
        ("model", told.model),
        ("answers", "yes" if told.error is None else f"no: {told.error.value.replace('_', ' ')}"),
        ("latency", f"{told.latency_s:.3f} s"),
        ("price per million tokens", f"{price} {told.currency}"),
        ("JSON schema", "followed" if told.json_schema else "not followed"),
        ("confidence from", told.confidence),
    ]
    table(f"Endpoint {told.endpoint}", ("", ""), rows)
    for warning in told.warnings:
        out.print(f"Warning: {warning}", markup=False)
    if told.error is not None:
        raise SystemExit(1)


def endpoint_of(block: str, *, say: Callable[[str], None]) -> Endpoint:
    """Find an endpoint by its block; on a home that no server has seen yet the default is the embedded model."""
    import os  # noqa: PLC0415 - for this question alone

    untouched = not os.environ.get("PREFECT_API_URL") and not (settings().home / "prefect" / "prefect.db").exists()
    if block == "default" and untouched:
        return Endpoint(name="default")
    from deployments.stack import api  # noqa: PLC0415 - imports Prefect

    with api(say=say):
        from blocks import load_endpoint  # noqa: PLC0415 - see above

        return load_endpoint(block)
