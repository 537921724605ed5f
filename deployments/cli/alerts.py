"""Alerts: receiving them on this machine, listing what stands, taking one on."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from deployments.cli.display import out, print_json, say, table
from deployments.cli.opening import open_ledger
from fulcrum.alarms import cause_of
from fulcrum.cases import Json
from fulcrum.errors import UsageError
from fulcrum.ledger.watching import Alarm
from fulcrum.settings import settings


def listed(*, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """List what was told and is not over, the oldest first.

    Args:
        json: Print it as one JSON list.
    """
    with open_ledger() as ledger:
        standing = ledger.alarms.standing()
    if json:
        print_json([_facts(alarm) for alarm in standing])
        return
    if not standing:
        out.print("Nothing stands.")
        return
    rows = [
        (a.id[:8], cause_of(a).severity.value, a.process, _what(a), f"{a.raised_at:%m-%d %H:%M}", a.taken_by)
        for a in standing
    ]
    table("What stands", ("alert", "", "process", "what", "since (UTC)", "taken by"), rows)


def _facts(alarm: Alarm) -> Json:
    cause = cause_of(alarm)
    return {
        "id": alarm.id,
        "severity": cause.severity.value,
        "process": alarm.process,
        "kind": cause.kind,
        "subject": alarm.subject,
        "since": alarm.raised_at,
        "taken_by": alarm.taken_by,
    }


def _what(alarm: Alarm) -> str:
    kind = cause_of(alarm).kind
    return kind if alarm.subject in {kind, kind.partition(".")[0]} else f"{kind}: {alarm.subject}"


def ack(alert: str, *, by: str) -> None:
    """Take an alert on, so that the deputy is not told as well.

    Args:
        alert: Its id, or the beginning of it.
        by: Your name.
    """
    with open_ledger() as ledger:
        found = ledger.alarms.acknowledge(alert, by.strip()) if alert and by.strip() else None
    if found is None:
        raise UsageError(problem=f"no alert {alert} stands, or --by is empty; list them: fulcrum alerts list")
    already = "" if found.taken_by == by.strip() else " already"
    out.print(f"{found.taken_by} looks after {found.process}: {_what(found)}{already}.", markup=False)


def listen(
    *,
    port: Annotated[int | None, Parameter(validator=Number(gte=0, lte=65535))] = None,
    silence: Annotated[int, Parameter(validator=Number(gte=1))] = 900,
    host: str = "127.0.0.1",
) -> None:
    """Receive alerts and signs of life on this machine; print them, and append them to alerts.jsonl in the home.

    POST /alerts takes an alert, POST /heartbeat a sign of life. Once one has come, a silence is an alert of its own.

    Args:
        port: Where it listens; FULCRUM_ALERTS_PORT when left out.
        silence: Seconds without a sign of life after which it says so.
        host: The address it listens at; on a machine of its own, one that the others reach.
    """
    from deployments.listener import serve  # noqa: PLC0415 - it brings the web server

    chosen = settings()
    serve(
        chosen.home / "alerts.jsonl",
        chosen.alerts_port if port is None else port,
        timedelta(seconds=silence),
        say,
        host=host,
    )
