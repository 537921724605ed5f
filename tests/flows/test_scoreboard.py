"""The scoreboard as it is deployed, and as its owner reads it in a terminal, as a page, and with a program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.terminal import in_process
from tests.ticket_shop import PROCESS, Shop

if TYPE_CHECKING:
    from tests.terminal import Command

INDICATORS = ("cycle_time", "cost", "manual_interventions", "predictability")


@pytest.fixture
def shop(prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("FULCRUM_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    return Shop.opened(tmp_path)


@pytest.fixture
def fulcrum(shop: Shop, capfd: pytest.CaptureFixture[str]) -> Command:
    return in_process(capfd)


def test_the_flow_draws_an_artifact_and_a_page(shop: Shop, client: Any, tmp_path: Path) -> None:
    """Both hold the process and no case's content; the page needs no network."""
    from flows.operations.scoreboard import scoreboard

    shop.handle(25)
    state = scoreboard(return_state=True)
    assert state.message.startswith("1 processes; ")
    chosen = {"artifacts": {"key": {"any_": ["scoreboard"]}}}
    (artifact,) = client.request("POST", "/artifacts/filter", json=chosen).json()
    page = (tmp_path / "scoreboard.html").read_text(encoding="utf-8")
    for text in (artifact["data"], page):
        assert PROCESS.title in text
        assert "grinder" not in text
    assert not (tmp_path / "scoreboard.new").exists()


def test_the_command_tells_writes_and_gives_json(shop: Shop, fulcrum: Command, tmp_path: Path) -> None:
    """One ledger, three forms."""
    assert "No process has run yet" in fulcrum("scoreboard").out
    shop.handle(25)
    said = fulcrum("scoreboard", PROCESS.name).out
    assert max(map(len, said.splitlines())) <= 80
    assert all(title in said for title in ("Cycle time", "Cost per case", "Manual work", "Predictability"))
    told = json.loads(fulcrum("scoreboard", "--json").out)
    assert set(INDICATORS) <= set(told["processes"][PROCESS.name])
    file = tmp_path / "board.html"
    assert "Written:" in fulcrum("scoreboard", "--html", str(file)).err
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")
    refused = fulcrum("scoreboard", "--html", str(tmp_path / "none" / "board.html"))
    assert (refused.code, "cannot be written" in refused.words) == (2, True)


def test_the_sample_history_is_a_board_of_its_own(shop: Shop, fulcrum: Command, tmp_path: Path) -> None:
    """Days and hours, marked as a sample wherever they stand; the second time nothing is replayed, nor is it mixed."""
    told = json.loads(fulcrum("scoreboard", "--sample", "--json").out)
    (name,) = told["processes"]
    indicators = [told["processes"][name][each] for each in INDICATORS]
    assert {each["basis"] for each in indicators} == {"sample"}
    assert indicators[0]["verdict"] == "better"
    assert 3600 < indicators[0]["now"] < indicators[0]["before"]
    again = fulcrum("scoreboard", "--sample")
    assert "Replaying" not in again.err
    assert "a sample history of an invented company" in again.words
    with shop.ledger() as ledger:
        assert ledger.reading.cases(name) == []
