"""Seconds from a cause's event to its message over HTTP, on a Prefect server of its own. Last line: one JSON object.

The causes that Fulcrum tells itself, each five times, one after the other; medians.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from statistics import median
from threading import Event, Thread

from deployments.listener import Inbox, server
from deployments.stack import api
from fulcrum.settings import Settings

TIMES = 5


def main() -> None:
    """Run it and print what was measured."""
    from datetime import UTC, datetime, timedelta

    arrived = Event()
    with tempfile.TemporaryDirectory() as home:
        inbox = Inbox(
            Path(home) / "alerts.jsonl", timedelta(days=1), lambda _: arrived.set(), lambda: datetime.now(UTC)
        )
        with server(inbox, 0) as listening:
            Thread(target=listening.serve_forever, daemon=True).start()
            settings = Settings(home=Path(home), port=0, desk_port=0, alerts_port=listening.server_port)
            with api(settings):
                print(json.dumps({"seconds": _measured(settings, arrived)}))
            listening.shutdown()


def _measured(settings: Settings, arrived: Event) -> dict[str, float]:
    from flows.invoice_intake.process import INVOICE_INTAKE
    from fulcrum.alerts import CAUSES
    from fulcrum.ledger import Ledger
    from tasks.alarms import tell

    found: dict[str, float] = {}
    with Ledger.open(settings.ledger_url) as ledger:
        for kind in CAUSES:
            seconds = []
            for _ in range(TIMES):
                arrived.clear()
                began = time.perf_counter()
                tell(ledger, INVOICE_INTAKE, kind, {})
                assert arrived.wait(60), kind
                seconds.append(time.perf_counter() - began)
            found[kind] = round(median(seconds), 2)
    return found


if __name__ == "__main__":
    main()
