"""Whatever a run leaves behind, completed or failed, holds neither a key nor what is in a document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text

from fulcrum.errors import GateFailed
from tests.intake_office import ModelServer, Office, Record, invoice, model_server, names, number_of
from tests.loopback import Asked, http, receiver

KEY = "sk-planted-71d3f0"
CONTENT = "Zwetschgenknödel"


@pytest.fixture
def models(prefect_server: Any) -> Iterator[ModelServer]:
    with model_server() as server:
        yield server


def source_of(folder: Path, *records: dict[str, str]) -> str:
    file = folder / f"in-{len(records)}.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return str(file)


def tables(office: Office) -> str:
    """Write out the whole ledger but the contents of cases."""
    with office.ledger() as ledger, ledger.store.read() as tx:
        found = set(inspect(tx).get_table_names()) - {"contents"}
        rows = {name: [list(row) for row in tx.execute(text(f"SELECT * FROM {name}"))] for name in found}  # noqa: S608 - ours
    return json.dumps(rows, default=str, ensure_ascii=False)


def test_a_planted_key_and_planted_content_are_nowhere(
    prefect_server: Any, client: Any, models: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logs, artifacts, events, results, the ledger's tables, alerts and what is published outside: all are read."""
    from prefect.blocks.notifications import CustomWebhookNotificationBlock
    from pydantic import SecretStr

    office = Office.found(tmp_path / "home", tmp_path / "erp.db")
    monkeypatch.setenv("FULCRUM_AUDIT_FOLDER", str(tmp_path / "audit"))
    model = models.block("planted", api_key=SecretStr(KEY))
    clears, stranger = names(2, "leaks")
    told = [
        {"id": clears, "text": invoice(number_of(clears)).replace("Vibratory", CONTENT)},
        {"id": stranger, "text": invoice(number_of(stranger)).replace("Tolmerin", CONTENT)},
    ]
    blanks = [{"id": f"blank-{n}", "text": f"\x01\x02{CONTENT}\x03" + "\x05" * 20} for n in range(6)]
    alerts: list[Asked] = []

    def take(asked: Asked) -> bytes:
        alerts.append(asked)
        return http(204)

    block: Any = CustomWebhookNotificationBlock.load("fulcrum-alerts")
    before = block.url
    with receiver(take) as url:
        block.url = url
        block.save("fulcrum-alerts", overwrite=True)
        report = office.run(source_of(tmp_path, *told), model=model)
        with pytest.raises(GateFailed):
            office.run(source_of(tmp_path, *blanks), model=model)
        runs = [report.run_id, office.newest_run()["id"]]
        left = {f"{what} of {run}": words for run in runs for what, words in _record(client, run).items()}
        block.url = before
        block.save("fulcrum-alerts", overwrite=True)
    left["alerts"] = "".join(asked.body.decode() for asked in alerts)
    left["ledger"] = tables(office)
    left["heads"] = "".join(file.read_text(encoding="utf-8") for file in (tmp_path / "audit").iterdir())
    for file in (prefect_server.home / "prefect" / "storage").rglob("*"):
        left[str(file)] = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    assert "Failing: noise_share" in left[f"logs of {runs[1]}"] + left["ledger"]
    assert "invoice-intake-incident" in left[f"artifacts of {runs[1]}"]
    assert len(left["heads"]) > 100
    assert [where for where, words in left.items() if KEY in words] == []
    assert [where for where, words in left.items() if CONTENT in words or json.dumps(CONTENT)[1:-1] in words] == []


def _record(client: Any, run_id: str) -> dict[str, str]:
    record = Record(client, run_id)
    return {
        "logs": record.logs(),
        "artifacts": json.dumps(record.artifacts(), ensure_ascii=False),
        "events": json.dumps(record.events(until="fulcrum.run.measured"), ensure_ascii=False),
        "run": json.dumps(client.request("GET", f"/flow_runs/{run_id}").json(), ensure_ascii=False),
    }
