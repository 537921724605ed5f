"""The checklist of a process as a build step of `prefect deploy`."""

from __future__ import annotations

import sys

from fulcrum.errors import FulcrumError, NotReady


def ready(process: str) -> dict[str, str]:
    """Let a process that is ready be deployed; end the command, and say which lines fail, for another one.

    A draft is deployed by `fulcrum bootstrap --allow-draft` alone, which sees to it that it only watches.
    """
    try:
        _require(process)
    except FulcrumError as problem:
        # What a step raises, the command shows as a traceback of its own insides.
        sys.stderr.write(f"{problem}\n")
        raise SystemExit(1) from None
    return {}


def _require(process: str) -> None:
    from deployments.readiness.admission import hindrances, named  # noqa: PLC0415 - seconds to import

    held = hindrances(process)
    if held:
        raise NotReady(process=process, lines=named(held))
